"""One exchange through a middleware that stands between two Lints, and readings of what came out."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from asgi_testclient import Lint
from raw_asgi import Reply, body_messages, http_scope, run, websocket_scope

from .subjects import Subject

# W06 is a clock, W07 is about clients of HTTP/1.0, and the rest about what an application here does on purpose.
IGNORED = frozenset({"W06", "W07"})


class Linted:
    """A middleware around an application, with a Lint on either side."""

    def __init__(self, subject: Subject, app: Any, *ignore: str) -> None:
        codes = IGNORED | subject.ignore | set(ignore)
        self.inner = Lint(app, strict="all", ignore=codes)
        self.middleware = subject.make(self.inner)
        self.outer = Lint(self.middleware, strict="all", ignore=codes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.outer(scope, receive, send)

    def assert_clean(self) -> None:
        self.inner.assert_clean()
        self.outer.assert_clean()


def sending(*messages: Any) -> Any:
    """An application that sends these messages."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def page(body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = (), *, length: bool = True) -> Any:
    """The two messages of a page."""
    head = [(b"content-type", b"text/plain"), *headers]
    if length:
        head.append((b"content-length", b"%d" % len(body)))
    return {"type": "http.response.start", "status": status, "headers": head}, {
        "type": "http.response.body",
        "body": body,
    }


def touching(subject: Subject, app: Any) -> Any:
    """The application, once it has done what makes the middleware act."""

    async def touched(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            subject.touch(scope)
        await app(scope, receive, send)

    return touched


def acting_scope(subject: Subject, *more: tuple[bytes, bytes], **extra: Any) -> dict:
    """A request on which the middleware acts."""
    method = extra.pop("method", "GET")
    path = extra.pop("path", "/")
    return http_scope(method, path, headers=subject.request_headers(*more), **subject.scope, **extra)


def socket_scope(subject: Subject, *more: tuple[bytes, bytes], **extra: Any) -> dict:
    """A handshake on which the middleware acts, if it acts on any."""
    scheme = {"https": "wss"}.get(subject.scope.get("scheme", ""), "ws")
    return websocket_scope(headers=subject.request_headers(*more), **{"scheme": scheme} | extra)


async def call(app: Any, scope: dict, *, body: bytes | Iterable[bytes] = b"", reply: Reply | None = None) -> Reply:
    """Call an application, and where it stands between Lints find both content."""
    try:
        return await run(app, scope, body_messages(body), reply=reply)
    finally:
        if isinstance(app, Linted):
            app.assert_clean()


async def visit(subject: Subject, *messages: Any, ignore: Iterable[str] = (), **scope: Any) -> Reply:
    """The reply to one request, through the middleware between Lints, of an application that sends these messages."""
    linted = Linted(subject, touching(subject, sending(*messages)), *ignore)
    return await call(linted, acting_scope(subject, **scope))


def decoded(reply: Reply) -> bytes:
    """The body as a browser reads it."""
    if reply.all("content-encoding") != ["gzip"]:
        return reply.body
    reader = zlib.decompressobj(31)
    text = reader.decompress(reply.body)
    assert not reader.unused_data
    return text


def received_so_far(reply: Reply) -> bytes:
    """As much of the body as a browser can read while it still arrives."""
    return decoded(reply) if reply.messages else b""


def tokens(reply: Reply, name: str) -> list[str]:
    """The members of a list header, in lower case."""
    return [token.strip().lower() for value in reply.all(name) for token in value.split(",")]
