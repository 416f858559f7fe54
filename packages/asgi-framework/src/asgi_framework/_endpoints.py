"""Adapters of functions to ASGI: `function(request) -> response` and `function(websocket)`.

An exception of an endpoint is answered where it was raised, inside the middleware of its route, mount and router. So a
CORS header that a mount adds is on its error responses too, and the handler gets the same Request as the endpoint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgi_middleware.exceptions import SCOPE_KEY, answer_itself
from asgi_requests.requests import Request
from asgi_requests.websockets import WebSocket

from ._calls import as_async
from ._serving import FunctionApplication, answer_exception, send_or_answer
from ._signatures import fitting
from .middleware import ExceptionMiddleware
from .types import ASGIApp, Receive, Scope, Send


def request_response(func: Callable[[Request[Any]], Any]) -> ASGIApp:
    """Return the ASGI application of an endpoint; a sync function runs in the thread pool.

    Warns at once of an endpoint that does not take the request as its only argument; when called, the application then
    raises TypeError. It also does if the function returns anything but a response. Both name its file and line.
    """
    return FunctionApplication(as_async(fitting(func, 1, "an endpoint takes the request alone")), func)


def handle_exceptions(app: ASGIApp) -> ASGIApp:
    """Return an application whose exceptions are answered in its place, as those of a function are."""

    async def handled(scope: Scope, receive: Receive, send: Send) -> None:
        await send_or_answer(app, Request(scope, receive, send), scope, receive, send)

    return handled


def websocket_session(func: Callable[[WebSocket[Any]], Awaitable[None]]) -> ASGIApp:
    """Return the ASGI application of a WebSocket endpoint; warns unless the WebSocket is its only argument."""
    return WebSocketFunction(fitting(func, 1, "a WebSocket endpoint takes the websocket alone"))


class WebSocketFunction:
    """The ASGI application of a WebSocket endpoint."""

    def __init__(self, function: Callable[[WebSocket[Any]], Awaitable[None]]) -> None:
        self.function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket[Any] = WebSocket(scope, receive, send)
        try:
            await self.function(websocket)
        except Exception as exc:
            if not await answer_websocket(exc, websocket, scope, receive, send):
                raise


async def answer_websocket(
    exc: Exception, websocket: WebSocket[Any], scope: Scope, receive: Receive, send: Send
) -> bool:
    """Let the handler of an exception answer, with the endpoint's own WebSocket; return False if it is left to others.

    Only the framework's own middleware passes a WebSocket to handlers. An exception that answers by itself is left to
    it as well, because only the middleware knows the state of the handshake.
    """
    responder = scope.get(SCOPE_KEY)
    if not isinstance(responder, ExceptionMiddleware) or responder.handler_for(exc) is answer_itself:
        return False
    return await answer_exception(exc, websocket, scope, receive, send)
