"""The five sites with every middleware of asgi-middleware in front of them, and one request as a bare server makes it.

`uvicorn --factory integrations.with_middleware:django` serves one site, behind whatever middleware the request header x-middleware names.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import anyio.lowlevel

from contract.conformance.subjects import SUBJECTS, Subject
from raw_asgi import Reply, body_messages, http_scope, websocket_scope

SITES = {
    "django": "Django",
    "quart": "Quart",
    "fastapi": "'fastapi[standard]'",
    "litestar": "litestar",
    "falcon": "falcon",
}
STACKS = [subject for subject in SUBJECTS if subject.path.startswith("asgi_middleware.")]
FORM = (
    b'--edge\r\ncontent-disposition: form-data; name="title"\r\n\r\nA title\r\n'
    b'--edge\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\n'
    + b"content " * 1000
    + b"\r\n--edge--\r\n"
)
MULTIPART = (b"content-type", b"multipart/form-data; boundary=edge")
# Method, path and query, further headers, body: what is asked of every site.
PAGES: list[tuple[str, str, list[tuple[bytes, bytes]], list[bytes]]] = [
    ("GET", "/", [], [b""]),
    ("GET", f"/?name={'x' * 3000}", [], [b""]),
    ("HEAD", f"/?name={'x' * 3000}", [], [b""]),
    ("GET", "/missing", [], [b""]),
    ("GET", "/stream", [], [b""]),
    ("GET", "/redirect", [], [b""]),
    ("GET", "/cookies", [(b"cookie", b"seen=yes")], [b""]),
    ("POST", "/echo", [(b"content-length", b"100000")], [b"abcd" * 5000] * 5),
    ("POST", "/echo", [], [b"abcd" * 5000, b""]),
    ("POST", "/upload", [MULTIPART, (b"content-length", b"%d" % len(FORM))], [FORM[:50], FORM[50:]]),
]


def page_scope(subject: Subject, page: tuple[str, str, list[tuple[bytes, bytes]], list[bytes]]) -> dict:
    method, target, headers, _ = page
    path, _, query = target.partition("?")
    return http_scope(method, path, query=query.encode(), headers=subject.request_headers(*headers), **subject.scope)


async def call_bare(app: Any, scope: dict, chunks: Iterable[bytes] = (b"",), *, messages_wanted: int = 0) -> Reply:
    """One request as uvicorn makes it: a disconnect once the answer is complete, or after so many messages."""
    reply = Reply()
    done = anyio.Event()
    script = body_messages(chunks)

    async def receive() -> Any:
        if script:
            return script.pop(0)
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await anyio.lowlevel.checkpoint()
        if done.is_set():
            return
        reply.messages.append({**message, "headers": list(message["headers"])} if "headers" in message else {**message})
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last or len(reply.messages) == messages_wanted:
            done.set()

    await app(scope, receive, send)
    return reply


def decoded(reply: Reply) -> bytes:
    """The body as a browser reads it."""
    return zlib.decompress(reply.body, 31) if reply.all("content-encoding") == ["gzip"] and reply.body else reply.body


def socket_scope(subject: Subject, path: str) -> dict:
    return websocket_scope(path, headers=subject.request_headers(), subprotocols=["chat"], scheme="wss")


class Wardrobe:
    """A site, and each middleware around it; the request header x-middleware names one, none is the site itself."""

    def __init__(self, site: str) -> None:
        self.app = import_module(f"integrations.site_{site}").create()
        self.wrapped = {subject.id.encode(): subject.make(self.app) for subject in STACKS}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        name = dict(scope["headers"]).get(b"x-middleware")
        await (self.app if name is None else self.wrapped[name])(scope, receive, send)


def __getattr__(name: str) -> Any:
    if name not in SITES:
        raise AttributeError(name)
    return lambda: Wardrobe(name)
