"""Serve a WSGI application as an ASGI one (PEP 3333), streaming both ways; needs asgi-middleware[wsgi].

    app = WSGIMiddleware(flask_app)

The application runs in a worker thread that waits for each piece it reads and each it writes, so nothing is queued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._environ import build_environ
from ._replies import reject
from ._scope import call_with_lasting_headers, has_lasting_headers
from ._wsgi_exchange import ClientGone, Exchange, FileWrapper, WSGIApp
from .types import Receive, Scope, Send

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

__all__ = ["ClientGone", "FileWrapper", "WSGIMiddleware", "build_environ"]


class WSGIMiddleware:
    """Runs a WSGI application for HTTP requests, at most `max_threads` at a time per event loop.

    Answers the lifespan for it and refuses WebSockets with 404. Its exceptions reach the server as they are; a client
    that leaves makes reads and writes raise ClientGone, an OSError. Raises ValueError for fewer than one thread.
    """

    def __init__(self, app: WSGIApp, *, max_threads: int = 40) -> None:
        if max_threads < 1:
            raise ValueError(f"max_threads is at least 1, not {max_threads!r}")
        try:
            from anyio.lowlevel import RunVar
        except ImportError as exc:
            raise ImportError("WSGIMiddleware needs anyio: pip install asgi-middleware[wsgi]") from exc

        self.app = app
        self.max_threads = max_threads
        self._limiter: RunVar[CapacityLimiter] = RunVar("asgi_middleware.wsgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if scope["type"] == "websocket":
            return await reject(scope, receive, send, 404, "Not Found")
        if scope["type"] != "http":
            raise ValueError(f"a WSGI application answers HTTP requests, not {scope['type']!r}")
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        return await Exchange(self.app, scope, receive, send).run(self.limiter())

    def limiter(self) -> CapacityLimiter:
        """The limiter of the running event loop."""
        from anyio import CapacityLimiter

        try:
            return self._limiter.get()
        except LookupError:
            self._limiter.set(limiter := CapacityLimiter(self.max_threads))
            return limiter


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan of an application that has none."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
