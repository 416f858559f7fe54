"""Serve a request with a function: send its response, or the answer to its exception."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgi_middleware.errors import ResponseWatcher
from asgi_middleware.exceptions import SCOPE_KEY, ExceptionResponder, answer_itself
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import Request
from asgi_requests.responses import Response

from ._signatures import not_a_response
from .types import ASGIApp, Receive, Scope, Send

# Captured at import, before anything can be patched.
RESPONSE_CALL = Response.__call__
HTTP_EXCEPTION_CALL = HTTPException.__call__


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
        if response.__class__.__call__ is RESPONSE_CALL and response.background is None:
            start, body = response.messages(scope)
            await send(start)
            await send(body)
        else:
            await send_or_answer(application_of(response, self.function), request, scope, receive, send)


def application_of(response: Any, func: Any) -> ASGIApp:
    """Return a response that runs its own code, or an ASGI application; raises TypeError, naming `func`, for others."""
    if not callable(response):
        raise not_a_response(func, response)
    app: ASGIApp = response
    return app


async def send_or_answer(app: ASGIApp, request: Request[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response that runs its own code, such as a stream or a file: it may fail before it has started."""
    watcher = watcher_of(None, send)
    try:
        await app(scope, receive, watcher.send)
    except Exception as exc:
        if watcher.started or not await answer_exception(exc, request, scope, receive, send):
            raise


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


async def answer_in_turn(
    exc: Exception, request: Request[Any] | None, scope: Scope, receive: Receive, watcher: ResponseWatcher
) -> bool:
    """Answer an exception as an endpoint and the middleware around it do: the second answers what a handler raises.

    Without the request of an endpoint there is the middleware alone.
    """
    started = watcher.started
    try:
        return await answer_exception(exc, request, scope, receive, watcher.send, started=started)
    except Exception as failure:
        if request is None or started:
            raise
        if not await answer_exception(failure, None, scope, receive, watcher.send, started=watcher.started):
            raise
        return True


def watcher_of(request: Request[Any] | None, send: Send) -> ResponseWatcher:
    """Return the watcher of `send`; it has started if the request, if any, has begun its response."""
    outer = getattr(send, "__self__", None)
    watcher = outer if isinstance(outer, ResponseWatcher) else ResponseWatcher(send)
    if request is not None and request.response_started:
        watcher.started = True
    return watcher
