"""Exception handlers around an application that has its request or WebSocket already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from inspect import isawaitable
from typing import Any

from asgi_middleware.exceptions import SCOPE_KEY as MIDDLEWARE
from asgi_requests.concurrency import is_async_callable, run_in_threadpool
from asgi_requests.exceptions import HTTPException

from .._endpoints import Handler
from ..types import ASGIApp, Message, Receive, Scope, Send

TABLES = "starlette.exception_handlers"
"""Handlers by class and by status, as a tuple, for programs that put their own in the scope."""


def lookup_exception_handler(exc_handlers: Mapping[Any, Any], exc: Exception) -> Any:
    """The handler of the exception's class, or of the nearest base class that has one."""
    return next((exc_handlers[cls] for cls in type(exc).__mro__ if cls in exc_handlers), None)


def wrap_app_handling_exceptions(app: ASGIApp, conn: Any) -> ASGIApp:
    """The application with its exceptions answered by the handlers in force, which get `conn`.

    Raises RuntimeError where the response has started; what nobody answers passes unchanged.
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
            answer = _answer(exc, scope)
            if answer is None:
                raise
            if started:
                raise RuntimeError("Caught handled exception, but response already started.") from exc
            response = await answer(conn, exc)
            if response is not None:
                await response(scope, receive, watch)
            if isinstance(exc, HTTPException):
                # Programs keep some as constants: each raise would add the frames of its request.
                exc.__traceback__ = None

    return handled


def _answer(exc: Exception, scope: Scope) -> Callable[[Any, Exception], Awaitable[Any]] | None:
    """The handler in force, as an async function of the connection and the exception; None where there is none."""
    function = None
    if TABLES in scope:
        by_class, by_status = scope[TABLES]
        if isinstance(exc, HTTPException):
            function = by_status.get(exc.status_code)
        function = function or lookup_exception_handler(by_class, exc)
    elif MIDDLEWARE in scope:
        handler = scope[MIDDLEWARE].handler_for(exc)
        if isinstance(handler, Handler):
            function = handler.function
        elif handler is not None and scope["type"] == "http":
            # On a WebSocket it is left to the middleware, which knows how far the handshake got.
            return partial(_asked, handler)
    if function is None or is_async_callable(function):
        return function
    return partial(run_in_threadpool, function)


async def _asked(handler: Callable[[Scope, Exception], Any], conn: Any, exc: Exception) -> Any:
    """What a handler of asgi-middleware answers, which takes a scope."""
    answer = handler(conn.scope, exc)
    return await answer if isawaitable(answer) else answer
