"""Raw ASGI, by hand: scopes as a server builds them, and a run of an application with every message kept.

    reply = await request(app, "GET", "/", headers=[(b"host", b"example.org")])
    assert (reply.status, reply.body) == (200, b"hello")

Nothing here judges: what the application sent is there as it was sent.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

Message = dict[str, Any]
RawHeaders = list[tuple[bytes, bytes]]


def http_scope(method: str = "GET", path: str = "/", *, query: bytes = b"", headers: Any = (), **extra: Any) -> dict:
    """The scope of an HTTP/1.1 request, as uvicorn builds it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "state": {},
        "extensions": {},
    } | extra


def websocket_scope(path: str = "/", *, subprotocols: Sequence[str] = (), headers: Any = (), **extra: Any) -> dict:
    """The scope of a WebSocket handshake, as uvicorn builds it (it offers denial responses)."""
    scope = http_scope("GET", path, headers=headers)
    del scope["method"]
    return (
        scope
        | {
            "type": "websocket",
            "scheme": "ws",
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
        }
        | extra
    )


@dataclass
class Reply:
    """The messages that an application sent, and the usual readings of them."""

    messages: list[Message] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]

    @property
    def start(self) -> Message:
        return next(m for m in self.messages if m["type"].endswith("http.response.start"))

    @property
    def status(self) -> int:
        return self.start["status"]

    @property
    def headers(self) -> RawHeaders:
        return [(bytes(name), bytes(value)) for name, value in self.start.get("headers", ())]

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"].endswith("http.response.body"))

    @property
    def text(self) -> str:
        return self.body.decode()

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order; names compared as HTTP does."""
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == name.lower().encode()]

    def header(self, name: str) -> str | None:
        """The one value of a header, or None; fails where it is sent twice."""
        values = self.all(name)
        assert len(values) < 2, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None


async def run(app: Any, scope: dict, messages: Iterable[Message] = (), *, reply: Reply | None = None) -> Reply:
    """Call the application once; `receive` returns `messages` in turn, then waits as a quiet client does."""
    reply = Reply() if reply is None else reply
    script = iter(messages)

    async def receive() -> Message:
        for message in script:
            return message
        return await anyio.sleep_forever()

    async def send(message: Message) -> None:
        reply.messages.append(message)

    await app(scope, receive, send)
    return reply


def body_messages(body: bytes | Iterable[bytes]) -> list[Message]:
    """http.request messages for a body in one piece or in chunks."""
    chunks = [body] if isinstance(body, bytes) else list(body) or [b""]
    last = len(chunks) - 1
    return [{"type": "http.request", "body": chunk, "more_body": i < last} for i, chunk in enumerate(chunks)]


def form_part(name: str, content: bytes, filename: str | None = None, content_type: str | None = None) -> bytes:
    """One part of a multipart form whose boundary is B."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    if content_type is not None:
        disposition += f"\r\nContent-Type: {content_type}"
    return b"--B\r\n" + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


def form_body(*parts: bytes) -> bytes:
    """A whole multipart form of these parts."""
    return b"".join(parts) + b"--B--\r\n"


def start_message(headers: Iterable[tuple[bytes, bytes]] = (), status: int = 200, **keys: Any) -> Message:
    """The http.response.start of an application."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **keys}


def body_message(piece: bytes = b"", more: bool = False) -> Message:
    """An http.response.body of an application."""
    return {"type": "http.response.body", "body": piece, "more_body": more}


def sending(*messages: Message) -> Any:
    """An application that sends these messages."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


async def request(
    app: Any, method: str = "GET", path: str = "/", *, body: bytes | Iterable[bytes] = b"", **scope: Any
) -> Reply:
    """One HTTP request; `scope` takes what `http_scope` does."""
    return await run(app, http_scope(method, path, **scope), body_messages(body))


async def garbage_of(call: Callable[[], Awaitable[Any]]) -> int:
    """Return how many objects in reference cycles every call leaves behind.

    Objects of earlier tests are frozen, which keeps them out of the count and makes a collection take microseconds
    instead of seconds. Another thread may still leave some; a cycle of the call comes back each time, but for the first:
    the event loop may hold the last callback until the next call.
    """
    found = []
    gc.freeze()
    for _ in range(5):
        gc.collect()
        gc.disable()
        try:
            await call()
            found.append(gc.collect())
        finally:
            gc.enable()
    return min(found[1:])
