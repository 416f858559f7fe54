"""Middleware as one function of a request and of the rest of the application, as in Starlette.

    import time

    from asgi_requests import BaseHTTPMiddleware

    class TimingMiddleware(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            started = time.perf_counter()
            response = await call_next(request)
            response.headers["Server-Timing"] = f"app;dur={1000 * (time.perf_counter() - started):.1f}"
            return response

It is here for code that is written this way. The application runs in a task of its own, which costs more than the rest
of a small request; new code does the same in one task with `around_http` of asgi-middleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from ._call_next import CallNext, ForwardedResponse
from .adapters import not_a_response
from .exceptions import HTTPException
from .requests import Request
from .responses import Response
from .types import ASGIApp, Receive, Scope, Send

__all__ = ["BaseHTTPMiddleware", "DispatchFunction", "ForwardedResponse", "RequestResponseEndpoint"]

RequestResponseEndpoint = Callable[[Request], Awaitable[Response]]
DispatchFunction = Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]


class BaseHTTPMiddleware:
    """Middleware that calls `dispatch(request, call_next)` for each HTTP request, and sends the response it returns.

    The response of `call_next` passes message by message as the application sends it, but for what is changed on it.
    Context variables that the application sets are set for the caller too, at the start of the response and at its
    end; those that it unsets stay, and the application does not see those that `dispatch` sets after `call_next`.
    An HTTPException raised in `dispatch` is its own answer; exceptions of the application pass unchanged.
    """

    def __init__(self, app: ASGIApp, dispatch: DispatchFunction | None = None) -> None:
        self.app = app
        self.dispatch_func: DispatchFunction = self.dispatch if dispatch is None else dispatch

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Return a response; `call_next(request)` raises RuntimeError if the application sends none."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        call_next = CallNext(self.app, request, send)
        try:
            async with anyio.create_task_group() as call_next.tasks:
                try:
                    await self._answer(request, call_next, receive)
                    await call_next.finish()
                except Exception as exc:
                    # Raised outside of the group, which would wrap it.
                    call_next.failure = exc
                    call_next.tasks.cancel_scope.cancel()
        finally:
            call_next.close()

    async def _answer(self, request: Request, call_next: CallNext, receive: Receive) -> None:
        try:
            response: Any = await self.dispatch_func(request, call_next)
        except HTTPException as exc:
            # The application's, passed through by `dispatch`: its handlers are those of an outer middleware.
            if exc is call_next.raised:
                raise
            response = exc
        if not callable(response):
            raise not_a_response(self.dispatch_func, response)
        await response(request.scope, receive, call_next.send)
