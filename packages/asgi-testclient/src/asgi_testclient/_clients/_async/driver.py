"""Wait for one call of an application, with a limit, and leave it as a client does; run a lifespan."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..._calls.base import AppCall
from ..._calls.lifespan import LifespanCall
from ..._errors import warn
from ..._options import Settings
from ...exceptions import AppIgnoredDisconnect, AppTimeout
from ...types import ASGIApp

if TYPE_CHECKING:
    from ..._loops.backends import TaskWaiter
    from ..._loops.tasks import RunningLoop

__tracebackhide__ = True  # pytest shows the code of its reader instead

LAST_CHANCE = 1.0  # seconds for an application to end after it was cancelled

Call = TypeVar("Call", bound=AppCall)


class AsyncDriver(Generic[Call]):
    """A call and the side that waits for it. `title` names it in errors."""

    def __init__(self, call: Call, host: RunningLoop, title: str) -> None:
        self.call = call
        self.host = host
        self.title = title
        waiter: Any = call.waiter
        self.waiter: TaskWaiter = waiter

    def start(self) -> None:
        """Begin the call, in a copy of the context of the test."""
        self.host.loop.post(self.call.start, copy_context())

    def done(self) -> bool:
        """Return whether the application has returned or raised."""
        return self.call.done

    async def wait(self, ready: Callable[[], bool], seconds: float | None, what: str = "") -> None:
        """Wait until it is ready. Raises AppTimeout at the limit, unless a debugger holds the application."""
        while not await self.waiter.until(ready, seconds):
            if not self.host.debugged():
                raise AppTimeout(self._late(what or self.call.expectation(), seconds or 0))
        self.host.raise_crash()

    async def wait_closed(self, seconds: float | None) -> None:
        """Wait until the application has returned. Raises AppTimeout at the limit."""
        await self.wait(self.done, seconds, "the application has not returned")

    async def rest(self) -> None:
        """Let an application that is about to end do so, without waiting for what it waits for."""
        self.host.post(self.call.rest)
        await self.waiter.until(lambda: self.call.rested or self.call.done, LAST_CHANCE)

    async def leave(self) -> None:
        """Disconnect; after its grace, cancel the application and warn. Without a grace, cancel it silently."""
        if self.call.done:
            return None
        grace = self.call.settings.disconnect_grace
        self.host.post(self.call.disconnect)
        with self.host.shield():
            if not grace:
                await self.rest()
                # A client without limits waits for what the application shields, as Starlette's does.
                return await self.force(None if self.call.settings.timeout is None else LAST_CHANCE)
            if await self.waiter.within(self.done, grace):
                return None
            where = self._where()
            await self.force()
        warn(
            f"{self.title}: the client left, but the application was still running {grace:g} s later, and was "
            f"cancelled. {where}\nA server does not cancel it: await receive() until http.disconnect or "
            "websocket.disconnect, or give it more time with disconnect_grace=.",
            AppIgnoredDisconnect,
        )
        return None

    async def abort(self) -> None:
        """Disconnect and cancel at once: the test has given up, or was itself cancelled."""
        self.host.post(self.call.disconnect)
        with self.host.shield():
            await self.force()

    async def force(self, seconds: float | None = LAST_CHANCE) -> None:
        """Cancel the application, and wait for its end for so many seconds."""
        if not self.call.done:
            self.host.post(self.call.cancel)
            await self.waiter.until(self.done, seconds)

    def _late(self, what: str, seconds: float) -> str:
        text = f"{self.title}: {what} after {seconds:g} s. {self._where()} {self.call.progress()}"
        return f"{text}\n{advice}" if (advice := self.call.advice()) else text

    def _where(self) -> str:
        task = self.call.task
        return "" if task is None else self.host.located(task)


class AsyncLifespan:
    """The lifespan of an application, in a task that belongs to no cancel scope: fixtures may enter and leave it."""

    def __init__(self, app: ASGIApp, state: dict[str, Any], settings: Settings, host: RunningLoop) -> None:
        self.call = LifespanCall(app, state, settings, host.loop, host.waiter())
        self._driver: AsyncDriver[LifespanCall] = AsyncDriver(self.call, host, "lifespan startup")

    async def start(self, seconds: float | None) -> None:
        """Start up. Raises what the application raises, LifespanFailed, LifespanNotSupported and AppTimeout."""
        self._driver.start()
        await self._phase("startup", seconds)

    async def stop(self, seconds: float | None) -> None:
        """Shut down. Raises what the application raises, LifespanFailed and AppTimeout."""
        self.call.phase = "shutdown"
        self._driver.title = "lifespan shutdown"
        self._driver.host.post(self.call.shut_down)
        await self._phase("shutdown", seconds)

    async def _phase(self, phase: str, seconds: float | None) -> None:
        call, driver = self.call, self._driver
        try:
            await driver.wait(call.answered(phase), seconds)
            if call.refused(phase):
                await driver.waiter.until(call.over, call.grace())
            elif phase == "shutdown":
                await driver.wait(call.over, seconds)
        except BaseException:
            await driver.abort()
            raise
        # A task that waits for a message after its last answer waits forever.
        if not call.done and (phase == "shutdown" or call.refused(phase)):
            await driver.abort()
        problem = call.outcome(phase)
        call.exception = None  # the exception's frames know the call; the call need not know it
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None  # no reference cycle through the traceback
