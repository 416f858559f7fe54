"""The middleware: HTTP requests go to the WSGI application, everything else is answered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._configuration import check_numbers
from .._replies import reject
from .._scope import request_headers
from ..types import Receive, Scope, Send
from ._call import WSGIApp, WSGICall

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar


class WSGIMiddleware:
    """ASGI application that runs a WSGI application, at most `max_threads` requests at a time per event loop.

    It answers the lifespan and rejects WebSockets with 404. Exceptions of the application and of `receive()` propagate
    to the server; after the client has left, reads and writes raise ClientGone, an OSError. Raises ValueError for fewer
    than one thread, ImportError without anyio.
    """

    def __init__(self, app: WSGIApp, *, max_threads: int = 40) -> None:
        check_numbers(max_threads=max_threads)
        if max_threads < 1:
            raise ValueError(f"max_threads must be at least 1, not {max_threads!r}")
        try:
            from anyio.lowlevel import RunVar
        except ImportError as exc:
            raise ImportError("WSGIMiddleware needs anyio: pip install asgi-middleware[wsgi]") from exc

        self.app = app
        self.max_threads = max_threads
        # A limiter belongs to one event loop, and tests run several. Not the default limiter of AnyIO: a WSGI request
        # holds its thread for its whole life, and would starve files and sync endpoints.
        self._limiter: RunVar[CapacityLimiter] = RunVar("asgi_middleware.wsgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _answer_lifespan(receive, send)
        if scope["type"] == "websocket":
            return await reject(scope, receive, send, 404, "Not Found")
        if scope["type"] != "http":
            raise ValueError(f"a WSGI application can only answer HTTP requests, not {scope['type']!r}")
        request_headers(scope)
        return await WSGICall(self.app, scope, receive, send).run(self.limiter())

    def limiter(self) -> CapacityLimiter:
        """Return the limiter of the running event loop."""
        from anyio import CapacityLimiter

        try:
            return self._limiter.get()
        except LookupError:
            self._limiter.set(limiter := CapacityLimiter(self.max_threads))
            return limiter


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    """Complete the startup and the shutdown, which a WSGI application does not have."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
