"""Limit how many requests are worked on at the same time, and let a bounded number wait.

    from asgi_middleware.concurrency import ConcurrencyLimitMiddleware

    app = ConcurrencyLimitMiddleware(app, 100, queue=200, wait=2.0, exempt_paths=["/livez"])

Under more load than it can bear a server that takes on everything answers nobody in time. Here a request beyond
`limit` waits its turn, first come, first served; one that finds the queue full, or has waited too long, gets a 503 with
Retry-After at once. A client that leaves the queue makes room. The limit is that of one process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from ._cancel import CancelScope, Waiter, current_time, native_scope
from ._replies import reject
from .types import ASGIApp, Message, Receive, Scope, Send

_READ_AHEAD = 65536  # bytes of a waiting request's body that are read to notice that its client has left


class ConcurrencyLimitMiddleware:
    """Middleware that answers 503 for requests beyond a limit and a queue (RFC 9110 §15.6.4).

    `limit` requests run at once and `queue` more wait, each for at most `wait` seconds. `retry_after` is what a
    refused client is told, in seconds. A request counts until the application returns, background work included.
    `websocket_limit` counts the open WebSockets apart, which do not wait; None is no limit. `exempt_paths` are never
    held up: health checks. Raises ValueError for a limit below 1, a negative queue, wait or retry_after.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        *,
        queue: int = 0,
        wait: float = 1.0,
        retry_after: int = 1,
        websocket_limit: int | None = None,
        exempt_paths: Collection[str] = (),
    ) -> None:
        if limit < 1 or (websocket_limit is not None and websocket_limit < 1):
            raise ValueError(f"limit={limit!r}, websocket_limit={websocket_limit!r}: at least 1")
        if queue < 0 or wait < 0 or retry_after < 0:
            raise ValueError(f"queue={queue!r}, wait={wait!r}, retry_after={retry_after!r}: 0 or more")
        self.app = app
        self.limit = limit
        self.queue = queue
        self.wait = wait
        self.websocket_limit = websocket_limit
        self.exempt_paths = frozenset([exempt_paths] if isinstance(exempt_paths, str) else exempt_paths)
        self.running = 0
        self.websockets = 0
        self._waiting: deque[_Turn] = deque()
        self._headers = [(b"retry-after", b"%d" % retry_after)]

    @property
    def waiting(self) -> int:
        """The number of requests in the queue."""
        return len(self._waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return await self._serve_websocket(scope, receive, send)
        if scope["type"] != "http" or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        if self.running >= self.limit:
            if len(self._waiting) >= self.queue:
                return await reject(scope, receive, send, 503, "Service Unavailable", self._headers)
            turn = _Turn(receive)
            await self._queue(turn)
            if turn.has_left:
                return None
            if not turn.granted:
                return await reject(scope, receive, send, 503, "Service Unavailable", self._headers)
            receive = turn.receive
        else:
            self.running += 1
        try:
            return await self.app(scope, receive, send)
        finally:
            self._pass_on()

    async def _queue(self, turn: _Turn) -> None:
        """Wait for a turn; one that is granted to a request that is cancelled or left goes to the next."""
        self._waiting.append(turn)
        try:
            await turn.wait(self.wait)
        except BaseException:
            if turn.granted:
                self._pass_on()
            raise
        finally:
            if not turn.granted:
                self._waiting.remove(turn)
        if turn.granted and turn.has_left:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the place of a request that has ended to the first that waits."""
        if self._waiting:
            self._waiting.popleft().grant()
        else:
            self.running -= 1

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.websocket_limit is None or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        if self.websockets >= self.websocket_limit:
            return await reject(
                scope, receive, send, 503, "Service Unavailable", self._headers, close_code=1013
            )  # try again later
        self.websockets += 1
        try:
            return await self.app(scope, receive, send)
        finally:
            self.websockets -= 1


class _Turn:
    """A request in the queue: it listens for its client's leaving, and keeps what it receives meanwhile."""

    def __init__(self, receive: Receive) -> None:
        self.server_receive = receive
        self.scope: CancelScope = native_scope()
        self.messages: deque[Message] = deque()
        self.granted = self.has_left = False

    def grant(self) -> None:
        self.granted = True
        self.scope.cancel()

    async def wait(self, seconds: float) -> None:
        """Wait until the turn is granted, the client has left, or so many seconds have passed."""
        self.scope.deadline = current_time() + seconds
        size = 0
        with self.scope:
            while not self.has_left:
                if size < _READ_AHEAD:
                    message = await self.server_receive()
                    self.has_left = message["type"] == "http.disconnect"
                    self.messages.append(message)
                    size += len(message.get("body", b"")) + 1
                else:
                    await Waiter().wait()

    async def receive(self) -> Message:
        return self.messages.popleft() if self.messages else await self.server_receive()
