"""Our test clients beside Starlette's and httpx's transport: the same small application, CPU and wall time per request.

    python tests/benchmarks/testclient.py [--rounds 5]

CPU time is that of the whole process, threads included. The clients take turns within each round; medians.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import starlette.testclient

import asgi_testclient

GOALS = {"GET": 0.2, "GET outside with": 0.2, "100 chunks": 0.1, "WebSocket": 0.4, "lifespan": 0.4}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """A small application: a greeting, an echo, 100 chunks, a WebSocket echo and a lifespan."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    elif scope["path"] == "/chunks":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"chunk", "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        body = (await receive())["body"] if scope["method"] == "POST" else b"Hello, World!"
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def get(client: Any) -> None:
    assert client.get("/").text == "Hello, World!"


def post(client: Any) -> None:
    assert client.post("/", json={"message": "hello"}).json() == {"message": "hello"}


def chunks(client: Any) -> None:
    assert client.get("/chunks").text == "chunk" * 100


def echo(websocket: Any) -> None:
    websocket.send_text("hello")
    assert websocket.receive_text() == "hello"


CLIENTS: dict[str, Callable[[], Any]] = {
    "ours": lambda: asgi_testclient.TestClient(app),
    "starlette": lambda: starlette.testclient.TestClient(app),
}


@contextlib.contextmanager
def within(name: str) -> Iterator[Any]:
    """A client inside `with`."""
    with CLIENTS[name]() as client:
        yield client


@contextlib.contextmanager
def websocket(name: str) -> Iterator[Any]:
    """An open WebSocket."""
    with CLIENTS[name]() as client, client.websocket_connect("/ws") as session:
        yield session


@contextlib.contextmanager
def outside(name: str) -> Iterator[Any]:
    """A client that is not entered."""
    client = CLIENTS[name]()
    yield client
    client.close()


def lifespan(name: str) -> None:
    with CLIENTS[name]():
        pass


ROWS: dict[str, tuple[Callable[[str], Any], Callable[[Any], None]]] = {
    "GET": (within, get),
    "GET outside with": (outside, get),
    "POST JSON": (within, post),
    "100 chunks": (within, chunks),
    "WebSocket": (websocket, echo),
    "lifespan": (contextlib.nullcontext, lifespan),
}


def batch(call: Callable[[Any], None], client: Any, seconds: float = 0.15) -> tuple[float, float]:
    """Microseconds of CPU and of wall time per call."""
    count, cpu, wall = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - wall < seconds:
        call(client)
        count += 1
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6


async def async_batch(call: Callable[[], Awaitable[Any]], seconds: float = 0.15) -> tuple[float, float]:
    """The same for what is awaited."""
    count, cpu, wall = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - wall < seconds:
        assert (await call()).text == "Hello, World!"
        count += 1
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6


def sync_row(row: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """The figures of every sync client."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
    entered, call = ROWS[row]
    for _ in range(rounds):
        for name, batches in figures.items():
            with entered(name) as client:
                call(client)
                batches.append(batch(call, client))
    return figures


async def async_row(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """A GET with our async client, and with httpx's transport."""
    figures: dict[str, list[tuple[float, float]]] = {}
    async with contextlib.AsyncExitStack() as stack:
        clients = {"ours, async": await stack.enter_async_context(asgi_testclient.AsyncTestClient(app))}
        for name in ("httpx2", "httpx"):
            with contextlib.suppress(ImportError):
                httpx = __import__(name)
                client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver")
                clients[f"{name}.ASGITransport"] = await stack.enter_async_context(client)
        for _ in range(rounds):
            for name, client in clients.items():
                figures.setdefault(name, []).append(await async_batch(lambda client=client: client.get("/")))
    return figures


def show(row: str, figures: dict[str, list[tuple[float, float]]]) -> None:
    """Print the lines of one row."""
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()
    }
    reference = medians.get("starlette")
    for name, (cpu, wall) in medians.items():
        share = f"{cpu / reference[0]:.3f}" if reference else ""
        goal = f"{GOALS[row]:g}" if name == "ours" and row in GOALS else ""
        print(f"| {row} | {name} | {cpu:.1f} | {wall:.1f} | {share} | {goal} |", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("| what | client | CPU us | wall us | share of Starlette's CPU | goal |\n|---|---|---:|---:|---:|---:|")
    for row in ROWS:
        show(row, sync_row(row, rounds))
    show("GET", asyncio.run(async_row(rounds)))


if __name__ == "__main__":
    main()
