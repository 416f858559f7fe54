"""Middleware as one function of a request and the rest of the application, as Starlette has it.

    class TimingMiddleware(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            started = time.perf_counter()
            response = await call_next(request)
            response.headers["Server-Timing"] = f"app;dur={1000 * (time.perf_counter() - started):.1f}"
            return response

It is here for code that is written this way. The application runs in a task of its own, which costs more than the rest
of a small request; for new code `around_http` of asgi-middleware says the same in the same task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from ._exchange import Exchange, ForwardedResponse
from .adapters import not_a_response
from .exceptions import HTTPException
from .requests import Request
from .responses import Response
from .types import ASGIApp, Receive, Scope, Send

__all__ = ["BaseHTTPMiddleware", "DispatchFunction", "ForwardedResponse", "RequestResponseEndpoint"]

RequestResponseEndpoint = Callable[[Request], Awaitable[Response]]
DispatchFunction = Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]


class BaseHTTPMiddleware:
    """Calls `dispatch(request, call_next)` for each HTTP request, and sends the response it returns.

    The response of `call_next` is untouched but for what is changed on it: its messages pass as the application sends
    them. Context variables the application sets are set for the caller too, at the start of the response and at its
    end; what it unsets stays, and what `dispatch` sets after `call_next` the application does not see.
    An HTTPException raised in `dispatch` is its own answer; exceptions of the application pass unchanged.
    """

    def __init__(self, app: ASGIApp, dispatch: DispatchFunction | None = None) -> None:
        self.app = app
        self.dispatch_func: DispatchFunction = self.dispatch if dispatch is None else dispatch

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Override it, or pass `dispatch`; `call_next` raises RuntimeError if the application sends no response."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(self.app, send)
        try:
            async with anyio.create_task_group() as exchange.tasks:
                try:
                    await self._answer(exchange, Request(scope, receive, send), receive)
                    await exchange.finish()
                except Exception as exc:
                    # Kept out of the group, which would wrap it.
                    exchange.failure = exc
                    exchange.tasks.cancel_scope.cancel()
        finally:
            exchange.close()

    async def _answer(self, exchange: Exchange, request: Request, receive: Receive) -> None:
        try:
            response = await self.dispatch_func(request, exchange.call_next)
        except HTTPException as exc:
            if exc is exchange.raised:
                raise
            response = exc  # type: ignore[assignment]
        if not callable(response):
            raise not_a_response(self.dispatch_func, response)
        await response(request.scope, receive, exchange.send)
