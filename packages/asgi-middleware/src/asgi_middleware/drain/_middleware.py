"""The middleware: it puts the state into the scope, and begins the shutdown at a signal or with the lifespan."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from .._configuration import application, check_function
from .._endless import is_endless
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._calls import DrainedResponse, DrainedWebSocket
from ._state import Drain

SCOPE_KEY = "asgi_middleware.drain"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class DrainMiddleware:
    """Middleware that ends endless responses and WebSockets at a signal, and limits the rest by a grace period.

    It belongs outermost. `drain` is the state to share with a health check, or to `begin()` by hand; `signals` are
    chained at the start of the lifespan. `endless(scope, start)` returns whether a response with the head `start` never
    ends by itself (by default: event streams and multipart/x-mixed-replace). `farewell` is sent as the last bytes of
    such a response. `close_code` closes WebSockets: 1012, or 1001. Raises ValueError for another code. The state is in
    the scope under `asgi_middleware.drain`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        drain: Drain | None = None,
        grace: float | None = None,
        signals: Sequence[int] = _SIGNALS,
        endless: Callable[[Scope, Message], bool] = is_endless,
        farewell: bytes = b"",
        close_code: int = 1012,
    ) -> None:
        if drain is not None and grace is not None:
            raise ValueError("grace= and drain= exclude each other: write Drain(grace=...)")
        if close_code not in (1001, 1012):
            raise ValueError(f"close_code={close_code!r} must be 1012 (service restart) or 1001 (going away)")
        if not isinstance(farewell, bytes):
            raise TypeError(f"farewell={farewell!r} must be bytes, such as b'event: bye\\ndata:\\n\\n'")
        if drain is not None and not isinstance(drain, Drain):
            raise TypeError(f"drain={drain!r} must be a Drain; for a number of seconds write grace={drain!r}")
        check_function("endless", endless, "the scope and the start of the response")
        self.app = application(app, self)
        self.drain = drain or Drain(grace=25.0 if grace is None else grace)
        self.signals = tuple(signals)
        self.endless = endless
        self.farewell = farewell
        self.close_code = close_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[SCOPE_KEY] = self.drain
            return await DrainedResponse(self, scope, receive, send).run()
        if scope["type"] == "websocket":
            scope[SCOPE_KEY] = self.drain
            return await DrainedWebSocket(self, scope, receive, send).run()
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        return await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_shutdown() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.drain.begin()
                self.drain.uninstall()
            return message

        # Before the application starts, and not undone if it does not support the lifespan: the server then continues
        # without it.
        self.drain.install(self.signals)
        await self.app(scope, receive_shutdown, send)
