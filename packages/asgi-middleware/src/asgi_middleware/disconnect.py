"""Cancel the work for a client that has disconnected.

    from asgi_middleware.disconnect import CancelOnDisconnectMiddleware, finish

    app = CancelOnDisconnectMiddleware(app)

    async def order(scope, receive, send):
        found = await search()              # cancelled when the client leaves
        with finish():
            await charge(found)             # finished all the same

An application that computes a response does not notice that its client is gone. This middleware cancels it, unless the
response has begun: a stream finds out by its own `receive`. To see the disconnect, up to 64 KiB of the body are read
ahead and delivered in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._ahead import READ_AHEAD, kept_size
from ._cancel import CancelScope, Waiter, beside, call_soon, shielding_scope
from ._configuration import application
from ._scope import unread
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CancelOnDisconnectMiddleware", "finish"]


_current: ContextVar[_Watched | None] = ContextVar("asgi_middleware.disconnect", default=None)


@contextmanager
def finish() -> Iterator[None]:
    """Delay the cancellation until the end of this block. Does nothing outside the middleware."""
    watched = _current.get()
    if watched is None:
        yield
        return
    watched.shields += 1
    try:
        yield
    finally:
        watched.shields -= 1
        watched.cancel()


class CancelOnDisconnectMiddleware:
    """Middleware that cancels the application when the client leaves before the response has begun.

    One task per request waits for the client to leave, beside the application, which stays in its own task. Nothing is
    sent to a client that has left. HTTP only: a WebSocket gets its own disconnect message.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = application(app, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        watched = _Watched(unread(scope, receive), send)
        token = _current.set(watched)
        try:
            with watched.scope:
                await beside(watched.watch, lambda: self.app(scope, watched.receive, watched.send))
        finally:
            _current.reset(token)


class _Watched:
    """One request, with the messages read ahead and whether its client has left."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.server_receive = receive
        self.server_send: Callable[[Message], Awaitable[None]] = send
        self.scope: CancelScope = shielding_scope()
        self.messages: deque[Message] = deque()
        self.size = 0
        self.arrived, self.taken = Waiter(), Waiter()
        self.failure: Exception | None = None
        self.left = self.started = False
        self.shields = 0

    async def watch(self) -> None:
        """Read ahead until the client leaves, or `receive` fails; the application then gets that exception."""
        while True:
            while self.size >= READ_AHEAD:
                await self.taken.wait()
            try:
                message = await self.server_receive()
            except Exception as exc:
                self.failure = exc
                return self.arrived.wake()
            self.left = message["type"] == "http.disconnect"
            self.messages.append(message)
            self.size += kept_size(message)
            self.arrived.wake()
            if self.left:
                return self.cancel()

    def cancel(self) -> None:
        """Cancel the application if its client has left, nothing has been sent and no `finish()` block runs."""
        if self.left and not self.started and not self.shields:
            # From a callback, since a task that cancels its own scope is cancelled at its next await, wherever that is.
            call_soon(self.scope.cancel)

    async def receive(self) -> Message:
        while not self.messages:
            if self.failure is not None:
                raise self.failure
            await self.arrived.wait()
        if len(self.messages) == 1 and self.left:
            return self.messages[0]  # every later `receive` returns the disconnect, as on servers
        message = self.messages.popleft()
        self.size -= kept_size(message)
        self.taken.wake()
        return message

    async def send(self, message: Message) -> None:
        self.started = self.started or message["type"] == "http.response.start"
        await self.server_send(message)
