"""A test client with Starlette's checks, timeouts and disconnects."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Mapping
from http.cookiejar import CookieJar
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

import asgi_testclient
from asgi_requests.concurrency import is_async_callable
from asgi_requests.exceptions import RequestsDeprecationWarning
from asgi_requests.websockets import WebSocketDisconnect

from .. import testclient
from ..types import ASGIApp, Receive, Scope, Send

# Starlette's test client offers none of these, and applications take other branches with them.
_NOT_OFFERED = ("http.response.early_hint", "http.response.pathsend", "http.response.zerocopysend")
_LIKE_STARLETTE: dict[str, Any] = {
    "strict": "order",
    "lifespan": "raise",
    "loop": "per-request",
    "timeout": None,
    "disconnect_grace": 0,
    "stream_buffer": 0,
    "record": False,
    "extensions": dict.fromkeys(_NOT_OFFERED),
}
_TIMEOUT = (
    "You should not use the 'timeout' argument with the TestClient. Starlette's ignores it; this one respects it, as "
    "asgi_testclient.TestClient does without a warning."
)


class _ASGI2:
    """An ASGI 2 application, which is called with the scope, and its result with receive and send."""

    def __init__(self, app: Any) -> None:
        self.app: Callable[[Scope], Callable[[Receive, Send], Awaitable[None]]] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope)(receive, send)


def _is_asgi2(app: Any) -> bool:
    """Return whether the application takes only a scope."""
    # The class of an ASGI 3 endpoint is awaitable when it is called with three arguments (HTTPEndpoint).
    if inspect.isclass(app):
        return not hasattr(app, "__await__")
    if is_async_callable(app):
        return False
    try:
        parameters = inspect.signature(app)
    except (TypeError, ValueError):
        return False
    try:
        parameters.bind("scope", "receive", "send")
    except TypeError:
        return True
    return False


class ASGITransport(asgi_testclient.ASGITransport):
    """A transport with scopes like those of Starlette's test client."""

    def prepare_scope(self, scope: Scope) -> Scope:
        """Return the scope with a list as its server, and for a WebSocket without an HTTP version."""
        scope["server"] = list(scope["server"])
        if scope["type"] == "websocket":
            del scope["http_version"]
        return scope


class WebSocketTestSession(asgi_testclient.WebSocketTestSession):
    """A WebSocket that raises every unhandled exception of the application, even its final WebSocketDisconnect."""

    __test__ = False

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except WebSocketDisconnect as refusal:
            self._raise_uncaught(refusal)
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, WebSocketDisconnect):  # if the application failed this is only the consequence
            exc_type = exc = traceback = None
        super().__exit__(exc_type, exc, traceback)
        if exc is None:
            self._raise_uncaught(None)

    def _raise_uncaught(self, cause: BaseException | None) -> None:
        if isinstance(self.app_exception, Exception):
            raise self.app_exception from cause


class WebSocketDenialResponse(asgi_testclient.WebSocketDenialResponse):
    """The response to a denied handshake; its `code` is that of the corresponding close."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """Return a response as an exception."""
        denial = super().of(response, body)
        denial.code, denial.reason = 1000, ""
        return denial


class TestClient(testclient.TestClient):
    """A test client that checks only the order of messages, and waits without a limit.

    Outside its block each request and WebSocket has its own event loop. If a test leaves a stream or WebSocket the
    application is cancelled at once. All options of asgi-testclient's client are accepted, such as `strict` and
    `timeout`.
    """

    __test__ = False
    transport_type = ASGITransport
    session_type = WebSocketTestSession
    denial_response = WebSocketDenialResponse
    handshake_headers: ClassVar[Mapping[str, str]] = {
        "connection": "upgrade",
        "sec-websocket-key": "testserver==",
        "sec-websocket-version": "13",
    }

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: Any = None,
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] | None = ("testclient", 50000),
        **options: Any,
    ) -> None:
        super().__init__(
            _ASGI2(app) if _is_asgi2(app) else app,
            base_url,
            raise_server_exceptions,
            root_path,
            backend,
            backend_options,
            cookies,
            headers,
            follow_redirects,
            client,
            **{**_LIKE_STARLETTE, **options},
        )
        if isinstance(cookies, CookieJar):
            self.cookies = cookies  # the same jar, not a copy: two clients may share one

    def request(self, method: Any, url: Any, **options: Any) -> Any:
        """Send a request; warns of a `timeout`, as Starlette's client does, but respects it."""
        if type(options.get("timeout")).__name__ not in ("NoneType", "UseClientDefault"):
            warnings.warn(_TIMEOUT, RequestsDeprecationWarning, stacklevel=2)
        return super().request(method, url, **options)
