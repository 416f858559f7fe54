"""Functions as ASGI applications: `function(request) -> response`, `function(websocket)`, `handler(request, exc)`.

What an endpoint raises is answered where it stood, inside the middleware of its route, mount and router: so a CORS
header that a mount adds is on its errors too, and the handler gets the very Request that the endpoint had.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from asgi_middleware.exceptions import SCOPE_KEY, answer_itself
from asgi_requests.concurrency import is_async_callable, run_in_threadpool
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import Request
from asgi_requests.responses import Response
from asgi_requests.websockets import WebSocket

from .types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from .middleware import ExceptionMiddleware

_WHOLE = Response.__call__
_VARIADIC = inspect.CO_VARARGS


class Handler:
    """An exception handler `handler(request, exc) -> response`, for requests and WebSockets, sync or async.

    Called with a scope and an exception, as asgi-middleware does, it returns the ASGI application that answers.
    """

    __slots__ = ("_call", "function")

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        check_signature(function, 2, "an exception handler takes (request, exc)")
        self.function = function
        self._call = _awaitable(function)

    def __call__(self, scope: Scope, exc: Exception) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            kind = Request if scope["type"] == "http" else WebSocket
            await self.respond(kind(scope, receive, send), exc, scope, receive, send)

        return answer

    async def respond(self, connection: Any, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the handler with this connection and send what it returns; None is nothing to send."""
        response = await self._call(connection, exc)
        if response is not None:
            if not callable(response):
                raise TypeError(_not_a_response(self.function, response))
            await response(scope, receive, send)


def request_response(func: Callable[[Request[Any]], Any]) -> ASGIApp:
    """The ASGI application of an endpoint; a sync function runs in the thread pool.

    Raises TypeError, naming the function, its file and line, for one that does not take a request alone, and when
    it returns no response.
    """
    check_signature(func, 1, "an endpoint takes the request alone")
    call = _awaitable(func)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[Any] = Request(scope, receive, send)
        try:
            response = await call(request)
        except Exception as exc:
            answering = _answer(exc, request, scope, receive, send)
            if answering is None:
                raise
            await answering
            _let_go(exc)
            return
        if type(response).__call__ is _WHOLE:  # which sends just this, and one coroutine less is a thirtieth of all
            headers = response.raw_headers.copy()
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            body = b"" if "method" in scope and scope["method"] == "HEAD" else response.body
            await send({"type": "http.response.body", "body": body})
            if response.background is not None:
                await response.background()
        elif callable(response):
            await _send(response, request, scope, receive, send)
        else:
            raise TypeError(_not_a_response(func, response))

    return app


def answered(endpoint: ASGIApp) -> ASGIApp:
    """An application whose exceptions are answered where it stands, as those of a function are."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _send(endpoint, Request(scope, receive, send), scope, receive, send)

    return app


def websocket_session(func: Callable[[WebSocket[Any]], Awaitable[None]]) -> ASGIApp:
    """The ASGI application of a WebSocket endpoint; raises TypeError for one that does not take a WebSocket alone."""
    check_signature(func, 1, "a WebSocket endpoint takes the websocket alone")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket[Any] = WebSocket(scope, receive, send)
        try:
            await func(websocket)
        except Exception as exc:
            middleware: ExceptionMiddleware | None = scope.get(SCOPE_KEY)
            handler = None if middleware is None else middleware.handler_for(exc)
            # An exception that answers for itself is left to the middleware: it knows how far the handshake got.
            if not isinstance(handler, Handler):
                raise
            await handler.respond(websocket, exc, scope, receive, send)

    return app


async def _send(response: ASGIApp, request: Request[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response that runs code of its own, a stream or a file, which may fail before it has started."""
    started = False

    def watch(message: Message) -> Awaitable[None]:
        nonlocal started
        started = started or message["type"] == "http.response.start"
        return send(message)

    try:
        await response(scope, receive, watch)
    except Exception as exc:
        answering = None if started else _answer(exc, request, scope, receive, send)
        if answering is None:
            raise
        await answering
        _let_go(exc)


def _answer(
    exc: Exception, request: Request[Any], scope: Scope, receive: Receive, send: Send
) -> Awaitable[None] | None:
    """What is to be awaited for the answer of the handler in force, with the Request that the endpoint had."""
    middleware: ExceptionMiddleware | None = scope.get(SCOPE_KEY)
    handler: Any = None if middleware is None else middleware.handler_for(exc)
    if middleware is None or handler is None:
        return None
    if handler is answer_itself:
        application: Any = exc
        itself: Awaitable[None] = application(scope, receive, send)
        return itself
    if isinstance(handler, Handler):
        return handler.respond(request, exc, scope, receive, send)
    return middleware.respond(handler, exc, scope, receive, send)


def _let_go(exc: Exception) -> None:
    """Drop the traceback of what programs keep as a constant: each raise would add the frames of its request."""
    if isinstance(exc, HTTPException):
        exc.__traceback__ = None


def _awaitable(func: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    return func if is_async_callable(func) else partial(run_in_threadpool, func)


def check_signature(func: Callable[..., Any], count: int, rule: str) -> None:
    """Raise TypeError, naming the function, where `func` cannot be called with `count` positional arguments.

    The code object of a plain function says so in a fraction of what inspect takes; other callables are inspected.
    """
    code = getattr(func, "__code__", None)
    if code is not None and not hasattr(func, "__wrapped__"):
        most = code.co_argcount - inspect.ismethod(func)
        least = most - len(func.__defaults__ or ())
        required = code.co_kwonlyargcount - len(func.__kwdefaults__ or ())
        if least <= count and (count <= most or code.co_flags & _VARIADIC) and not required:
            return
    else:
        try:
            inspect.signature(func).bind(*range(count))
        except ValueError:
            return
        except TypeError:
            pass
        else:
            return
    raise TypeError(f"{rule}: {describe(func)} does not")


def is_function(endpoint: Any) -> bool:
    """Whether an endpoint is a function or a method, perhaps with some arguments bound, and no application."""
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    return inspect.isfunction(endpoint) or inspect.ismethod(endpoint)


def describe(func: Any) -> str:
    """A function by its name, file and line."""
    inner = inspect.unwrap(func)
    while isinstance(inner, partial):
        inner = inner.func
    code = getattr(inner, "__code__", None)
    name = getattr(inner, "__qualname__", repr(inner))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else str(name)


def _not_a_response(func: Callable[..., Any], response: object) -> str:
    kind = "nothing (None)" if response is None else f"a {type(response).__name__}"
    return f"{describe(func)} returned {kind}: return a Response, such as JSONResponse(...), or any ASGI application"
