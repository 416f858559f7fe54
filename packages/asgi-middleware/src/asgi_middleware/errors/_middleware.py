"""The outermost middleware: one answer for every exception, and the exception again."""

from __future__ import annotations

from typing import Any

from .._accept import prefers_html
from .._answers import SCOPE_KEY, ExceptionHandler, entered_in_place, respond
from .._replies import send_text
from .._watch import ResponseWatcher, WebSocketWatcher, watch_websocket
from ..types import ASGIApp, Receive, Scope, Send

_PRIVATE = [
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
]


class ServerErrorMiddleware:
    """Answers any exception with status 500, unless a response has started, and always raises it again.

    `handler(scope, exc)` returns the ASGI application that answers a request, or an awaitable of it. With `debug` the
    answer is the traceback instead, as a page where the client prefers HTML: never in production, it shows source.
    `show_locals` adds the variables of every frame, those that are named like secrets masked.
    """

    def __init__(
        self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False, *, show_locals: bool = False
    ) -> None:
        self._app = app
        self._inner = entered_in_place(app)
        self.handler = handler
        self.debug = debug
        self.show_locals = show_locals

    @property
    def app(self) -> ASGIApp:
        """The application whose exceptions are answered."""
        return self._app

    @app.setter
    def app(self, app: ASGIApp) -> None:
        self._app = app
        self._inner = entered_in_place(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            watcher = ResponseWatcher(send)
            inner = self._inner
            try:
                if inner is None:
                    await self._app(scope, receive, watcher.send)
                else:
                    outer = scope.get(SCOPE_KEY)
                    scope[SCOPE_KEY] = inner
                    try:
                        await inner.app(scope, receive, watcher.send)
                    except Exception as exc:
                        if not await inner.answer(exc, scope, receive, watcher.send, started=watcher.started):
                            raise
                    finally:  # what `leave` does, in place: every request comes by here
                        if outer is None:
                            del scope[SCOPE_KEY]
                        else:
                            scope[SCOPE_KEY] = outer
            except Exception as exc:
                if not watcher.started:
                    await self._answer(exc, scope, receive, watcher)
                raise
        elif kind == "websocket":
            await self._call_websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, exc: Exception, scope: Scope, receive: Receive, watcher: ResponseWatcher) -> None:
        """Send the one answer. What fails in a handler is raised in place of `exc`, which is then its context."""
        try:
            if self.debug:
                await self._debug_response(exc, scope, watcher.send)
            elif self.handler is None:
                await _reply_plainly(scope, watcher.send)
            else:
                await self.respond(self.handler, exc, scope, receive, watcher.send)
        except Exception as failure:
            if not watcher.started:
                await _reply_plainly(scope, watcher.send)
            elif isinstance(failure, OSError):  # the client has left, and `exc` is what there is to tell
                return
            raise

    async def respond(self, handler: Any, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the handler and send its answer; override it where handlers are called in another way."""
        await respond(handler, exc, scope, receive, send)

    async def _debug_response(self, exc: Exception, scope: Scope, send: Send) -> None:
        if not prefers_html(scope.get("headers", ())):
            import traceback

            text = "".join(traceback.format_exception(exc)).encode(errors="replace").decode()
            return await send_text(scope, send, 500, text, _PRIVATE)
        from ._page import CONTENT_SECURITY_POLICY, render_page

        body = render_page(exc, scope, show_locals=self.show_locals).encode(errors="replace")
        headers = [
            *_PRIVATE,
            (b"content-length", b"%d" % len(body)),
            (b"content-security-policy", CONTENT_SECURITY_POLICY),
            (b"content-type", b"text/html; charset=utf-8"),
            (b"referrer-policy", b"no-referrer"),
        ]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})
        return None

    async def _call_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        handshake = watch_websocket(receive, send)
        try:
            await self.app(scope, handshake.receive, handshake.send)
        except Exception:
            if not handshake.started:
                await _refuse_websocket(scope, handshake)
            raise


async def _reply_plainly(scope: Scope, send: Send) -> None:
    try:
        await send_text(scope, send, 500, "Internal Server Error")
    except OSError:  # the client has left
        return


async def _refuse_websocket(scope: Scope, handshake: WebSocketWatcher) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await _reply_plainly(scope, send)

    await handshake.answer(answer, scope, close_code=1011)
