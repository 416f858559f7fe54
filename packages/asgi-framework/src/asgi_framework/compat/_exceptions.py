"""Exception handlers around an application whose request or WebSocket already exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from asgi_middleware.exceptions import SCOPE_KEY as MIDDLEWARE
from asgi_middleware.exceptions import ExceptionResponder, answer_itself
from asgi_requests.exceptions import HTTPException

from .._handlers import call_handler
from ..types import ASGIApp, Message, Receive, Scope, Send

TABLES = "starlette.exception_handlers"
"""The scope key of Starlette's handlers, `(by class, by status)`, which some programs set themselves."""


def lookup_exception_handler(exc_handlers: Mapping[Any, Any], exc: Exception) -> Any:
    """Return the handler of the exception's class, or of the nearest base class that has one."""
    return next((exc_handlers[cls] for cls in type(exc).__mro__ if cls in exc_handlers), None)


def wrap_app_handling_exceptions(app: ASGIApp, conn: Any) -> ASGIApp:
    """Return the application with its exceptions answered by the active handlers, which get `conn`.

    Raises RuntimeError if the response has started; an unhandled exception propagates unchanged.
    """

    async def handled(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        def watch(message: Message) -> Awaitable[None]:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
            return send(message)

        try:
            await app(scope, receive, watch)
        except Exception as exc:
            answering = _answer(exc, conn, scope, receive, watch)
            if answering is None:
                raise
            if started:
                raise RuntimeError("Caught handled exception, but response already started.") from exc
            await answering()
            exc.__traceback__ = None  # one object may be raised for every request, and frames would pile up

    return handled


def _answer(
    exc: Exception, conn: Any, scope: Scope, receive: Receive, send: Send
) -> Callable[[], Awaitable[None]] | None:
    """Return a function that lets the active handler answer, or None if none matches."""
    if TABLES in scope:
        by_class, by_status = scope[TABLES]
        function = by_status.get(exc.status_code) if isinstance(exc, HTTPException) else None
        function = function or lookup_exception_handler(by_class, exc)
        return None if function is None else partial(_respond, function, exc, conn, scope, receive, send)
    middleware: ExceptionResponder | None = scope.get(MIDDLEWARE)
    handler = None if middleware is None else middleware.handler_for(exc)
    # On a WebSocket an exception that answers by itself is left to the middleware, which knows the state of the
    # handshake.
    if middleware is None or handler is None or (handler is answer_itself and scope["type"] != "http"):
        return None
    return partial(middleware.respond, handler, exc, scope, receive, send, conn)


async def _respond(
    function: Callable[[Any, Exception], Any], exc: Exception, conn: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    response = await call_handler(function, conn, exc)
    if response is not None:
        await response(scope, receive, send)
