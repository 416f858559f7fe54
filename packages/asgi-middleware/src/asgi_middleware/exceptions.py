"""Turn the exceptions of an application into responses.

    from asgi_middleware.exceptions import ExceptionMiddleware
    from asgi_requests import PlainTextResponse

    class NotReady(Exception):
        pass

    async def not_ready(scope, exc):
        return PlainTextResponse(f"Come back later: {exc}", 503)       # any ASGI application

    app = ExceptionMiddleware(app, {NotReady: not_ready})

An exception that is itself an ASGI application needs no handler: it sends its own response. An unhandled exception
propagates unchanged. For handlers by status, name the class of exceptions that have one:
`status_exception=HTTPException`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from ._configuration import application
from ._handlers import ExceptionHandler, call_handler
from ._watch import WebSocketWatcher, watch_response, watch_websocket
from .types import ASGIApp, Receive, Scope, Send

__all__ = ["SCOPE_KEY", "ExceptionHandler", "ExceptionMiddleware", "ExceptionResponder", "answer_itself"]

SCOPE_KEY = "asgi_middleware.exceptions"
"""The scope key of the active ExceptionMiddleware, an `ExceptionResponder`, while its application runs."""


class ExceptionResponder(Protocol):
    """The object under `SCOPE_KEY`, with which inner code can answer an exception where it was raised.

    If `handler_for(exc)` returns a handler, await `respond(...)` with it instead of raising. `connection` is the
    request or WebSocket object made from the scope, for handlers that take one.
    """

    def handler_for(self, exc: Exception) -> Any: ...

    def respond(
        self, handler: Any, exc: Exception, scope: Scope, receive: Receive, send: Send, connection: Any = None
    ) -> Awaitable[None]: ...


class ExceptionMiddleware:
    """Middleware that answers exceptions: by status, then by class along the MRO, then by the exception itself.

    `handlers` maps exception classes, and status codes of `status_exception`s, to `handler(scope, exc)`. If an
    exception with a handler is raised after the response has started, RuntimeError is raised from it. `debug` is
    Starlette's parameter and has no effect. Raises ValueError for a key that could never match, TypeError for a handler
    that is not callable.
    """

    def __init__(
        self,
        app: ASGIApp,
        handlers: Mapping[Any, ExceptionHandler] | None = None,
        debug: bool = False,
        *,
        status_exception: type[Exception] | None = None,
    ) -> None:
        self.app = application(app, self)
        self.debug = debug
        self.status_exception = status_exception
        # Instrumentation written for Starlette reads and patches these two attributes, so they keep its names and are
        # looked up for every exception.
        self._status_handlers: dict[int, Any] = {}
        self._exception_handlers: dict[type[Exception], Any] = {}
        for key, handler in (handlers or {}).items():
            self.add_exception_handler(key, handler)

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Add a handler; raises ValueError for a key that could never match, TypeError unless it is callable."""
        key: object = exc_class_or_status_code
        if not callable(handler):
            raise TypeError(f"the exception handler for {key!r} is not callable: {handler!r}")
        if isinstance(key, int):
            if self.status_exception is None:
                raise ValueError(f"a handler for status {key} needs status_exception=, the class that carries a status")
            self._status_handlers[key] = handler
        elif isinstance(key, type) and issubclass(key, Exception):
            self._exception_handlers[key] = handler
        else:
            raise ValueError(f"an exception handler needs a status code or an Exception class as its key, not {key!r}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            call = self._call_websocket if scope["type"] == "websocket" else self.app
            return await call(scope, receive, send)
        watcher = watch_response(send)
        outer = scope.get(SCOPE_KEY)
        scope[SCOPE_KEY] = self
        try:
            await self.app(scope, receive, watcher.send)
        except Exception as exc:
            if not await self.answer(exc, scope, receive, watcher.send, started=watcher.started):
                raise
        finally:
            if outer is None:
                del scope[SCOPE_KEY]
            else:
                scope[SCOPE_KEY] = outer
        return None

    async def answer(
        self, exc: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool = False
    ) -> bool:
        """Answer an exception of the application; return False if it has no handler and should propagate.

        Raises RuntimeError if it has one, but the response has `started`.
        """
        handler = self.handler_for(exc)
        if handler is None:
            return False
        _raise_if_started(started, exc)
        await self.respond(handler, exc, scope, receive, send)
        # A program may raise one exception object for every request (`raise NOT_FOUND`), and each time Python would
        # append the frames of that request, with all their variables.
        exc.__traceback__ = None
        return True

    async def _call_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = watch_websocket(receive, send)
        outer = scope.get(SCOPE_KEY)
        scope[SCOPE_KEY] = self
        try:
            await self.app(scope, watcher.receive, watcher.send)
        except Exception as exc:
            if not await self.answer_websocket(exc, scope, watcher):
                raise
        finally:
            if outer is None:
                del scope[SCOPE_KEY]
            else:
                scope[SCOPE_KEY] = outer

    async def answer_websocket(self, exc: Exception, scope: Scope, watcher: WebSocketWatcher) -> bool:
        """Answer an exception of a WebSocket; return False if it has no handler and should propagate.

        Raises RuntimeError if it has one, but a denial response has begun.
        """
        handler = self.handler_for(exc)
        if handler is None:
            return False
        _raise_if_started(watcher.started, exc)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self.respond(handler, exc, scope, receive, send)

        # The detail is sent only if the exception answers by itself; a handler may hide it on purpose.
        has_reason = handler is answer_itself and isinstance(exc, self.status_exception or ())
        await watcher.answer(answer, scope, reason=str(getattr(exc, "detail", "")) if has_reason else "")
        exc.__traceback__ = None
        return True

    def handler_for(self, exc: Exception) -> Any:
        """Return the handler of an exception, or None if it has none; override it to look elsewhere as well."""
        if self._status_handlers and isinstance(exc, self.status_exception or ()):
            handler = self._status_handlers.get(getattr(exc, "status_code", 0))
            if handler is not None:
                return handler
        kind: Any = type(exc)
        for cls in kind.__mro__:
            if cls in self._exception_handlers:
                return self._exception_handlers[cls]
        return answer_itself if _is_application(kind) else None

    async def respond(
        self, handler: Any, exc: Exception, scope: Scope, receive: Receive, send: Send, connection: Any = None
    ) -> None:
        """Call a handler and send its answer; override it to call handlers in another way.

        On a WebSocket, `receive` returns the connect message again, and an HTTP response becomes a denial response if
        the server supports that and the handshake is not accepted, otherwise a close.
        """
        application = await call_handler(handler, scope, exc)
        await application(scope, receive, send)


def _raise_if_started(started: bool, exc: Exception) -> None:
    if started:
        raise RuntimeError("Caught handled exception, but response already started.") from exc


@lru_cache(maxsize=256)
def _is_application(kind: Any) -> bool:
    """Return whether instances of a class are ASGI applications, by an async `__call__`, decorated or not."""
    call = kind.__call__
    return _is_async(call) or _is_async(inspect.unwrap(call))


def _is_async(function: Any) -> bool:
    # Python 3.11 has no inspect.markcoroutinefunction; asyncio and asgiref set this mark there.
    return inspect.iscoroutinefunction(function) or hasattr(function, "_is_coroutine")


def answer_itself(scope: Scope, exc: Any) -> ASGIApp:
    """Return the exception itself, as the handler of exceptions that are ASGI applications."""
    application: ASGIApp = exc
    return application
