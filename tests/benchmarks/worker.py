"""One framework in a process of its own: it reads a case and a time, and answers with microseconds per request.

    python worker.py FRAMEWORK CASE          then, on standard input, one line per batch: seconds

A batch calls the application in one running event loop with a fresh copy of a prebuilt scope and minimal receive and
send. CPU time, and of the slices of a batch the lower quartile: what else a machine does only ever adds.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, Exchange

SLICE = 0.004
"""The least CPU time of a slice, in seconds."""

ALONE = ("bare", "ours", "starlette")
"""Those whose classes work with no framework around them."""

STREAMING = ("bare", "ours", "falcon")
"""Those that give the parts of a form while they arrive."""

MSGSPEC = ("bare", "ours", "starlette", "litestar", "falcon", "blacksheep", "laminite", "fasterapi")
"""Those that write JSON with msgspec by themselves, or by an option or a class that their documentation describes."""

READING_BY_MSGSPEC = tuple(name for name in MSGSPEC if name != "starlette")
"""Those that read it so, too."""

KEEPING = ("bare", "ours", "falcon", "starlette")
"""Those whose upload is kept in a temporary file for `upload_kept`; for `upload`, all but Falcon's are."""


class Client:
    """The server's side of one exchange, kept as light as it can be."""

    def __init__(self, exchange: Exchange) -> None:
        self.scope = exchange.scope
        self.messages = exchange.messages
        self.next = 0
        self.waiting: asyncio.Future[dict] | None = None

    async def receive(self) -> dict:
        index = self.next
        if index < len(self.messages):
            self.next = index + 1
            return self.messages[index]
        # The client waits for the answer. A receive that waits is cancelled, or returns when the answer has ended.
        self.waiting = asyncio.get_running_loop().create_future()
        return await self.waiting

    async def send(self, message: dict) -> None:
        if self.waiting is not None and message["type"] == "http.response.body" and not message.get("more_body"):
            waiting, self.waiting = self.waiting, None
            if not waiting.done():
                waiting.set_result({"type": "http.disconnect"})


async def answered(app, exchange: Exchange) -> list[dict]:
    """The messages that the application sends."""
    client = Client(exchange)
    sent = []

    async def send(message: dict) -> None:
        sent.append(dict(message))
        await client.send(message)

    await app(dict(exchange.scope), client.receive, send)
    return sent


async def checked(app, exchange: Exchange) -> None:
    """Raise AssertionError where the answer is not what the case asks for."""
    if exchange.cookie_first:
        head = (await answered(app, exchange))[0]
        cookies = [value.partition(b";")[0] for name, value in head["headers"] if name.lower() == b"set-cookie"]
        exchange.scope["headers"].append((b"cookie", cookies[0]))
    sent = await answered(app, exchange)
    if exchange.scope["type"] == "websocket":
        texts = [m.get("text") for m in sent if m["type"] == "websocket.send"]
        assert texts == ["hello"] * 10, sent
        return
    if exchange.status == 0:
        assert sent == [], sent
        return
    status = sent[0]["status"]
    assert status == exchange.status, f"{status} instead of {exchange.status}: {sent[:2]}"
    content = b"".join(bytes(m.get("body", b"")) for m in sent[1:])
    expected = exchange.body
    right = expected is None or (expected(content) if callable(expected) else content == expected)
    assert right, f"wrong body: {content[:100]!r}"


async def batch(app, clients: list[Client], seconds: float) -> float:
    """Microseconds of CPU time per request, measured over about so many seconds."""
    slices = []
    count = 1
    begin = now = time.process_time()
    while now < begin + seconds or not slices:
        started = now
        for _ in range(count):
            for client in clients:
                client.next = 0
                await app(client.scope.copy(), client.receive, client.send)
        now = time.process_time()
        if now - started < SLICE:
            count *= 2
        else:
            slices.append((now - started) / (count * len(clients)) * 1e6)
    return sorted(slices)[len(slices) // 4]


async def application(framework: str, case: str) -> Any:
    """The application of a framework for a case, or None where it has no such thing."""
    able = {
        "upload_kept": KEEPING,
        "upload_parts": STREAMING,
        "json_msgspec": MSGSPEC,
        "post_json_msgspec": READING_BY_MSGSPEC,
    }
    if framework not in (ALONE if case.startswith("alone_") else able.get(case, (framework,))):
        return None
    app = importlib.import_module(f"frameworks.{framework}").application(case.removesuffix("_many"))
    return await app if inspect.isawaitable(app) else app


async def main() -> None:
    framework, case = sys.argv[1:3]
    app = await application(framework, case)
    if app is None:
        print("none", flush=True)
        return
    exchanges = CASES[case].exchanges()
    async with asyncio.timeout(20):
        for exchange in exchanges:
            await checked(app, exchange)
    clients = [Client(exchange) for exchange in exchanges]
    await batch(app, clients, 0.05)
    print("ready", flush=True)
    for line in sys.stdin:
        print(await batch(app, clients, float(line)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
