"""One call of an application, seen from the server's side: its messages, its checks and its end.

Everything here runs on the application's event loop, but for what reads the flags: they are set once, and the caller is
woken after each.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Coroutine
from contextvars import Context, copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from ._backends import Loop, Signal, Task
from ._callers import Caller, ThreadCaller
from ._checks import Calls, Checks, ProtocolViolation
from ._settings import Settings
from .exceptions import AppCancelled, ClientDisconnected
from .types import ASGIApp, Message, Scope

if TYPE_CHECKING:
    from anyio import CancelScope

    from ._logged import Sighting

PACKAGE = __name__.partition(".")[0]
REMEMBERED = 1000  # messages; an endless stream has more than a test looks at
STEPS = 30  # passes of the loop for an application that is about to end
NURSERIES = ("unhandled errors in a TaskGroup", "Exceptions from Trio nursery")


class Exchange(ABC):
    """An application at work on one scope. `done` once it has returned or raised."""

    checks_type: ClassVar[type[Checks]] = Checks
    order_checks_type: ClassVar[type[Checks]] = Checks

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        settings: Settings,
        loop: Loop,
        caller: Caller,
        offered: frozenset[str] = frozenset(),
    ) -> None:
        self.app = app
        self.scope = scope
        self.settings = settings
        self.loop = loop
        self.caller = caller
        if settings.strict == "order":
            self.checks = self.order_checks_type(scope, offered=offered, strict="off")
        else:
            self.checks = self.checks_type(scope, offered=offered, strict=settings.strict, ignore=settings.ignore)
        self.messages: deque[tuple[str, Message]] = deque(maxlen=REMEMBERED)
        self.context: Context = copy_context()
        self.task: Task | None = None
        self.done = False
        self.disconnected = False
        self.cancelled = False
        self.rested = False
        self.exception: BaseException | None = None
        self.sighting: Sighting | None = None
        self.receiving = 0
        self.sending = 0
        self._calls = Calls()
        self._scope: CancelScope | None = None
        self._signal: Signal | None = None
        self._sent = 0

    def start(self) -> None:
        """Begin the call; on the loop."""
        self.task = self.loop.spawn(self._run, self.context)

    def disconnect(self) -> None:
        """The client leaves; on the loop."""
        self.disconnected = True
        self.stir()

    def cancel(self) -> None:
        """End the application by force; on the loop."""
        self.cancelled = True
        if not self.done and (running := self._scope or self.task) is not None:
            running.cancel()

    def rest(self) -> None:
        """Give the application some passes of the loop, then set `rested`; on the loop."""
        self.rested = False
        self.loop.spawn(self._rest, Context())

    async def _rest(self) -> None:
        for _ in range(STEPS):
            if self.done:
                break
            await self.loop.pause()
        self.rested = True
        self.caller.wake()

    def stir(self) -> None:
        """Wake whatever waits in `receive` or `send`; on the loop."""
        if self._signal is not None:
            self._signal.set()

    def receive(self) -> Coroutine[Any, Any, Message]:
        number = self._calls.next()
        return self._calls.opened(number, "receive()", self._receive(number))

    def send(self, message: Message) -> Coroutine[Any, Any, None]:
        number = self._calls.next()
        return self._calls.opened(number, "send()", self._send(number, message))

    async def _receive(self, number: int) -> Message:
        self._calls.begun(number)
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
        self._calls.begun(number)
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
        self.caller.wake()
        await self._yield(message)

    async def _yield(self, message: Message) -> None:
        """Let the loop breathe, so that an application that only sends can be cancelled."""
        self._sent += 1
        if not self._sent & 31:
            await self.loop.pause()

    def _client_is_gone(self) -> bool:
        return self.disconnected

    @abstractmethod
    async def _next(self) -> Message:
        """The next message for the application."""

    @abstractmethod
    def _take(self, message: Message) -> None:
        """A message of the application."""

    async def _changed(self) -> None:
        if self._signal is None:
            self._signal = self.loop.signal()
        await self._signal.wait()

    async def _run(self) -> None:
        if self.settings.disconnect_grace or self.scope["type"] == "lifespan":
            return await self._run_watched()
        # Where leaving is a cancellation, it is one of anyio's, which spares what the application shields.
        from anyio import CancelScope

        with CancelScope() as self._scope:
            return await self._run_watched()

    async def _run_watched(self) -> None:
        if self.settings.raise_server_exceptions != "logged":
            return await self._run_to_the_end()
        from ._logged import watching

        with watching() as self.sighting:
            return await self._run_to_the_end()

    async def _run_to_the_end(self) -> None:
        try:
            value = await self._call()
            self._forgotten()
            if not self.disconnected:
                self.checks.returned(value)
        except BaseException as raised:
            self._forgotten()
            self.checks.raised(raised)
            # A cancellation by us tells nothing, and its frames would keep alive what the application has to clean up.
            forced = self.cancelled and _is_cancellation(raised)
            self.exception = raised.with_traceback(None) if forced else _trimmed(raised)
        # By now no frame of ours holds the exception: the test alone decides how long it lives.
        self.task = None
        self.done = True
        self.caller.wake()

    async def _call(self) -> Any:
        awaitable: Awaitable[Any] = self.checks.call(self.app, self.scope, self.receive, self.send)
        if self.settings.strict == "all":
            from .lint import Stepped

            awaitable = Stepped(awaitable, self.checks.blocked)
        wanted = self.settings.sync_on_caller is not False and "asgiref.sync" in sys.modules
        if wanted and isinstance(self.caller, ThreadCaller):
            from ._django import Crossing

            awaitable = Crossing(self.caller).run(awaitable)
        if self.scope["type"] == "lifespan" or "django.db" not in sys.modules:
            return await awaitable
        from ._django import OPEN_CONNECTIONS

        with OPEN_CONNECTIONS:
            return await awaitable

    def _forgotten(self) -> None:
        for name, where in self._calls.dropped():
            self.checks.unawaited(name, where)

    def failure(self) -> BaseException | None:
        """What the test has to hear of: a violation before anything else, then what the application raised."""
        exc = unwrapped(self.exception)
        if isinstance(exc, ProtocolViolation):
            return exc
        if self.checks.first_error is not None:
            violation = ProtocolViolation(self.checks.first_error)
            violation.__cause__ = exc
            return violation
        if exc is None or (self.disconnected and self._by_departure(exc)):
            return None
        if _is_cancellation(exc):
            return None if self.cancelled else AppCancelled("the application was cancelled, but not by the test client")
        return exc if self.settings.raise_server_exceptions else None

    def _by_departure(self, exc: BaseException) -> bool:
        """Whether an exception is only how the application learned that the client left."""
        return any(isinstance(link, ClientDisconnected) for link in chain(exc))

    def progress(self) -> str:
        """What went back and forth, and what the application waits in."""
        messages = self.messages.copy()  # in one step: the application may be sending in its own thread
        received = [_short(message) for direction, message in messages if direction == "receive"]
        sent = [_short(message) for direction, message in messages if direction == "send"]
        return f"Received: {_listed(received)}. Sent: {_listed(sent)}."


def chain(exc: BaseException | None) -> list[BaseException]:
    """An exception, and those it was raised from or while handling."""
    links: list[BaseException] = []
    waiting = [exc]
    while waiting:
        link = waiting.pop()
        if link is None or link in links:
            continue
        links.append(link)
        waiting += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
    return links


def unwrapped(exc: BaseException | None) -> BaseException | None:
    """The one exception inside the groups that task groups and nurseries make; any other group as it is."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1 and exc.message.startswith(NURSERIES):
        exc = exc.exceptions[0]
    return exc


