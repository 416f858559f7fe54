"""Run the lifespan of an application: start it up, and shut it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._calls.lifespan import LAST_WORD, LifespanCall
from ..._options import Settings
from ...types import ASGIApp
from .driver import AsyncDriver

if TYPE_CHECKING:
    from ..._loops.tasks import RunningLoop

__tracebackhide__ = True  # pytest shows the code of its reader instead


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
                await driver.waiter.until(call.over, LAST_WORD)
            elif phase == "shutdown":
                await driver.wait(call.over, seconds)
        except BaseException:
            await driver.abort()
            raise
        # A task that waits for a message after its last answer waits for ever.
        if not call.done and (phase == "shutdown" or call.refused(phase)):
            await driver.abort()
        problem = call.outcome(phase)
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None  # no reference cycle through the traceback
