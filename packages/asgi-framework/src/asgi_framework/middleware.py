"""Middlewares of asgi-middleware with handlers and backends that take requests and return responses.

    from asgi_framework.middleware import AuthenticationMiddleware, ExceptionMiddleware, ServerErrorMiddleware

Handlers take `(request, exc)` and return a response; a backend gets an HTTPConnection. All other middlewares are used
unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import asgi_middleware.authentication
import asgi_middleware.errors
import asgi_middleware.exceptions
from asgi_middleware.errors import debug_answer
from asgi_middleware.exceptions import answer_itself
from asgi_requests.exceptions import ClientDisconnect, HTTPException, WebSocketException
from asgi_requests.requests import HTTPConnection, Request
from asgi_requests.responses import PlainTextResponse, Response
from asgi_requests.websockets import WebSocket

from ._handlers import ExceptionHandler, call_handler, connection_of, has_started, send_answer
from ._signatures import fitting, not_a_response
from .types import ASGIApp, Receive, Scope, Send

__all__ = [
    "AuthenticationMiddleware",
    "ExceptionHandler",
    "ExceptionMiddleware",
    "ServerErrorMiddleware",
]


class ExceptionMiddleware(asgi_middleware.exceptions.ExceptionMiddleware):
    """Middleware that answers exceptions by status, then by class, with handlers `(request, exc) -> response`.

    The default handlers of HTTPException and WebSocketException are methods that a subclass may override.
    """

    def __init__(
        self, app: ASGIApp, handlers: Mapping[Any, ExceptionHandler] | None = None, debug: bool = False
    ) -> None:
        super().__init__(app, debug=debug, status_exception=HTTPException)
        defaults: dict[Any, Any] = {HTTPException: self.http_exception, WebSocketException: self.websocket_exception}
        for key, default in defaults.items():
            super().add_exception_handler(key, default)
        # Neither overridden nor patched: the exceptions send the same response, without a Request for the handler.
        self._unchanged = [it for it in defaults.values() if getattr(it, "__func__", None) in _DEFAULT_HANDLERS]
        for key, handler in (handlers or {}).items():
            self.add_exception_handler(key, handler)

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Add a handler; warns of one, by name, that does not take a request and an exception."""
        super().add_exception_handler(exc_class_or_status_code, check_handler(handler))

    async def http_exception(self, request: Request[Any], exc: Exception) -> Response:
        """Return the response to an HTTPException."""
        assert isinstance(exc, HTTPException)
        if type(exc).__call__ is not HTTPException.__call__:
            return cast("Response", exc)  # a subclass that sends its own response, as an ASGI application
        if exc.status_code in (204, 304):  # these have no body (RFC 9110 §15.3.5, §15.4.5)
            return Response(status_code=exc.status_code, headers=exc.headers)
        return PlainTextResponse(exc.detail, exc.status_code, exc.headers)

    async def websocket_exception(self, websocket: WebSocket[Any], exc: Exception) -> None:
        """Close the WebSocket with the code and reason of a WebSocketException."""
        assert isinstance(exc, WebSocketException)
        await websocket.close(exc.code, exc.reason)

    def handler_for(self, exc: Exception) -> Any:
        """Return the handler of an exception, or None; `answer_itself` for an unchanged default handler."""
        # A class that has an unchanged handler itself, as HTTPException has, needs no look along its bases.
        if not self._status_handlers and self._exception_handlers.get(exc.__class__) in self._unchanged:
            return answer_itself
        handler = asgi_middleware.exceptions.ExceptionMiddleware.handler_for(self, exc)  # super() takes twice as long
        return answer_itself if handler in self._unchanged else handler

    async def respond(
        self, handler: Any, exc: Exception, scope: Scope, receive: Receive, send: Send, connection: Any = None
    ) -> None:
        """Call a handler with `connection`, or with a new request or WebSocket, and send its response."""
        if handler is answer_itself:
            if isinstance(exc, WebSocketException) and scope["type"] == "http":
                raise exc  # a close code means nothing to a request: it is unhandled, and answered with 500
            application: Any = exc
            await application(scope, receive, send)
            return
        given = connection_of(scope, receive, send) if connection is None else connection
        response = await call_handler(handler, given, exc)
        await send_answer(handler, response, connection, scope, receive, send)


_DEFAULT_HANDLERS: tuple[Any, ...] = (ExceptionMiddleware.http_exception, ExceptionMiddleware.websocket_exception)


class ServerErrorMiddleware(asgi_middleware.errors.ServerErrorMiddleware):
    """Middleware that answers an unhandled exception with 500 or by `handler(request, exc)`, and raises it again.

    A ClientDisconnect is not raised again: a client that leaves during an upload is not an error of the server.
    """

    def __init__(
        self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False, *, show_locals: bool = False
    ) -> None:
        handler = None if handler is None else check_handler(handler)
        super().__init__(app, handler, debug, show_locals=show_locals, disconnects=(ClientDisconnect,))

    async def application_for(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> ASGIApp:
        """Return the response to an exception: with `debug` the traceback, otherwise that of the handler, if any."""
        request: Any = connection_of(scope, receive, send)
        if self.debug:
            return self.debug_response(request, exc)
        if self.handler is None:
            return self.error_response(request, exc)
        response: Any = await call_handler(self.handler, request, exc)
        if not callable(response) and not has_started(send):
            raise not_a_response(self.handler, response)
        application: ASGIApp = response
        return application

    def debug_response(self, request: Request[Any], exc: Exception) -> Response:
        """Return the response that shows the exception, with `debug`."""
        answer = debug_answer(exc, request.scope, show_locals=self.show_locals)
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return Response(answer.body, 500, headers, answer.media_type)

    def error_response(self, request: Request[Any], exc: Exception) -> Response:
        """Return the response to an exception without a handler."""
        return PlainTextResponse("Internal Server Error", status_code=500)


class Backend(Protocol):
    """The part of an AuthenticationBackend that AuthenticationMiddleware calls."""

    async def authenticate(self, conn: HTTPConnection[Any], /) -> tuple[Any, Any] | None: ...


class AuthenticationMiddleware(asgi_middleware.authentication.AuthenticationMiddleware):
    """Middleware that authenticates connections; the backend and `on_error` get an HTTPConnection."""

    def __init__(
        self,
        app: ASGIApp,
        backend: Backend,
        on_error: Callable[[Any, Any], Any] | None = None,
        *,
        challenge: str | Sequence[str] = (),
        connection: Callable[[Scope], Any] = HTTPConnection,
    ) -> None:
        super().__init__(app, backend, on_error, connection=connection, challenge=challenge)


def check_handler(handler: ExceptionHandler) -> ExceptionHandler:
    """Return the handler; warns unless it takes a request and an exception. Raises TypeError if it is not callable."""
    if not callable(handler):
        raise TypeError(f"an exception handler must be a function (request, exc) -> response, not {handler!r}")
    return fitting(handler, 2, "an exception handler takes (request, exc)")