def _trimmed(exc: BaseException) -> BaseException:
    """The exception, its traceback begun where the application begins."""
    traceback: TracebackType | None = exc.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__", "").startswith(PACKAGE):
        traceback = traceback.tb_next
    return exc if traceback is None else exc.with_traceback(traceback)


def _is_cancellation(exc: BaseException) -> bool:
    return type(exc).__name__ in ("CancelledError", "Cancelled") and type(exc).__module__.startswith(
        ("asyncio", "trio", "concurrent")
    )


def _short(message: Any) -> str:
    """A message as the text of an error shows it: its type, and what its body holds."""
    if not isinstance(message, dict):
        return repr(message)
    kind = message.get("type", "?")
    if kind == "http.response.start":
        return f"{kind}({message.get('status')})"
    if "body" in message or kind in ("http.request", "http.response.body"):
        body = message.get("body", b"")
        size = f"{len(body)} bytes" if isinstance(body, (bytes, bytearray, memoryview)) else f"{body!r}"
        return f"{kind}({size}, {'more to come' if message.get('more_body') else 'complete'})"
    return str(kind)


def _listed(texts: list[str]) -> str:
    if not texts:
        return "nothing"
    if len(texts) > 6:
        return f"{', '.join(texts[:3])}, ... {len(texts) - 5} more ..., {', '.join(texts[-2:])}"
    return ", ".join(texts)
