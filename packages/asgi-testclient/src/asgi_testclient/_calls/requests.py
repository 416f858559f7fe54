"""The scope and the body that a server makes of a request, from a request of httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import unquote

from .._options import Settings
from ..types import Scope

BLOCK = 65536  # bytes of a body in one message
Body = bytes | Iterator[bytes] | AsyncIterator[bytes]
# RFC 9113 section 8.2.2, and the handshake of RFC 6455, for which RFC 8441 has an extended CONNECT.
HTTP1_ONLY = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade",
        b"sec-websocket-key",
    }
)  # fmt: skip
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class URL(Protocol):
    """The part of a URL that every httpx has."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def raw_path(self) -> bytes: ...


class Request(Protocol):
    """The part of a request that every httpx has."""

    method: str
    url: Any
    headers: Any
    stream: Any
    extensions: Any

    @property
    def content(self) -> bytes: ...


def http_scope(request: Request, settings: Settings, state: Mapping[str, Any]) -> Scope:
    """Return the scope of a request. The path is decoded once; `raw_path` is as it was sent, without the query."""
    scope = _connection(request, settings, state, request.url.scheme)
    scope["type"] = "http"
    scope["method"] = request.method
    scope["headers"] = _headers(request, settings)
    scope["extensions"] = _copied(settings.http_extensions)
    return scope


def websocket_scope(request: Request, settings: Settings, state: Mapping[str, Any], subprotocols: list[str]) -> Scope:
    """Return the scope of a WebSocket handshake."""
    scheme = "wss" if request.url.scheme in ("https", "wss") else "ws"
    scope = _connection(request, settings, state, scheme)
    scope["type"] = "websocket"
    scope["headers"] = _headers(request, settings)
    scope["subprotocols"] = subprotocols
    scope["extensions"] = _copied(settings.websocket_extensions)
    return scope


def _headers(request: Request, settings: Settings) -> list[tuple[bytes, bytes]]:
    """Return the headers of a scope. Those of HTTP/2 begin with the Host that a server makes of `:authority`."""
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    if settings.multiplexed:
        headers = [pair for pair in headers if pair[0] not in HTTP1_ONLY]
        headers.sort(key=lambda pair: pair[0] != b"host")
    return headers


def _connection(request: Request, settings: Settings, state: Mapping[str, Any], scheme: str) -> dict[str, Any]:
    url: URL = request.url
    raw_path, _, query = url.raw_path.partition(b"?")
    path = raw_path.decode("ascii")
    return {
        "type": "",
        "asgi": {"version": "3.0", "spec_version": settings.spec_version},
        "http_version": settings.http_version,
        "scheme": scheme,
        # Octets that are not UTF-8 are replaced, as by uvicorn; `raw_path` has them.
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": settings.root_path,
        "headers": [],
        "client": settings.client,
        "server": settings.server or (url.host, PORTS.get(scheme) if url.port is None else url.port),
        # A shallow copy for each call (ASGI, Lifespan State): the values are shared, the keys are not.
        "state": dict(state),
        "extensions": {},
    }


def _copied(extensions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: dict(value) for name, value in extensions.items()}


def thread_body(request: Any, httpx: ModuleType) -> Body:
    """Return the bytes of a small body, otherwise an iterator over it."""
    if isinstance(request.stream, httpx.ByteStream):
        return bytes(request.read())
    if not isinstance(request.stream, httpx.SyncByteStream):
        raise RuntimeError("an asynchronous request body needs AsyncTestClient")
    length = _length(request)
    # The caller's own chunks: whoever gives no length wants the application to see where they end.
    if length is None:
        chunks: Iterator[bytes] = iter(request.stream)
        return chunks
    return b"".join(request.stream) if length <= BLOCK else _blocks(request.stream)


async def task_body(request: Any, httpx: ModuleType) -> Body:
    """Return the bytes of a small body, otherwise an iterator over it, for a request of an asynchronous client."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        return bytes(request.read())
    length = _length(request)
    if isinstance(stream, httpx.SyncByteStream):
        return b"".join(stream) if length is not None and length <= BLOCK else _blocks(stream)
    if length is None:
        chunks: AsyncIterator[bytes] = stream.__aiter__()
        return chunks
    if length <= BLOCK:
        return b"".join([chunk async for chunk in stream])
    return _blocks_async(stream)


def _length(request: Any) -> int | None:
    """Return the length that the request declares; None for a stream that is sent as it comes."""
    value: str = request.headers.get("content-length", "")
    # isdigit() is true of superscripts, for which int() raises.
    return int(value) if value.isascii() and value.isdigit() else None


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)


async def _blocks_async(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)
