"""Turn the exceptions of an application into answers.

    async def not_ready(scope, exc):
        return PlainTextResponse(f"Come back in {exc.seconds} s", 503)      # any ASGI application

    app = ExceptionMiddleware(app, {NotReady: not_ready})

An exception that is an ASGI application itself needs no handler: it is its own answer. What nobody answers passes
unchanged. For handlers by status, name the exceptions that have one: `http_exception=HTTPException`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from . import _answers
from ._answers import Answering, ExceptionHandler, leave, respond
from ._watch import WebSocketWatcher, watch_response, watch_websocket
from .types import ASGIApp, Receive, Scope, Send

SCOPE_KEY = _answers.SCOPE_KEY
"""Where the ExceptionMiddleware in force stands in the scope, while its application is called."""

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the milliseconds of importing inspect


class ExceptionMiddleware(Answering):
    """Answers exceptions: by status, then by class along the MRO, then by the exception itself if it can.

    `handlers` maps exception classes, and status codes of `http_exception`s, to `handler(scope, exc)`. An exception
    that has a handler but comes after the response started is raised as RuntimeError. `debug` is Starlette's
    parameter and changes nothing. Raises ValueError for a key that could never match.
    During the call, and no longer, it stands in the scope under `asgi_middleware.exceptions`: what is further in can
    leave its exceptions to it, or answer them in its place with `handler_for`.
    """

    def __init__(
        self,
        app: ASGIApp,
        handlers: Mapping[Any, ExceptionHandler] | None = None,
        debug: bool = False,
        *,
        http_exception: type[Exception] | None = None,
    ) -> None:
        self.app = app
        self.debug = debug
        self.http_exception = http_exception
        self._by_status: dict[int, ExceptionHandler] = {}
        self._by_class: dict[type[Exception], ExceptionHandler] = {}
        for key, handler in (handlers or {}).items():
            self.add_exception_handler(key, handler)

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Add a handler, before the first request. Raises ValueError for a key that could never match."""
        key: object = exc_class_or_status_code
        if isinstance(key, int):
            if self.http_exception is None:
                raise ValueError(f"a handler for status {key} needs http_exception=, the class that carries a status")
            self._by_status[key] = handler
        elif isinstance(key, type) and issubclass(key, Exception):
            self._by_class[key] = handler
        else:
            raise ValueError(f"an exception handler is for a status code or an Exception class, not {key!r}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            watcher = watch_response(send)
            send = watcher.send
            outer = scope.get(SCOPE_KEY)
            scope[SCOPE_KEY] = self
            try:
                await self.app(scope, receive, send)
            except Exception as exc:
                if not await self.answer(exc, scope, receive, send, started=watcher.started):
                    raise
            finally:
                leave(scope, outer)
        elif kind == "websocket":
            await self._call_websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def answer(
        self, exc: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool = False
    ) -> bool:
        """Answer an exception of the application; False if it is nobody's here and is to be raised again.

        Raises RuntimeError where it is somebody's, but a response has `started`.
        """
        handler = self.handler_for(exc)
        if handler is None:
            return False
        _refuse_a_second_answer(started, exc)
        await self.respond(handler, exc, scope, receive, send)
        self._let_go(exc)
        return True

    async def _call_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        handshake = watch_websocket(receive, send)
        outer = scope.get(SCOPE_KEY)
        scope[SCOPE_KEY] = self
        try:
            await self.app(scope, handshake.receive, handshake.send)
        except Exception as exc:
            handler = self.handler_for(exc)
            if handler is None:
                raise
            _refuse_a_second_answer(handshake.started, exc)
            await self._answer_websocket(handler, exc, scope, handshake)
            self._let_go(exc)
        finally:
            leave(scope, outer)

    async def _answer_websocket(
        self, handler: ExceptionHandler, exc: Exception, scope: Scope, handshake: WebSocketWatcher
    ) -> None:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self.respond(handler, exc, scope, receive, send)

        await handshake.answer(answer, scope, close_code=1011 if handshake.accepted else 1000)

    def handler_for(self, exc: Exception) -> ExceptionHandler | None:
        """The handler of an exception, or None if it is nobody's here; override it to look elsewhere as well."""
        if self._by_status and isinstance(exc, self.http_exception or ()):
            handler = self._by_status.get(getattr(exc, "status_code", 0))
            if handler is not None:
                return handler
        if self._by_class:
            for cls in type(exc).__mro__:
                if cls in self._by_class:
                    return self._by_class[cls]
        kind: Any = type(exc)
        return answer_itself if _are_applications(kind) else None

    async def respond(self, handler: Any, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Call a handler and send its answer; override it where handlers are called in another way.

        On a WebSocket, `receive` hands out the connect once more, and an HTTP answer sent by `send` becomes a
        denial response where the server offers that and nothing was accepted, otherwise a close.
        """
        await respond(handler, exc, scope, receive, send)

    def _let_go(self, exc: Exception) -> None:
        """Drop the traceback of an answered exception of the kind that programs keep as a constant and raise again.

        Python adds to the traceback at every raise, so it would hold on to the frames of every request there was.
        """
        kind: Any = type(exc)
        if isinstance(exc, self.http_exception or ()) or _are_applications(kind):
            exc.__traceback__ = None


ExceptionMiddleware.own_call = ExceptionMiddleware.__call__


def _refuse_a_second_answer(started: bool, exc: Exception) -> None:
    if started:
        raise RuntimeError("Caught handled exception, but response already started.") from exc


@lru_cache(maxsize=256)
def _are_applications(kind: Any) -> bool:
    code = getattr(kind.__call__, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


def answer_itself(scope: Scope, exc: Any) -> ASGIApp:
    """The handler of an exception that is an ASGI application."""
    application: ASGIApp = exc
    return application
