"""The outermost middleware: one answer for every unhandled exception, which is then raised again."""

from __future__ import annotations

from typing import Any

from .._configuration import application
from .._handlers import ExceptionHandler, call_handler
from .._replies import send_text
from .._watch import ERRORS_KEY, ResponseWatcher, WebSocketWatcher, watch_websocket
from ..types import ASGIApp, Receive, Scope, Send
from ._debug import debug_answer


class ServerErrorMiddleware:
    """Middleware that answers any exception with status 500, unless a response has started, and raises it again.

    `handler(scope, exc)` returns the ASGI application that answers a request, or an awaitable of it. It is called even
    if a response has started, to report the exception; its return value is then dropped. With `debug` the answer is the
    traceback instead, as a page if the client prefers HTML; it shows source code, so never use it in production.
    `show_locals` adds the variables of every frame, with those named like secrets masked. `disconnects` are the
    exceptions that mean that the client has left: nothing is sent then, and they are not raised again.
    """

    def __init__(
        self,
        app: ASGIApp,
        handler: ExceptionHandler | None = None,
        debug: bool = False,
        *,
        show_locals: bool = False,
        disconnects: tuple[type[Exception], ...] = (),
    ) -> None:
        self.app = application(app, self)
        self.handler: Any = handler
        self.debug = debug
        self.show_locals = show_locals
        self.disconnects = disconnects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            call = self._call_websocket if scope["type"] == "websocket" else self.app
            return await call(scope, receive, send)
        outer = scope.get(ERRORS_KEY)
        scope[ERRORS_KEY] = watcher = ResponseWatcher(send)
        try:
            await self.app(scope, receive, watcher.send)
        except Exception as exc:
            if not await self.answer(exc, scope, receive, watcher):
                raise
        finally:
            # Otherwise a reference cycle remains: a server's `send` is bound to an object that holds the scope.
            if outer is None:
                scope.pop(ERRORS_KEY, None)
            else:
                scope[ERRORS_KEY] = outer
        return None

    async def answer(self, exc: Exception, scope: Scope, receive: Receive, watcher: ResponseWatcher) -> bool:
        """Answer an exception; return False if it should propagate, as all but `disconnects` do.

        If a handler fails its exception is raised instead, with `exc` as its context.
        """
        is_disconnect = isinstance(exc, self.disconnects)
        can_answer = not watcher.started and not is_disconnect
        if can_answer or (self.handler is not None and not self.debug):
            try:
                application = await self.application_for(exc, scope, receive, watcher.send)
            except Exception:
                if can_answer:
                    await _reply_plainly(scope, receive, watcher.send)
                raise
            if can_answer:
                await self._send(application, scope, receive, watcher)
        return is_disconnect

    async def application_for(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> ASGIApp:
        """Return the application that answers an exception; override it to call the handler in another way."""
        if self.debug:
            return debug_answer(exc, scope, show_locals=self.show_locals)
        if self.handler is None:
            return _reply_plainly
        return await call_handler(self.handler, scope, exc)

    async def _send(self, application: ASGIApp, scope: Scope, receive: Receive, watcher: ResponseWatcher) -> None:
        try:
            await application(scope, receive, watcher.send)
        except Exception as failure:
            if not watcher.started:
                await _reply_plainly(scope, receive, watcher.send)
            elif isinstance(failure, (OSError, *self.disconnects)):
                return  # the client has left; the original exception is the one to raise
            raise

    async def _call_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = watch_websocket(receive, send)
        try:
            await self.app(scope, watcher.receive, watcher.send)
        except Exception as exc:
            if not await self.answer_websocket(exc, scope, watcher):
                raise

    async def answer_websocket(self, exc: Exception, scope: Scope, watcher: WebSocketWatcher) -> bool:
        """End a WebSocket after an exception; return False if it should propagate, as all but `disconnects` do."""
        # 1011: the server met an unexpected condition (RFC 6455 §7.4.1).
        if not watcher.started:
            await watcher.answer(_reply_plainly, scope, close_code=1011)
        return isinstance(exc, self.disconnects)


async def _reply_plainly(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await send_text(scope, send, 500, "Internal Server Error")
    except OSError:  # the client has left
        return
