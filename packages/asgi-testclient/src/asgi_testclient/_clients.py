"""The clients, bound to no httpx yet: what they are told, and what they add to httpx's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from http.cookiejar import CookieJar
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from ._checks import Strict
from ._records import Record
from ._settings import Extensions, LifespanMode, RaiseServerExceptions
from ._transports import STREAM, WEBSOCKET, TaskTransport, ThreadTransport
from .websockets import AsyncWebSocketTestSession, WebSocketDisconnect, WebSocketTestSession

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    Cooperative: Any
else:
    Cooperative = object


class Client(Cooperative):  # type: ignore[misc]
    """The behaviour that both clients share; `app_state` is the state of the lifespan.

    Subclasses may set `websocket_disconnect`, the exception of a close, and `handshake_headers`, those that a WebSocket
    handshake has unless the caller gives others.
    """

    __test__ = False
    httpx: ClassVar[ModuleType]
    transport_type: ClassVar[type[Any]]
    denial_response: ClassVar[type[Any]]
    websocket_disconnect: ClassVar[type[Exception]] = WebSocketDisconnect
    handshake_headers: ClassVar[Mapping[str, str]] = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "dGhlIHRlc3QgY2xpZW50IQ==",
        "sec-websocket-version": "13",
    }

    def __init__(
        self,
        app: Any,
        base_url: Any = "http://testserver",
        raise_server_exceptions: RaiseServerExceptions = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: Mapping[str, Any] | None = None,
        cookies: Any = None,
        headers: Any = None,
        follow_redirects: bool = True,
        client: tuple[str, int] | None = ("testclient", 50000),
        *,
        lifespan: LifespanMode = "auto",
        strict: Strict = "errors",
        ignore: Iterable[str] = (),
        timeout: float | None = 10.0,
        disconnect_grace: float = 1.0,
        stream_buffer: int = 65536,
        wait_for_app: bool = True,
        spec_version: str = "2.3",
        http_version: str = "1.1",
        extensions: Extensions | None = None,
        state: Mapping[str, Any] | None = None,
        server: tuple[str, int | None] | None = None,
        sync_on_caller: bool | Literal["auto"] = "auto",
        loop: Literal["persistent", "per-request"] = "persistent",
        auth: Any = None,
        params: Any = None,
        event_hooks: Any = None,
        default_encoding: str | Callable[[bytes], str] = "utf-8",
        record: bool = True,
    ) -> None:
        self.app = app
        self.async_backend = {"backend": backend, "backend_options": dict(backend_options or {})}
        self._asgi = self.transport_type(
            app,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            backend=backend,
            backend_options=backend_options,
            client=client,
            lifespan=lifespan,
            strict=strict,
            ignore=ignore,
            timeout=timeout,
            disconnect_grace=disconnect_grace,
            stream_buffer=stream_buffer,
            wait_for_app=wait_for_app,
            spec_version=spec_version,
            http_version=http_version,
            extensions=extensions,
            state=state,
            server=server,
            sync_on_caller=sync_on_caller,
            loop=loop,
            record=record,
        )
        self.app_state: dict[str, Any] = self._asgi.app_state
        own_headers = self.httpx.Headers(headers)
        own_headers.setdefault("user-agent", "testclient")
        super().__init__(
            transport=self._asgi,
            base_url=base_url,
            cookies=_copied(cookies),
            headers=own_headers,
            follow_redirects=follow_redirects,
            timeout=timeout,
            auth=auth,
            params=params,
            event_hooks=event_hooks,
            default_encoding=default_encoding,
        )

    @property
    def last_exchange(self) -> Record[Any] | None:
        """The ASGI side of the last HTTP exchange, also of one that raised."""
        record: Record[Any] | None = self._asgi.last
        return record

    def _handshake(
        self, url: Any, subprotocols: Sequence[str] | None, options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The request that opens a WebSocket, and the options it is sent with."""
        sending = {"follow_redirects": options.pop("follow_redirects", False)}
        if "auth" in options:
            sending["auth"] = options.pop("auth")
        headers = self.httpx.Headers(options.pop("headers", None))
        for name, value in self.handshake_headers.items():
            headers.setdefault(name, value)
        if subprotocols is not None:
            headers.setdefault("sec-websocket-protocol", ", ".join(subprotocols))
        offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
        request = self.build_request("GET", self._web_url(url), headers=headers, **options)
        request.extensions = {**request.extensions, WEBSOCKET: offered}
        return request, sending

    def _web_url(self, url: Any) -> Any:
        """The URL with http or https for ws or wss: cookies and ports follow the former."""
        address = self.httpx.URL(url)
        scheme = {"ws": "http", "wss": "https"}.get(address.scheme)
        return address.copy_with(scheme=scheme) if scheme else address


def _told(request: Any, stream: bool) -> Any:
    """The request, and in it for the transport whether its caller streams."""
    request.extensions = {**request.extensions, STREAM: stream}
    return request


def _copied(cookies: Any) -> Any:
    """The cookies; a jar is copied, for httpx would write into it."""
    if not isinstance(cookies, CookieJar):
        return cookies
    jar = CookieJar()
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar


class ThreadClient(Client):
    """Drives an application on a loop thread of the client's own, which lasts until `close()` or its block ends."""

    session_type: ClassVar[type[WebSocketTestSession]] = WebSocketTestSession
    _asgi: ThreadTransport

    def __enter__(self) -> Self:
        self._asgi.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._asgi.__exit__(exc_type, exc_value, traceback)

    def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Send a request; `stream` True gives the response at its start."""
        return super().send(_told(request, stream), stream=stream, **options)

    def websocket_connect(
        self, url: Any, subprotocols: Sequence[str] | None = None, **options: Any
    ) -> WebSocketTestSession:
        """A WebSocket, opened by a `with` block; the options are those of a request. Honours `base_url` and cookies.

        Raises WebSocketDenied on entering where the application refuses.
        """
        return self.session_type(self, *self._handshake(url, subprotocols, options))

    @property
    def portal(self) -> BlockingPortal | None:
        """Anyio's portal to the application's event loop inside the client's block; None outside."""
        return self._asgi.portal() if self._asgi.entered else None

    def portal_call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or await a coroutine function, on the application's loop, and give its result."""
        return self._asgi.portal_call(function, *args)

    def wait_idle(self, timeout: float | None = 10.0) -> bool:
        """Wait until no task of the application is left but its lifespan's; False when the time is over first."""
        return self._asgi.wait_idle(timeout)


class TaskClient(Client):
    """Drives an application on the loop of the test, asyncio or trio. Safe in fixtures of any scope."""

    _asgi: TaskTransport

    async def __aenter__(self) -> Self:
        await self._asgi.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._asgi.__aexit__(exc_type, exc_value, traceback)

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Send a request; `stream` True gives the response at its start."""
        return await super().send(_told(request, stream), stream=stream, **options)

    def websocket_connect(
        self, url: Any, subprotocols: Sequence[str] | None = None, **options: Any
    ) -> AsyncWebSocketTestSession:
        """A WebSocket, opened by `async with` or `await`; the options are those of a request.

        Raises WebSocketDenied where the application refuses.
        """
        return AsyncWebSocketTestSession(self, *self._handshake(url, subprotocols, options))

    async def portal_call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or await a coroutine function; it is on the application's loop already."""
        result = function(*args)
        return await result if hasattr(result, "__await__") else result

    async def wait_idle(self, timeout: float | None = 10.0) -> bool:  # noqa: ASYNC109 - it returns, it does not raise
        """Wait until no application is at work after its response; False when the time is over first."""
        return await self._asgi.wait_idle(timeout)
