"""Limit the number of requests that run at the same time, and let a bounded number wait.

    from asgi_middleware.concurrency import ConcurrencyLimitMiddleware

    app = ConcurrencyLimitMiddleware(app, 100, queue=200, wait=2.0, exempt_paths=["/livez"])

A server that accepts every request under overload answers none of them in time. With this middleware a request beyond
`limit` waits for its turn, first come, first served; if the queue is full, or the wait too long, it gets a 503 with
Retry-After. A client that leaves the queue makes room. The limit is per process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from ._ahead import READ_AHEAD, kept_size
from ._cancel import CancelScope, Waiter, current_time, native_scope
from ._configuration import application
from ._replies import reject
from ._scope import unread
from .types import ASGIApp, Message, Receive, Scope, Send


class ConcurrencyLimitMiddleware:
    """Middleware that answers 503 for requests beyond a limit and a queue (RFC 9110 §15.6.4).

    `limit` requests run at once and `queue` more wait, each for at most `wait` seconds. `retry_after` is the value of
    Retry-After, in seconds. A request counts until the application returns, including background work.
    `websocket_limit` limits the open WebSockets, which are counted separately and do not wait; None disables it.
    `exempt_paths`, such as health checks, never wait. Raises ValueError for a limit below 1, and for a negative queue,
    wait or retry_after.
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
        numbers = (limit, queue, wait, retry_after, 1 if websocket_limit is None else websocket_limit)
        if not all(isinstance(number, int | float) for number in numbers):
            raise TypeError(f"limit, queue, wait, retry_after and websocket_limit must be numbers, not {numbers!r}")
        if limit < 1 or (websocket_limit is not None and websocket_limit < 1):
            raise ValueError(f"limit={limit!r} and websocket_limit={websocket_limit!r} must be 1 or more")
        if queue < 0 or wait < 0 or retry_after < 0:
            raise ValueError(f"queue={queue!r}, wait={wait!r} and retry_after={retry_after!r} must be 0 or more")
        self.app = application(app, self)
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
            turn = _Turn(unread(scope, receive))
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
        """Wait for a turn. If the request is cancelled, or its client leaves, a granted turn goes to the next."""
        self._waiting.append(turn)
        try:
            await turn.wait(self.wait)
        except BaseException:
            # Cancelled in the same moment as the turn was granted: the place would be lost for the life of the process.
            if turn.granted:
                self._pass_on()
            raise
        finally:
            if not turn.granted:
                self._waiting.remove(turn)
        if turn.granted and turn.has_left:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the place of a request that has ended to the first one in the queue.

        The number of running requests stays the same meanwhile, so that a newcomer cannot overtake the queue.
        """
        if self._waiting:
            self._waiting.popleft().grant()
        else:
            self.running -= 1

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.websocket_limit is None or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        if self.websockets >= self.websocket_limit:
            # 1013: try again later (the IANA registry of RFC 6455 §11.7).
            return await reject(scope, receive, send, 503, "Service Unavailable", self._headers, close_code=1013)
        self.websockets += 1
        try:
            return await self.app(scope, receive, send)
        finally:
            self.websockets -= 1


class _Turn:
    """A request in the queue: it receives, to notice that its client has left, and keeps the messages."""

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
                if size < READ_AHEAD:
                    message = await self.server_receive()
                    self.has_left = message["type"] == "http.disconnect"
                    self.messages.append(message)
                    size += kept_size(message)
                else:
                    await Waiter().wait()  # woken by the scope only: to read more would fill the memory

    async def receive(self) -> Message:
        return self.messages.popleft() if self.messages else await self.server_receive()
