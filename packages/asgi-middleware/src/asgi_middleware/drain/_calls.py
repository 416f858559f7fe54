"""The calls of the application, each of which is ended in its own way when the server stops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Protocol

from .._cancel import CancelScope, current_time, native_scope, native_scope_and_caller
from .._endless import with_lasting_headers
from .._marked import marked_async
from .._replies import send_text
from .._scope import unread
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._state import Drain, Drained


class Settings(Protocol):
    """The parts of the middleware that a call needs."""

    app: ASGIApp
    drain: Drain
    farewell: bytes
    close_code: int

    def endless(self, scope: Scope, start: Message, /) -> bool:
        """Return whether a response with this head never ends by itself."""


class DrainedCall(ABC):
    """One call of the application: its `receive` reports a disconnect when the server stops."""

    waiting: frozenset[CancelScope] = frozenset()
    noticed = complete = cut = False
    unheard = 0

    def __init__(self, settings: Settings, scope: Scope, receive: Receive, send: Send) -> None:
        self.settings = settings
        self.state = settings.drain
        self.scope = scope
        self.server_receive = unread(scope, receive)
        self.server_send = send
        self.whole, self.run_in_loop = native_scope_and_caller()

    @property
    @abstractmethod
    def is_ending(self) -> bool:
        """True if the application should end now, as if its client had left."""

    async def run(self) -> None:
        """Call the application, and then end a response or WebSocket that it has left open."""
        state = self.state
        state.calls.add(self)
        # Servers accept requests on open connections after the signal; these get the rest of the grace period.
        if state.draining:
            self.drain()
        try:
            with self.whole:
                await self.settings.app(self.scope, self.receive, self.send)
        except Exception as exc:
            if self.is_ending:
                await self.end()
            if not _is_caused_by_the_end(exc):
                raise
        finally:
            state.calls.discard(self)
        if state.draining and (self.is_ending or self.whole.cancelled_caught):
            await self.end()

    def drain(self) -> None:
        """End the call if it would not end by itself, and cancel it after the grace period."""
        self.whole.deadline = current_time() + self.state.remaining
        self.interrupt_receive()

    def interrupt_receive(self) -> None:
        """Let every waiting `receive` return the disconnect, if the call should end."""
        if self.is_ending:
            for scope in self.waiting:
                scope.cancel()

    async def receive(self) -> Message:
        if not self.is_ending:
            with native_scope() as waiting:
                self.waiting |= {waiting}
                # Cancelling a server's `receive` loses no message: it waits on an event or a queue, and takes it after.
                try:
                    return await self.server_receive()
                finally:
                    self.waiting -= {waiting}
        self.noticed = True  # from now on the application is expected to end by itself
        return self.disconnect()

    @abstractmethod
    def disconnect(self) -> Message:
        """Return the message that ends the application."""

    @abstractmethod
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the server; end an application that never calls `receive`."""

    @abstractmethod
    async def end(self) -> None:
        """End the response or WebSocket, unless that has been done."""

    async def pass_on(self, message: Message) -> None:
        """Send a message to a server that may itself have closed what is open, since it stops."""
        try:
            await self.server_send(message)
        except OSError as exc:
            if not self.is_ending:
                raise
            self.cut = True
            raise Drained("the connection was closed because the server stops") from exc

    def is_deaf(self) -> bool:
        """Return whether the application keeps sending and never calls `receive`, so that only `send` can stop it.

        It may send one more message, such as a goodbye, before that is assumed.
        """
        if self.noticed or self.waiting:
            return False
        self.unheard += 1
        return self.unheard > 1


class DrainedResponse(DrainedCall):
    """A call for an HTTP request: an endless response is ended, any other may finish."""

    started = False
    is_stream = False

    @property
    def is_ending(self) -> bool:
        return self.is_stream and self.state.draining

    def disconnect(self) -> Message:
        return {"type": "http.disconnect"}

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if self.cut:
            raise Drained("the response was ended because the server stops")
        if kind == "http.response.start":
            self.started = True
            message = with_lasting_headers(message)
            self.is_stream = self.settings.endless(self.scope, message)
            if self.is_stream:
                self.interrupt_receive()
        elif kind == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        return self._send_piece(message) if self.is_stream else self.server_send(message)

    async def _send_piece(self, message: Message) -> None:
        """Send a message of an endless response, and end it if only a send can."""
        await self.pass_on(message)
        if self.is_ending and not self.complete and message["type"].endswith(".body") and self.is_deaf():
            await self.end()
            raise Drained("the response was ended because the server stops")

    async def end(self) -> None:
        if self.complete or self.cut:
            return
        if self.is_stream:
            # A proper last message: without it the server would close the connection, and proxies report a 502.
            self.cut = True
            farewell = self.settings.farewell
            await self.server_send({"type": "http.response.body", "body": farewell, "more_body": False})
        elif not self.started:  # cancelled at the end of the grace period; a started response can only be cut off
            self.cut = True
            await send_text(self.scope, self.server_send, 503, "Service Unavailable")


class DrainedWebSocket(DrainedCall):
    """A call for a WebSocket, which is closed."""

    accepted = False

    @property
    def is_ending(self) -> bool:
        return self.accepted and self.state.draining

    def disconnect(self) -> Message:
        return {"type": "websocket.disconnect", "code": self.settings.close_code, "reason": ""}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.cut:
            raise Drained("the WebSocket was closed because the server stops")
        if kind == "websocket.accept":
            self.accepted = True
        elif kind == "websocket.close":
            self.complete = True
        await self.pass_on(message)
        if self.is_ending and not self.complete and kind == "websocket.send" and self.is_deaf():
            await self.end()
            raise Drained("the WebSocket was closed because the server stops")

    async def end(self) -> None:
        if self.accepted and not self.complete and not self.cut:
            self.cut = True
            await self.server_send({"type": "websocket.close", "code": self.settings.close_code, "reason": ""})


def _is_caused_by_the_end(exc: BaseException | None) -> bool:
    """Return whether an exception is `Drained`, or was raised while it was being handled."""
    while exc is not None:
        if isinstance(exc, Drained):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
