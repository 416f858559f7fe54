"""Exception handlers, `handler(request, exc) -> response`: their arguments, and the sending of their responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgi_requests.concurrency import is_async_callable, run_in_threadpool
from asgi_requests.requests import Request
from asgi_requests.websockets import WebSocket, WebSocketState

from ._calls import call_with
from ._signatures import not_a_response
from .types import ASGIApp, Message, Receive, Scope, Send

_BODY_KEY = "asgi_requests.body"

ExceptionHandler = Callable[[Any, Any], Any]
"""`handler(request, exc) -> response`, sync or async; on a WebSocket `handler(websocket, exc)`."""


async def call_handler(handler: ExceptionHandler, connection: Any, exc: Exception) -> Any:
    """Return the result of a handler; a sync handler runs in the thread pool."""
    if is_async_callable(handler):
        return await handler(connection, exc)
    return await call_with(run_in_threadpool, handler, connection, exc)


async def send_answer(
    handler: ExceptionHandler, response: Any, connection: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send the response of a handler; raises TypeError, naming the handler, if it has returned anything else.

    None is allowed on a WebSocket, and for a request if the handler has sent the response by itself.
    """
    if response is None and (scope["type"] != "http" or has_started(send)):
        return
    if not callable(response):
        raise not_a_response(handler, response)
    if isinstance(connection, WebSocket):
        await _end_websocket(connection, response)
    else:
        await response(scope, receive, send)


def has_started(send: Send) -> bool:
    """Return whether the response is known to have begun, if `send` is a watcher of asgi-middleware."""
    return getattr(getattr(send, "__self__", None), "started", False) is True


def connection_of(scope: Scope, receive: Receive, send: Send) -> Request[Any] | WebSocket[Any]:
    """Return a request or WebSocket for a handler outside the endpoint.

    Reading the body of such a request never waits for bytes that an inner Request has already read.
    """
    if scope["type"] == "websocket":
        return WebSocket(scope, receive, send)
    recall = getattr(scope.get(_BODY_KEY), "recall", None)
    return Request(scope, receive if recall is None else recall(receive), send)


async def _end_websocket(websocket: WebSocket[Any], response: ASGIApp) -> None:
    """Deny the WebSocket with a response; if it is accepted already, close it with 1008, or 1011 for a 5xx.

    The response receives the connect message again, as it does if the middleware answers.
    """
    if websocket.client_state is WebSocketState.CONNECTING:
        await websocket.receive()
    if websocket.client_state is not WebSocketState.CONNECTED:
        return  # the client has left
    connects = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        return connects.pop() if connects else await websocket.receive()

    async def send_close(message: Message) -> None:
        kind = message["type"]
        if kind.endswith("http.response.start"):
            # A policy that was violated, or an internal error (RFC 6455 §7.4.1).
            await websocket.close(1011 if message["status"] >= 500 else 1008)
        elif "http.response." not in kind:
            await websocket.send(message)

    if websocket.application_state is WebSocketState.CONNECTING:
        await response(websocket.scope, receive, websocket.send)
    elif websocket.application_state is WebSocketState.CONNECTED:
        # With this extension in its scope a response sends its status, which becomes the close code.
        extensions = {**(websocket.scope.get("extensions") or {}), "websocket.http.response": {}}
        await response({**websocket.scope, "extensions": extensions}, receive, send_close)
