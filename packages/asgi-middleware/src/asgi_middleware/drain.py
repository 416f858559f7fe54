"""End open streams and WebSockets when the server is told to stop, and let everything else finish.

    from asgi_middleware.drain import DrainMiddleware

    app = DrainMiddleware(app, grace=25.0)

Servers wait at SIGTERM for responses that never end: an event stream or a WebSocket keeps a deploy hanging. This
middleware chains the signal handler that the server has set. At the signal an endless response is told
`http.disconnect` while its `send` still works, so that it can say goodbye, and is then ended properly; a WebSocket is
closed with 1012 (RFC 6455 §7.4.1 and its registry: service restart). Requests that will end are left alone, and what
is still running after `grace` seconds is cancelled.

Where a server sets no signal handler in the process of the application (hypercorn, daphne, a loop of your own),
call `begin()`:

    drain = Drain(grace=25.0)
    app = DrainMiddleware(app, drain=drain)
    drain.begin()
"""

from __future__ import annotations

import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FrameType
from typing import Any

from ._cancel import CancelScope, caller_from_anywhere, current_time, native_scope
from ._endless import is_endless, with_lasting_headers
from ._replies import send_text
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Drain", "DrainMiddleware", "Drained", "is_endless"]

SCOPE_KEY = "asgi_middleware.drain"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Drained(OSError):
    """Raised by the `send` of an application that goes on sending to a response or WebSocket that was ended."""


class Drain:
    """The state of a shutdown: begun by a signal, by the lifespan, or by `begin()`, which any thread may call."""

    def __init__(self, *, grace: float = 25.0) -> None:
        if not grace > 0:
            raise ValueError(f"grace={grace!r}: what is still running is cancelled after so many seconds, more than 0")
        self.grace = grace
        self.draining = False
        self._ends_at = 0.0
        self._open: set[_Exchange] = set()
        self._replaced: dict[int, Any] = {}

    def begin(self) -> None:
        """End endless responses and WebSockets now, and cancel everything else after `grace` seconds."""
        if self.draining:
            return
        self._ends_at = time.monotonic() + self.grace
        self.draining = True
        for call in {exchange.call for exchange in list(self._open)}:
            try:
                call(partial(self._tell, call))
            except RuntimeError:  # that event loop has been closed
                continue

    @property
    def remaining(self) -> float:
        """The seconds that are left of the grace period: less and less for requests that begin while it runs."""
        return max(0.0, self._ends_at - time.monotonic()) if self.draining else self.grace

    def _tell(self, call: Callable[..., object]) -> None:
        for exchange in list(self._open):
            if exchange.call == call:
                exchange.drain()

    def install(self, signals: Iterable[int]) -> None:
        """Chain the handlers of these signals; only the main thread may, and only where there is one to chain."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in signals:
            handler = signal.getsignal(number)
            if callable(handler) and number not in self._replaced:
                self._replaced[number] = handler
                signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Put the handlers back that were there, unless somebody else has replaced them since."""
        if threading.current_thread() is threading.main_thread():
            while self._replaced:
                number, handler = self._replaced.popitem()
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.begin()
        self._replaced[number](number, frame)


