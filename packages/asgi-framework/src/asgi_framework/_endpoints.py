"""Adapters of functions to ASGI: `function(request) -> response` and `function(websocket)`.

An exception of an endpoint is answered where it was raised, inside the middleware of its route, mount and router. So a
CORS header that a mount adds is on its error responses too, and the handler gets the same Request as the endpoint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgi_middleware.exceptions import SCOPE_KEY, ExceptionResponder, answer_itself
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import Request
from asgi_requests.responses import Response
from asgi_requests.websockets import WebSocket

from ._calls import as_async
from ._signatures import fitting, not_a_response
from .middleware import ExceptionMiddleware
from .types import ASGIApp, Message, Receive, Scope, Send

# Captured at import, before anything can be patched.
RESPONSE_CALL = Response.__call__
HTTP_EXCEPTION_CALL = HTTPException.__call__


def request_response(func: Callable[[Request[Any]], Any]) -> ASGIApp:
    """Return the ASGI application of an endpoint; a sync function runs in the thread pool.

    Warns at once of an endpoint that does not take the request as its only argument; when called, the application then
    raises TypeError. It also does if the function returns anything but a response. Both name its file and line.
    """
    return FunctionApplication(as_async(fitting(func, 1, "an endpoint takes the request alone")), func)


class FunctionApplication:
    """The ASGI application of a function: `call` is the async form of `function`, which errors name."""

    def __init__(self, call: Callable[[Request[Any]], Awaitable[Any]], function: Callable[..., Any]) -> None:
        self.call = call
        self.function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[Any] = Request(scope, receive, send)
        try:
            response = await self.call(request)
        except Exception as exc:
            if not await answer_exception(exc, request, scope, receive, send):
                raise
            return
        # Response.__call__ does the same for a request; without it a coroutine is saved. A subclass that overrides it,
        # and instrumentation that has replaced it, is called.
        if response.__class__.__call__ is RESPONSE_CALL:
            start, body = response.messages(scope)
            await send(start)
            await send(body)
            if response.background is not None:
                await response.background()
        else:
            await send_response(response, self.function, request, scope, receive, send)


async def send_response(
    response: Any, func: Any, request: Request[Any], scope: Scope, receive: Receive, send: Send
) -> None:
    """Send a response with its own `__call__`, or an ASGI application; raises TypeError, naming `func`, for others."""
    if not callable(response):
        raise not_a_response(func, response)
    await _send(response, request, scope, receive, send)


def handle_exceptions(app: ASGIApp) -> ASGIApp:
    """Return an application whose exceptions are answered in its place, as those of a function are."""

    async def handled(scope: Scope, receive: Receive, send: Send) -> None:
        await _send(app, Request(scope, receive, send), scope, receive, send)

    return handled


async def _send(app: ASGIApp, request: Request[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response that runs its own code, such as a stream or a file: it may fail before it has started."""
    started = False

    def watch(message: Message) -> Awaitable[None]:
        nonlocal started
        started = started or message["type"] == "http.response.start"
        return send(message)

    try:
        await app(scope, receive, watch)
    except Exception as exc:
        if started or not await answer_exception(exc, request, scope, receive, send):
            raise


def websocket_session(func: Callable[[WebSocket[Any]], Awaitable[None]]) -> ASGIApp:
    """Return the ASGI application of a WebSocket endpoint; warns unless the WebSocket is its only argument."""
    function = fitting(func, 1, "a WebSocket endpoint takes the websocket alone")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket[Any] = WebSocket(scope, receive, send)
        try:
            await function(websocket)
        except Exception as exc:
            responder = scope.get(SCOPE_KEY)
            # Only the framework's own middleware passes a WebSocket to handlers. An exception that answers by itself is
            # left to it as well, because only the middleware knows the state of the handshake.
            if not isinstance(responder, ExceptionMiddleware) or responder.handler_for(exc) is answer_itself:
                raise
            if not await answer_exception(exc, websocket, scope, receive, send):
                raise

    return app


async def answer_exception(
    exc: Exception, connection: Any, scope: Scope, receive: Receive, send: Send, *, started: bool = False
) -> bool:
    """Let the active middleware answer, with the endpoint's own request; return False if it has no handler.

    Raises RuntimeError if it has one, but the response has `started`.
    """
    responder: ExceptionResponder | None = scope.get(SCOPE_KEY)
    if responder is None:
        return False
    handler = responder.handler_for(exc)
    if handler is None:
        return False
    if started:
        raise RuntimeError("Caught handled exception, but response already started.") from exc
    # HTTPException.__call__ does the same for a request; one that is overridden or has been patched is called.
    if handler is answer_itself and exc.__class__.__call__ is HTTP_EXCEPTION_CALL:
        start, body = exc.messages(scope)  # type: ignore[attr-defined]
        await send(start)
        await send(body)
    else:
        await responder.respond(handler, exc, scope, receive, send, connection)
    # One exception object may be raised for every request, and each time the frames of that request are appended.
    exc.__traceback__ = None
    return True
