"""A function that takes a Request or a WebSocket becomes an ASGI application.

    from asgi_requests import PlainTextResponse, request_response

    async def hello(request):
        return PlainTextResponse(f"Hello, {request.query_params.get('name', 'you')}")

    app = request_response(hello)

Where an outer middleware answers such exceptions (`asgi_middleware.exceptions` is in the scope), they are simply
raised. Elsewhere, alone on a server or within another framework, an HTTPException or WebSocketException that the
function raises is answered here, and a WebSocketDisconnect is not an error.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from .concurrency import is_async_callable, run_in_threadpool
from .exceptions import HTTPException, WebSocketDisconnect, WebSocketException, handled_above
from .requests import Request
from .responses import Response
from .types import ASGIApp, Message, Receive, Scope, Send
from .websockets import WebSocket, WebSocketState

__all__ = ["request_response", "websocket_session"]


def request_response(func: Callable[[Request], Awaitable[Response] | Response]) -> ASGIApp:
    """Return the ASGI application of `func(request) -> response`; a function that is not async runs in a thread.

    The application raises TypeError, naming the function, where it returns no ASGI application.
    """
    handler: Callable[[Request], Awaitable[Response]]
    handler = func if is_async_callable(func) else functools.partial(call_in_thread, func)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await handler(Request(scope, receive, send))
        except HTTPException as exc:
            if handled_above(scope):
                raise
            response = exc
        if not callable(response):
            raise not_a_response(func, response)
        await response(scope, receive, send)

    return _named_as(func, app)


def websocket_session(func: Callable[[WebSocket], Awaitable[None]]) -> ASGIApp:
    """Return the ASGI application of the async function `func(websocket)`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = WebSocket(scope, receive, send)
        try:
            await func(session)
        except (HTTPException, WebSocketException, WebSocketDisconnect) as exc:
            if handled_above(scope):
                raise
            try:
                ended = await _end(session, exc)
            except WebSocketDisconnect:
                ended = True
            if not ended:
                raise

    return _named_as(func, app)


def not_a_response(func: Callable[..., Any], returned: object) -> TypeError:
    """Return the error for a handler's return value; it names the function, its file and line."""
    # Closed, or Python warns of a coroutine that was never awaited, next to the error that explains it.
    if inspect.iscoroutine(returned):
        returned.close()
    while isinstance(func, functools.partial):
        func = func.func
    func = inspect.unwrap(func)
    code = getattr(func if inspect.isroutine(func) else type(func).__call__, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    name = getattr(func, "__qualname__", repr(func))
    return TypeError(f"{name}{where} returned {returned!r:.100}, which is not a response: return a Response")


async def call_in_thread(func: Callable[[Request], Any], request: Request) -> Any:
    """Return what a function returns in a thread, even if it is a coroutine, which trio's threads would refuse."""
    (returned,) = await run_in_threadpool(_boxed, func, request)
    return returned


def _boxed(func: Callable[[Request], Any], request: Request) -> tuple[Any]:
    return (func(request),)


def _named_as(func: Callable[..., Any], app: ASGIApp) -> ASGIApp:
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        value = getattr(func, name, None)
        if isinstance(value, str):
            setattr(app, name, value)
    return app


async def _end(session: WebSocket, exc: HTTPException | WebSocketException | WebSocketDisconnect) -> bool:
    """Answer on the session; return False where nothing can be sent any more and the exception is to be raised."""
    if WebSocketState.DISCONNECTED in (session.client_state, session.application_state):
        return isinstance(exc, WebSocketDisconnect)
    if isinstance(exc, WebSocketException):
        await exc(session.scope, session.receive, session.send)
        return True
    if isinstance(exc, HTTPException) and session.application_state is WebSocketState.CONNECTING:
        # ASGI: an application receives websocket.connect before it sends anything.
        if session.client_state is WebSocketState.CONNECTING:
            await session.receive()
        # The exception reads websocket.connect before it denies, and that has been received by now.
        await exc(session.scope, _connect, session.send)
        return True
    if isinstance(exc, HTTPException) and session.application_state is WebSocketState.CONNECTED:
        await session.send(exc.close_message())
        return True
    return False


async def _connect() -> Message:
    return {"type": "websocket.connect"}
