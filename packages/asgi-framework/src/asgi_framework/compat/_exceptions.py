"""Exception handlers around an application whose request or WebSocket already exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asgi_middleware.errors import ResponseWatcher
from asgi_requests.exceptions import HTTPException

from .._endpoints import answer_websocket
from .._handlers import call_handler
from .._serving import answer_exception, watcher_of
from ..types import ASGIApp, Receive, Scope, Send

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
        watcher = watcher_of(None, send)
        try:
            await app(scope, receive, watcher.send)
        except Exception as exc:
            if not await _answer(exc, conn, scope, receive, watcher):
                raise

    return handled


async def _answer(exc: Exception, conn: Any, scope: Scope, receive: Receive, watcher: ResponseWatcher) -> bool:
    """Let the active handler answer; return False if none matches."""
    if TABLES not in scope:
        if scope["type"] == "websocket":
            return await answer_websocket(exc, conn, scope, receive, watcher.send)
        return await answer_exception(exc, conn, scope, receive, watcher.send, started=watcher.started)
    by_class, by_status = scope[TABLES]
    function: Callable[[Any, Exception], Any] | None = None
    if isinstance(exc, HTTPException):
        function = by_status.get(exc.status_code)
    function = function or lookup_exception_handler(by_class, exc)
    if function is None:
        return False
    if watcher.started:
        raise RuntimeError("Caught handled exception, but response already started.") from exc
    response = await call_handler(function, conn, exc)
    if response is not None:
        await response(scope, receive, watcher.send)
    exc.__traceback__ = None  # one object may be raised for every request, and frames would pile up
    return True
