"""A test client as tolerant, as patient and as quick to leave as Starlette's."""

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
    "You should not use the 'timeout' argument with the TestClient. Starlette's ignores it; this one keeps to it, as "
    "asgi_testclient.TestClient does without a warning."
)


class _ASGI2:
    """An ASGI 2 application: called with the scope, its result is called with receive and send."""

    def __init__(self, app: Any) -> None:
        self.app: Callable[[Scope], Callable[[Receive, Send], Awaitable[None]]] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope)(receive, send)


def _is_asgi2(app: Any) -> bool:
    """Return whether the application is called with a scope alone."""
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
    """A transport whose scopes are Starlette's."""

    def prepare_scope(self, scope: Scope) -> Scope:
        """Return the scope with a list as its server, and for a WebSocket without an HTTP version."""
        scope["server"] = list(scope["server"])
        if scope["type"] == "websocket":
            del scope["http_version"]
        return scope


class WebSocketTestSession(asgi_testclient.WebSocketTestSession):
    """One WebSocket; it raises whatever the application did not catch, even the WebSocketDisconnect of its end."""

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
        if isinstance(exc, WebSocketDisconnect):  # where the application failed, this is only how the test met it
            exc_type = exc = traceback = None
        super().__exit__(exc_type, exc, traceback)
        if exc is None:
            self._raise_uncaught(None)

    def _raise_uncaught(self, cause: BaseException | None) -> None:
        if isinstance(self.app_exception, Exception):
            raise self.app_exception from cause


class WebSocketDenialResponse(asgi_testclient.WebSocketDenialResponse):
    """The response a handshake was denied with; its `code` is that of the close it stands for."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """Return the same response once more, as an exception."""
        denial = super().of(response, body)
        denial.code, denial.reason = 1000, ""
        return denial


class TestClient(testclient.TestClient):
    """A test client that checks only the order of messages and waits without a limit.

    Outside its block each request and WebSocket has an event loop of its own. An application whose stream or WebSocket
    is left is cancelled at once. All options of asgi-testclient's client may be given, such as `strict` and `timeout`.
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
            self.cookies = cookies  # the jar itself: two clients may share one

    def request(self, method: Any, url: Any, **options: Any) -> Any:
        """Send a request; a `timeout` is kept to, and warned of as Starlette's client does, which ignores it."""
        if type(options.get("timeout")).__name__ not in ("NoneType", "UseClientDefault"):
            warnings.warn(_TIMEOUT, RequestsDeprecationWarning, stacklevel=2)
        return super().request(method, url, **options)
