"""One framework in a process of its own: told a case and a time, it answers with microseconds per request.

    python worker.py FRAMEWORK CASE          then, on standard input, one line per batch: seconds

A batch calls the application in one running event loop with a fresh copy of a prebuilt scope and minimal receive and
send. CPU time, so that what else the machine does matters less.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, Exchange


class Client:
    """The server's side of one exchange, kept as light as it can be."""

    def __init__(self, exchange: Exchange) -> None:
        self.scope = exchange.scope
        self.messages = exchange.messages
        self.next = 0
        self.quiet: asyncio.Future[None] | None = None

    async def receive(self) -> dict:
        index = self.next
        if index < len(self.messages):
            self.next = index + 1
            return self.messages[index]
        # The client waits for the answer: whoever listens for its leaving is cancelled.
        return await asyncio.get_running_loop().create_future()

    async def send(self, message: dict) -> None:
        pass


async def checked(app, exchange: Exchange) -> None:
    client = Client(exchange)
    sent = []

    async def send(message: dict) -> None:
        sent.append(dict(message))

    await app(dict(exchange.scope), client.receive, send)
    if exchange.scope["type"] == "websocket":
        texts = [m.get("text") for m in sent if m["type"] == "websocket.send"]
        assert texts == ["hello"] * 10, sent
        return
    status = sent[0]["status"]
    assert status == exchange.status, f"{status} instead of {exchange.status}: {sent[:2]}"
    content = b"".join(bytes(m.get("body", b"")) for m in sent[1:])
    expected = exchange.body
    right = expected is None or (expected(content) if callable(expected) else content == expected)
    assert right, f"wrong body: {content[:100]!r}"


async def batch(app, clients: list[Client], seconds: float) -> float:
    """Microseconds of CPU time per request over about so many seconds."""
    count = 0
    step = 1
    begin = time.process_time()
    end = begin + seconds
    while (now := time.process_time()) < end:
        for _ in range(step):
            for client in clients:
                client.next = 0
                await app(client.scope.copy(), client.receive, client.send)
        count += step
        if now - begin < seconds / 4:
            step = min(step * 2, 256)
    return (time.process_time() - begin) / (count * len(clients)) * 1e6


async def main() -> None:
    framework, case = sys.argv[1:3]
    module = importlib.import_module(f"frameworks.{framework}")
    app = module.application(case)
    if inspect.isawaitable(app):
        app = await app
    if app is None:
        print("none", flush=True)
        return
    exchanges = CASES[case].exchanges()
    for exchange in exchanges:
        await checked(app, exchange)
    clients = [Client(exchange) for exchange in exchanges]
    await batch(app, clients, 0.05)
    print("ready", flush=True)
    for line in sys.stdin:
        print(await batch(app, clients, float(line)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
