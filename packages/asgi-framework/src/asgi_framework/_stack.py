"""The stack of an App where its parts are as they are here: fewer coroutines do the same work.

Rule: only as long as they are themselves. For each request the two classes, or the App, ask whether one of them, or
its `__call__`, has been replaced, by instrumentation say; then the parts are called one by one.
"""

from __future__ import annotations

from typing import Any

from asgi_middleware.errors import WebSocketWatcher
from asgi_middleware.exceptions import SCOPE_KEY, answer_itself
from asgi_requests.requests import Request
from asgi_requests.websockets import WebSocket, WebSocketState
from asgi_routing import Router

from ._endpoints import WebSocketFunction, answer_websocket
from ._serving import (
    HTTP_EXCEPTION_CALL,
    RESPONSE_CALL,
    FunctionApplication,
    answer_in_turn,
    application_of,
    watcher_of,
)
from .middleware import ExceptionMiddleware, ServerErrorMiddleware
from .types import Receive, Scope, Send

# Captured at import, before anything can be patched.
SERVER_ERROR_CALL = ServerErrorMiddleware.__call__
EXCEPTION_CALL = ExceptionMiddleware.__call__


class RoutingMiddleware(ExceptionMiddleware):
    """ExceptionMiddleware around a router: it does in one coroutine what the two and the adapter of a function do."""

    def __init__(self, app: Any, handlers: Any = None, debug: bool = False) -> None:
        super().__init__(app, handlers, debug)
        self.entrance = app
        self.router: Router = app.__self__

    @classmethod
    def fits(cls, outer: object, app: Any) -> bool:
        """Return whether it stands for a middleware of the class `outer` around `app`, both as they are here."""
        return (
            outer is ExceptionMiddleware
            and getattr(app, "__func__", None) is Router.dispatch
            and ExceptionMiddleware.__call__ is EXCEPTION_CALL
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or SCOPE_KEY in scope  # the application is mounted in another
            or self.app is not self.entrance
            or ExceptionMiddleware.__call__ is not EXCEPTION_CALL
        ):
            await ExceptionMiddleware.__call__(self, scope, receive, send)
            return
        scope[SCOPE_KEY] = self
        request: Any = None
        watcher: Any = None
        try:
            app: Any = self.router.application_for(scope)
            if app.__class__ is FunctionApplication:
                request = Request(scope, receive, send)
                try:
                    response = await app.call(request)
                    sends = response.__class__.__call__
                except Exception as exc:
                    sends = exc.__class__.__call__
                    if sends is not HTTP_EXCEPTION_CALL or self.handler_for(exc) is not answer_itself:
                        raise
                    response = exc
                    exc.__traceback__ = None  # it holds this frame, and the frame would hold the exception
                if (sends is RESPONSE_CALL and response.background is None) or sends is HTTP_EXCEPTION_CALL:
                    start, body = response.messages(scope)
                    request.response_started = True
                    await send(start)
                    await send(body)
                    return
                app = application_of(response, app.function)
            watcher = watcher_of(request, send)
            await app(scope, receive, watcher.send)
        except Exception as exc:
            watcher = watcher or watcher_of(request, send)
            if not await answer_in_turn(exc, request, scope, receive, watcher):
                raise
        finally:
            del scope[SCOPE_KEY]


class ErrorMiddleware(ServerErrorMiddleware):
    """ServerErrorMiddleware around a RoutingMiddleware: the whole stack of an App without middleware.

    The App does in its own coroutine what all of them do for a request, and this class what they do for a WebSocket.
    """

    @classmethod
    def fits(cls, outer: object, app: Any) -> bool:
        """Return whether it stands for a middleware of the class `outer` around `app`, both as they are here."""
        return (
            outer is ServerErrorMiddleware
            and type(app) is RoutingMiddleware
            and ServerErrorMiddleware.__call__ is SERVER_ERROR_CALL
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exceptions: Any = self.app
        if (
            scope["type"] != "websocket"
            or exceptions.__class__ is not RoutingMiddleware
            or SCOPE_KEY in scope  # the application is mounted in another
            or exceptions.app is not exceptions.entrance
            or ServerErrorMiddleware.__call__ is not SERVER_ERROR_CALL
            or ExceptionMiddleware.__call__ is not EXCEPTION_CALL
        ):
            await ServerErrorMiddleware.__call__(self, scope, receive, send)
            return
        # What both do for a WebSocket, in one coroutine, and without a watcher of its messages.
        scope[SCOPE_KEY] = exceptions
        websocket: Any = None
        watcher: Any = None
        try:
            try:
                app: Any = exceptions.router.application_for(scope)
                if app.__class__ is WebSocketFunction:
                    websocket = WebSocket(scope, receive, send)
                    try:
                        await app.function(websocket)
                    except Exception as exc:
                        if not await answer_websocket(exc, websocket, scope, receive, send):
                            raise
                else:
                    watcher = WebSocketWatcher(receive, send)
                    await app(scope, watcher.receive, watcher.send)
            except Exception as exc:
                watcher = watcher or websocket_watcher(websocket, receive, send)
                if not await exceptions.answer_websocket(exc, scope, watcher):
                    raise
            finally:
                del scope[SCOPE_KEY]
        except Exception as exc:
            if not await self.answer_websocket(exc, scope, watcher):
                raise


def websocket_watcher(websocket: WebSocket[Any] | None, receive: Receive, send: Send) -> WebSocketWatcher:
    """Return a watcher of `receive` and `send` that knows what the WebSocket, if any, has done with them."""
    watcher = WebSocketWatcher(receive, send)
    if websocket is not None:
        states = websocket.client_state, websocket.application_state
        watcher.connected = states[0] is not WebSocketState.CONNECTING
        watcher.accepted = states[1] is WebSocketState.CONNECTED
        watcher.started = websocket.response_started
        watcher.ended = WebSocketState.DISCONNECTED in states
    return watcher
