"""One call of an application, seen from the server's side: its messages, its checks and its end.

Everything here runs on the application's event loop, except for those who read the flags: each is set once, and the
waiting side is woken after it.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, ClassVar

from .._checks import Checks, PendingCalls
from .._errors import chain, is_cancellation, trimmed, unwrapped
from .._loops.backends import CALL, Loop, Signal, Task, ThreadWaiter, Waiter
from .._options import Settings
from .._texts import in_brief, listed, request_line
from ..exceptions import AppCancelled, ClientDisconnected, ProtocolViolation
from ..types import ASGIApp, Message, Scope

if TYPE_CHECKING:
    from anyio import CancelScope

__tracebackhide__ = True  # pytest shows the code of its reader instead

REMEMBERED = 1000  # messages; an endless stream has more than a test looks at
STEPS = 30  # passes of the loop for an application that is about to end
MOMENT = 20  # milliseconds for an application that ends in a worker thread; Starlette's client is as slow by itself


class AppCall(ABC):
    """An application at work on one scope. `done` once it has returned or raised."""

    checks_type: ClassVar[type[Checks]] = Checks
    order_checks_type: ClassVar[type[Checks]] = Checks

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        settings: Settings,
        loop: Loop,
        waiter: Waiter,
        offered: frozenset[str] = frozenset(),
    ) -> None:
        self.app = app
        self.scope = scope
        self.settings = settings
        self.loop = loop
        self.waiter = waiter
        if settings.strict == "order":
            self.checks = self.order_checks_type(scope, offered=offered, strict="off")
        else:
            self.checks = self.checks_type(scope, offered=offered, strict=settings.strict, ignore=settings.ignored)
        self.messages: deque[tuple[str, Message]] = deque(maxlen=REMEMBERED)
        self.task: Task | None = None
        self.done = False
        self.disconnected = False
        self.cancelled = False
        self.rested = False
        self.exception: BaseException | None = None
        self.logged: BaseException | None = None
        self.receiving = 0
        self.sending = 0
        self._pending = PendingCalls()
        self._cancel_scope: CancelScope | None = None
        self._signal: Signal | None = None
        self._sent = 0

    @property
    def title(self) -> str:
        """The request of the call, for errors and warnings."""
        return request_line(self.scope)

    def start(self, context: Context) -> None:
        """Begin the call; on the loop."""
        self.task = self.loop.spawn(self._run, context)

    def disconnect(self) -> None:
        """Note that the client has left; on the loop."""
        self.disconnected = True
        self.notify()

    def cancel(self) -> None:
        """Cancel the application; on the loop."""
        self.cancelled = True
        if not self.done and (running := self._cancel_scope or self.task) is not None:
            running.cancel()

    def rest(self) -> None:
        """Give the application some passes of the loop, or the moment that a thread takes, then set `rested`."""
        self.rested = False
        self.loop.spawn(self._rest, Context())

    async def _rest(self) -> None:
        for _ in range(STEPS):
            if self.done:
                break
            await self.loop.pause()
        if not self.done and not self.receiving:
            await self._wait_a_moment()
        self.rested = True
        self.waiter.wake()

    async def _wait_a_moment(self) -> None:
        """Wait for an application whose exception, or return, is on its way through a worker thread."""
        from anyio import sleep

        tries = MOMENT
        while tries and not self.done:
            tries -= 1
            await sleep(0.001)

    def notify(self) -> None:
        """Wake whatever waits in `receive` or `send`; on the loop."""
        if self._signal is not None:
            self._signal.set()

    def receive(self) -> Coroutine[Any, Any, Message]:
        """The application's `receive`."""
        number = self._pending.next()
        return self._pending.opened(number, "receive()", self._receive(number))

    def send(self, message: Message) -> Coroutine[Any, Any, None]:
        """The application's `send`."""
        number = self._pending.next()
        return self._pending.opened(number, "send()", self._send(number, message))

    async def _receive(self, number: int) -> Message:
        self._pending.begun(number)
        self.receiving += 1
        try:
            message = await self._next()
        finally:
            self.receiving -= 1
        self.checks.received(message)
        if self.settings.record:
            self.messages.append(("receive", {**message}))
        return message

    async def _send(self, number: int, message: Message) -> None:
        self._pending.begun(number)
        try:
            self.checks.sent(message)
        finally:
            if self.settings.record:
                self.messages.append(("send", {**message} if isinstance(message, dict) else message))
        if self._client_is_gone():
            await self.loop.pause()
            if self.settings.send_raises:
                raise ClientDisconnected("the client has disconnected")
            return
        self._take(message)
        self.waiter.wake()
        await self._yield(message)

    async def _yield(self, message: Message) -> None:
        """Let the loop run, so that an application that only sends can be cancelled."""
        self._sent += 1
        if not self._sent & 31:
            await self.loop.pause()

    def _client_is_gone(self) -> bool:
        return self.disconnected

    @abstractmethod
    async def _next(self) -> Message:
        """Return the next message for the application."""

    @abstractmethod
    def _take(self, message: Message) -> None:
        """Take a message of the application."""

    async def _changed(self) -> None:
        if self._signal is None:
            self._signal = self.loop.signal()
        await self._signal.wait()

    async def _run(self) -> None:
        CALL.set(self)
        if self.settings.disconnect_grace or self.scope["type"] == "lifespan":
            return await self._run_to_the_end()
        # Where leaving is a cancellation, it is one of anyio's, which spares what the application shields.
        from anyio import CancelScope

        with CancelScope() as self._cancel_scope:
            return await self._run_to_the_end()

    async def _run_to_the_end(self) -> None:
        try:
            value = await self._called()
            self._flag_unawaited()
            if not self.disconnected:
                self.checks.returned(value)
        except BaseException as raised:
            self._flag_unawaited()
            self.checks.raised(raised)
            # A cancellation by the client says nothing, and its frames would keep alive what the application cleans up.
            forced = self.cancelled and is_cancellation(raised)
            self.exception = raised.with_traceback(None) if forced else trimmed(raised)
        # By now no frame of this package holds the exception: the test alone decides how long it lives.
        self.task = self._cancel_scope = None
        self.done = True
        self.waiter.wake()

    async def _called(self) -> Any:
        if self.settings.raise_server_exceptions != "logged":
            return await self._call()
        from .._logs import LOG_WATCHER

        with LOG_WATCHER:
            return await self._call()

    async def _call(self) -> Any:
        awaitable: Awaitable[Any] = self.checks.call(self.app, self.scope, self.receive, self.send)
        if self.settings.strict == "all":
            from ..lint import Stepped

            awaitable = Stepped(awaitable, self.checks.blocked)
        if "asgiref.sync" in sys.modules and (waiter := self._thread_of_the_test()) is not None:
            from .._django import ThreadSensitive

            awaitable = ThreadSensitive(waiter).run(awaitable)
        if self.scope["type"] == "lifespan" or "django.db" not in sys.modules:
            return await awaitable
        from .._django import OPEN_CONNECTIONS

        with OPEN_CONNECTIONS:
            return await awaitable

    def _thread_of_the_test(self) -> ThreadWaiter | None:
        """Return the waiting thread, if synchronous code of the application is to run there."""
        wanted, waiter = self.settings.sync_on_caller, self.waiter
        if not wanted or not isinstance(waiter, ThreadWaiter):
            return None
        return waiter if wanted is True or not waiter.runs_a_loop else None

    def _flag_unawaited(self) -> None:
        for name, where in self._pending.dropped():
            self.checks.unawaited(name, where)

    def failure(self) -> BaseException | None:
        """Return what the test has to hear of: a violation before anything else, then what the application raised."""
        exc = unwrapped(self.exception)
        if isinstance(exc, ProtocolViolation):
            return exc
        if self.checks.first_error is not None:
            violation = ProtocolViolation(self.checks.first_error)
            violation.__cause__ = exc
            return violation
        if exc is None or (self.disconnected and self._tells_of_leaving(exc)):
            return None
        if is_cancellation(exc):
            return None if self.cancelled else AppCancelled("the application was cancelled, but not by the test client")
        return exc if self.settings.raise_server_exceptions else None

    def _tells_of_leaving(self, exc: BaseException) -> bool:
        """Return whether an exception is only how the application learned that the client left."""
        return any(isinstance(link, ClientDisconnected) for link in chain(exc))

    def progress(self) -> str:
        """Return what went back and forth."""
        messages = self.messages.copy()  # in one step: the application may be sending in its own thread
        received = [in_brief(message) for direction, message in messages if direction == "receive"]
        sent = [in_brief(message) for direction, message in messages if direction == "send"]
        return f"Received: {listed(received)}. Sent: {listed(sent)}."

    @abstractmethod
    def expectation(self) -> str:
        """Return what has not come, for the error of a wait that has ended."""

    def advice(self) -> str:
        """Return what the application waits in, if it is this package, and the way out."""
        return ""