class DrainMiddleware:
    """Middleware that ends endless responses and WebSockets at a signal, and bounds the rest by a grace period.

    It belongs outermost. `drain` is the state to share with a health check, or to `begin()` by hand; `signals` are
    chained at the start of the lifespan. `endless(scope, start)` says whether a response whose head is `start` never
    ends by itself (by default: event streams and multipart/x-mixed-replace). `farewell` is sent as the last bytes of
    such a response. `close_code` closes WebSockets: 1012, or 1001. Raises ValueError for a code that is neither.
    The state stands in the scope under `asgi_middleware.drain`.
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
            raise ValueError("grace= belongs to the Drain that is given: Drain(grace=...)")
        if close_code not in (1001, 1012):
            raise ValueError(f"close_code={close_code!r}: 1012 (service restart) or 1001 (going away)")
        if not isinstance(farewell, bytes):
            raise TypeError(f"farewell={farewell!r}: bytes, such as b'event: bye\\ndata:\\n\\n'")
        self.app = app
        self.drain = drain or Drain(grace=25.0 if grace is None else grace)
        self.signals = tuple(signals)
        self.endless = endless
        self.farewell = farewell
        self.close_code = close_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[SCOPE_KEY] = self.drain
            return await _Response(self, scope, receive, send).run()
        if scope["type"] == "websocket":
            scope[SCOPE_KEY] = self.drain
            return await _Session(self, scope, receive, send).run()
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

        # At once, and left in place where the application has no lifespan: the server goes on without one.
        self.drain.install(self.signals)
        await self.app(scope, receive_shutdown, send)


class _Exchange(ABC):
    """One call of the application: what it is told, and how it is ended."""

    def __init__(self, middleware: DrainMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.middleware = middleware
        self.state = middleware.drain
        self.scope = scope
        self.server_receive = receive
        self.server_send = send
        self.call = caller_from_anywhere()
        self.whole = native_scope()
        self.waiting: set[CancelScope] = set()
        self.noticed = False
        self.unheard = 0
        self.complete = self.cut = False

    @property
    @abstractmethod
    def is_ending(self) -> bool:
        """Whether the application is to end now, as it would if its client left."""

    async def run(self) -> None:
        """Call the application, then end what it left open."""
        self.state._open.add(self)
        if self.state.draining:
            self.drain()
        try:
            with self.whole:
                await self.middleware.app(self.scope, self.receive, self.send)
        except Exception as exc:
            if self.is_ending:
                await self.end()
            if not _stems_from_the_end(exc):
                raise
        finally:
            self.state._open.discard(self)
        if self.is_ending or self.whole.cancelled_caught:
            await self.end()

    def drain(self) -> None:
        """Tell the application, if it is to end, and cancel it after the grace period."""
        self.whole.deadline = current_time() + self.state.remaining
        self.tell()

    def tell(self) -> None:
        """Have every `receive` that waits return the disconnect."""
        if self.is_ending:
            for scope in self.waiting:
                scope.cancel()

    async def receive(self) -> Message:
        if not self.is_ending:
            with native_scope() as waiting:
                self.waiting.add(waiting)
                try:
                    return await self.server_receive()
                finally:
                    self.waiting.discard(waiting)
        self.noticed = True
        return self.disconnect()

    @abstractmethod
    def disconnect(self) -> Message:
        """Return the message that ends the application."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Pass a message, and end an application that listens to nothing else."""

    @abstractmethod
    async def end(self) -> None:
        """End what the application left open; does nothing the second time."""

    def is_deaf(self) -> bool:
        """Return whether the application goes on sending and never asks for a disconnect: only `send` can tell it."""
        if self.noticed or self.waiting:
            return False
        self.unheard += 1
        return self.unheard > 1


class _Response(_Exchange):
    started = False
    is_stream = False

    @property
    def is_ending(self) -> bool:
        return self.is_stream and self.state.draining

    def disconnect(self) -> Message:
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.cut:
            raise Drained("the response was ended because the server stops")
        if kind == "http.response.start":
            self.started = True
            message = with_lasting_headers(message)
            self.is_stream = self.middleware.endless(self.scope, message)
            self.tell()
        elif kind == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        await self.server_send(message)
        if self.is_ending and not self.complete and kind == "http.response.body" and self.is_deaf():
            await self.end()
            raise Drained("the response was ended because the server stops")

    async def end(self) -> None:
        if self.complete or self.cut:
            return
        if self.is_stream:
            self.cut = True
            farewell = self.middleware.farewell
            await self.server_send({"type": "http.response.body", "body": farewell, "more_body": False})
        elif not self.started:
            self.cut = True
            await send_text(self.scope, self.server_send, 503, "Service Unavailable")


class _Session(_Exchange):
    accepted = False

    @property
    def is_ending(self) -> bool:
        return self.accepted and self.state.draining

    def disconnect(self) -> Message:
        return {"type": "websocket.disconnect", "code": self.middleware.close_code, "reason": ""}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.cut:
            raise Drained("the WebSocket was closed because the server stops")
        if kind == "websocket.accept":
            self.accepted = True
        elif kind == "websocket.close":
            self.complete = True
        await self.server_send(message)
        if self.is_ending and not self.complete and kind == "websocket.send" and self.is_deaf():
            await self.end()
            raise Drained("the WebSocket was closed because the server stops")

    async def end(self) -> None:
        if self.accepted and not self.complete and not self.cut:
            self.cut = True
            await self.server_send({"type": "websocket.close", "code": self.middleware.close_code, "reason": ""})


def _stems_from_the_end(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, Drained):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
