"""Four times the load that a CPU-bound application can bear, with and without ConcurrencyLimitMiddleware.

    python tests/benchmarks/overload.py [--seconds 8]

uvicorn serves an application that computes for 50 ms a request, in steps. First it is asked as fast as it answers: that
is its best. Then requests arrive at four times that rate, whether or not others were answered, from clients who wait for
one second. What counts are right answers within that second, once the first three are over. Fails where they fall below
90 % of the best with the middleware, or stay above half of it without.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from serving import HERE, free_port, serving

WORK_S, STEPS = 0.05, 50
PATIENCE_S = 1.0
SETTLING_S = 3.0
OVERLOAD = 4
REQUEST = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


async def unlimited(scope: Any, receive: Any, send: Any) -> None:
    """Compute for 50 ms, and let others in between."""
    if scope["type"] != "http":
        return
    for _ in range(STEPS):
        begun = time.thread_time()
        while time.thread_time() - begun < WORK_S / STEPS:
            pass
        await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def limited() -> Any:
    """The same application, two requests at a time, and eight that wait."""
    from asgi_middleware.concurrency import ConcurrencyLimitMiddleware

    return ConcurrencyLimitMiddleware(unlimited, 2, queue=8, wait=PATIENCE_S / 2)


@contextlib.contextmanager
def serving_one(name: str) -> Iterator[int]:
    """Run uvicorn with one of the two, and give its port."""
    port = free_port()
    words = ["uvicorn", f"overload:{name}", "--port", str(port), *(["--factory"] if name == "limited" else [])]
    words += ["--log-level", "critical", "--http", "httptools", "--lifespan", "off"]
    with serving(*words, port=port, PYTHONPATH=str(HERE)):
        yield port


class Clients:
    """Clients over connections that are kept: each asks, and leaves if there is no answer in time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answered: list[float] = []
        self.refused = self.left = 0

    async def ask(self) -> bool:
        """Ask once; note when a right answer came, and return whether there was one."""
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(REQUEST)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            self.left += 1
            writer.close()
            return False
        self.idle.append((reader, writer))
        if not head.startswith(b"http/1.1 200"):
            self.refused += 1
            return False
        self.answered.append(time.monotonic())
        return True

    def per_second(self, since: float, until: float) -> float:
        """Right answers a second."""
        return sum(since <= moment < until for moment in self.answered) / (until - since)

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()


async def best(port: int, seconds: float) -> float:
    """Answers a second where two clients ask again as soon as they have one."""
    clients = Clients(port)
    begun = time.monotonic()

    async def keep_asking() -> None:
        while time.monotonic() < begun + seconds:
            await clients.ask()

    await asyncio.gather(keep_asking(), keep_asking())
    clients.close()
    return clients.per_second(begun + seconds / 4, begun + seconds)


async def overloaded(port: int, rate: float, seconds: float) -> tuple[float, int, int]:
    """Answers in time a second, and how many were refused and how many left, where so many a second arrive."""
    clients = Clients(port)
    begun = time.monotonic()
    tasks = set()
    for number in range(int(rate * (seconds + SETTLING_S))):
        await asyncio.sleep(max(0, begun + number / rate - time.monotonic()))
        task = asyncio.create_task(clients.ask())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    figure = clients.per_second(begun + SETTLING_S, time.monotonic())
    await asyncio.gather(*tasks)
    clients.close()
    return figure, clients.refused, clients.left


async def measure(seconds: float) -> bool:
    """Print the table, and return whether the middleware keeps what it promises."""
    with serving_one("unlimited") as port:
        # The better of two: what else the machine does may have fallen into one of them.
        most = max([await best(port, seconds / 2), await best(port, seconds / 2)])
    shares = {}
    print(f"| {OVERLOAD} times the load | in time a second | of the best | refused | left |\n|---|---:|---:|---:|---:|")
    print(f"| the best, {most:.0f} a second arrive | {most:.1f} | 100 % | 0 | 0 |", flush=True)
    for name in ("unlimited", "limited"):
        with serving_one(name) as port:
            figure, refused, left = await overloaded(port, OVERLOAD * most, seconds)
        shares[name] = figure / most
        print(f"| {name} | {figure:.1f} | {shares[name]:.0%} | {refused} | {left} |", flush=True)
    return shares["limited"] >= 0.9 and shares["unlimited"] <= 0.5


def main() -> None:
    """Measure by the command line's options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    if not asyncio.run(measure(options.seconds)):
        sys.exit("the limit does not keep 90 % of the best, or there was no overload without it")


if __name__ == "__main__":
    main()
