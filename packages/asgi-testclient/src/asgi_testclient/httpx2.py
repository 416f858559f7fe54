# Generated from httpx.py by `hatch run unasync`: edit that file.
# fmt: off
"""The clients and transports built on httpx2, whichever httpx2 the package prefers.

    from asgi_testclient.httpx2 import TestClient

    client = TestClient(app, lifespan="off")
    assert client.get("/").text == "hello"

They are httpx2's own classes with the behaviour of this package in front, and work with objects of this httpx2 alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar, Unpack

try:
    import httpx2
except ImportError as exc:
    raise ImportError("asgi_testclient.httpx2 needs httpx2: pip install httpx2") from exc

from ._clients._async.client import AsyncClient
from ._clients._async.stream import AsyncStream
from ._clients._async.transport import AsyncRecord, AsyncTransport
from ._clients._sync.client import Client
from ._clients._sync.stream import Stream
from ._clients._sync.transport import Record, Transport
from ._clients.live import LiveBase, LiveSession
from ._clients.session import Denial
from ._clients.sessions import AsyncWebSocketTestSession, WebSocketTestSession
from ._options import TransportOptions

if TYPE_CHECKING:
    from contextlib import _AsyncGeneratorContextManager, _GeneratorContextManager
    from types import CoroutineType

    from anyio.from_thread import BlockingPortal

    from .server import LiveServer

__all__ = [
    "ASGIResponse",
    "ASGITransport",
    "AsyncASGIResponse",
    "AsyncASGITransport",
    "AsyncTestClient",
    "LiveClient",
    "TestClient",
    "WebSocketDenialResponse",
]

P = ParamSpec("P")
T = TypeVar("T")


class ASGIResponse(httpx2.Response):
    """A response of a TestClient, with the ASGI side of its exchange."""

    asgi: Record
    template: Any
    context: Any


class AsyncASGIResponse(httpx2.Response):
    """A response of an AsyncTestClient, with the ASGI side of its exchange."""

    asgi: AsyncRecord
    template: Any
    context: Any


class WebSocketDenialResponse(httpx2.Response, Denial):  # type: ignore[misc]
    """The response a handshake was denied with, raised as WebSocketDenied; `code` is its status."""


class ResponseStream(Stream, httpx2.SyncByteStream):
    """A response body as it comes."""


class AsyncResponseStream(AsyncStream, httpx2.AsyncByteStream):
    """A response body as it comes, to be awaited."""


class ASGITransport(Transport, httpx2.BaseTransport):
    """Drives an ASGI application for a `httpx2.Client`, on an event loop in a thread of its own.

    Its options are those of TestClient. As a context manager, which the client's own block enters, it runs the
    lifespan.
    """

    library: ClassVar[ModuleType] = httpx2
    response_type = ASGIResponse
    stream_type = ResponseStream

    def __init__(self, app: Any, **options: Unpack[TransportOptions]) -> None:
        super().__init__(app, options)


class AsyncASGITransport(AsyncTransport, httpx2.AsyncBaseTransport):
    """Drives an ASGI application for a `httpx2.AsyncClient`, on the loop it is used on.

    Its options are those of AsyncTestClient. As a context manager, which the client's own block enters, it runs the
    lifespan.
    """

    library: ClassVar[ModuleType] = httpx2
    response_type = AsyncASGIResponse
    stream_type = AsyncResponseStream

    def __init__(self, app: Any, **options: Unpack[TransportOptions]) -> None:
        super().__init__(app, options)


if TYPE_CHECKING:
    # For type checkers: the decorators of a method that has the parameters of httpx2's, and returns our responses.
    Of = Callable[Concatenate[Any, P], Any]
    Returning = Callable[[Callable[..., Any]], Callable[Concatenate[Any, P], T]]
    Streamed = _GeneratorContextManager[ASGIResponse]
    Awaited = CoroutineType[Any, Any, AsyncASGIResponse]
    StreamedAsync = _AsyncGeneratorContextManager[AsyncASGIResponse]

    def _returns(method: Of[P]) -> Returning[P, ASGIResponse]: ...
    def _streams(method: Of[P]) -> Returning[P, Streamed]: ...
    def _returns_async(method: Of[P]) -> Returning[P, Awaited]: ...
    def _streams_async(method: Of[P]) -> Returning[P, StreamedAsync]: ...


class TestClient(Client, httpx2.Client):
    """A `httpx2.Client` whose server is an ASGI application, called in-process.

    The `with` block runs the lifespan. Outside it, the client is ready too, without a lifespan.

    The parameters of Starlette's client:
      app: the application.
      base_url: what relative URLs are joined to.
      raise_server_exceptions: True raises what the application raises; False answers 500, as a server does; "logged"
        also finds what a framework has caught and logged, in `response.asgi.exception`.
      root_path: the scope's `root_path`.
      backend, backend_options: "asyncio" or "trio", and the options of its event loop (`debug`, `loop_factory`,
        `use_uvloop`; those of `trio.run`).
      cookies, headers, follow_redirects: httpx2's.
      client: the scope's `client`.

    Options, by keyword:
      timeout: seconds of each wait for the application, None for no limit.
      lifespan: "auto" goes on if the application knows no lifespan, "on" raises LifespanNotSupported, "raise" raises
        whatever the application raises, "off" runs none.
      strict: "errors" raises broken rules of ASGI and warns of doubtful ones, "all" raises both, "order" checks the
        order of a response's messages alone, "off" nothing.
      ignore: codes of rules that are not checked, such as {"W01"}.
      disconnect_grace: seconds for an application to end after the client left; 0 cancels it at once and silently.
      stream_buffer: unread bytes of a streamed response from which on `send()` waits; 0 waits for each message.
      wait_for_app: False returns a complete response while background work goes on.
      chunks: bytes in each http.request of a body, or the sizes of the pieces; what is left over is the last one.
      disconnect_after: leaves at the "start" of the response or after so many bytes of it; after the "request", or
        after ("request", n) bytes of it. A response that has not begun is a 499.
      bandwidth: bytes a second that the client reads; `send()` waits meanwhile.
      clock: a Clock, whose time the event loop has: sleeps and timeouts pass in milliseconds.
      record: False keeps no messages for `response.asgi` and `last_exchange`.
      state, extensions, server, http_version, spec_version: what the scopes say. An extension of None is withdrawn;
        http_version "2" is a connection of HTTP/2, without the headers and reasons of HTTP/1; from spec_version "2.4"
        on, `send()` raises after the client left.
      sync_on_caller: False leaves synchronous code of Django on threads of asgiref instead of the test's; so does
        "auto" where the thread of the test runs an event loop.
      loop: "per-request" gives each request outside the block an event loop of its own, as Starlette's client does.
      auth, params, event_hooks, default_encoding: httpx2's.
    """

    library: ClassVar[ModuleType] = httpx2
    transport_type = ASGITransport
    session_type = WebSocketTestSession
    denial_response = WebSocketDenialResponse

    @property
    def last_exchange(self) -> Record | None:
        """The ASGI side of the last HTTP exchange, also of one that raised."""
        record: Record | None = self._asgi.last
        return record

    @property
    def portal(self) -> BlockingPortal | None:
        """Anyio's portal to the application's event loop inside the client's block; None outside."""
        return self._asgi.loops.portal() if self._asgi.entered else None

    # fmt: off
    if TYPE_CHECKING:
        @_returns(httpx2.Client.request)
        def request(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.get)
        def get(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.options)
        def options(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.head)
        def head(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.post)
        def post(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.put)
        def put(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.patch)
        def patch(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.delete)
        def delete(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns(httpx2.Client.send)
        def send(self, *args: Any, **kwargs: Any) -> Any: ...  # type: ignore[override]
        @_streams(httpx2.Client.stream)
        def stream(self, *args: Any, **kwargs: Any) -> Any: ...
        def websocket_connect(
            self, url: httpx2.URL | str, subprotocols: Sequence[str] | None = None, **options: Any
        ) -> WebSocketTestSession:
            """Return a WebSocket that opens with its block; a refusal raises WebSocketDenied."""
    # fmt: on


class AsyncTestClient(AsyncClient, httpx2.AsyncClient):
    """A `httpx2.AsyncClient` that calls an ASGI application on the test's own event loop, asyncio or trio.

    Its parameters and options are those of TestClient, except for `backend`, `backend_options`, `clock`,
    `loop` and `sync_on_caller`, which have no meaning here: the loop is the test's.
    """

    library: ClassVar[ModuleType] = httpx2
    transport_type = AsyncASGITransport
    session_type = AsyncWebSocketTestSession
    denial_response = WebSocketDenialResponse

    @property
    def last_exchange(self) -> AsyncRecord | None:
        """The ASGI side of the last HTTP exchange, also of one that raised."""
        record: AsyncRecord | None = self._asgi.last
        return record

    # fmt: off
    if TYPE_CHECKING:
        @_returns_async(httpx2.AsyncClient.request)
        async def request(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.get)
        async def get(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.options)
        async def options(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.head)
        async def head(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.post)
        async def post(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.put)
        async def put(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.patch)
        async def patch(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.delete)
        async def delete(self, *args: Any, **kwargs: Any) -> Any: ...
        @_returns_async(httpx2.AsyncClient.send)
        async def send(self, *args: Any, **kwargs: Any) -> Any: ...  # type: ignore[override]
        @_streams_async(httpx2.AsyncClient.stream)
        def stream(self, *args: Any, **kwargs: Any) -> Any: ...
        def websocket_connect(
            self, url: httpx2.URL | str, subprotocols: Sequence[str] | None = None, **options: Any
        ) -> AsyncWebSocketTestSession:
            """Return a WebSocket that opens with its block; a refusal raises WebSocketDenied."""
    # fmt: on


class LiveClient(LiveBase, httpx2.Client):
    """A `httpx2.Client` of a LiveServer: relative URLs, cookies, streams and WebSockets as with TestClient.

    A WebSocket that is refused raises WebSocketDenied, whose `code` is the status: over a socket a close is a 403.
    """

    library: ClassVar[ModuleType] = httpx2
    denial_response = WebSocketDenialResponse

    if TYPE_CHECKING:

        def __init__(self, server: LiveServer, **options: Any) -> None: ...

        def websocket_connect(
            self, url: httpx2.URL | str, subprotocols: Sequence[str] | None = None, **options: Any
        ) -> LiveSession: ...
