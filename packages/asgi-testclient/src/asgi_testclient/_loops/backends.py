"""The few things a call needs of an event loop, for asyncio and for trio; neither is imported until it is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

Steps = Callable[[], Coroutine[Any, Any, None]]


class Signal(Protocol):
    """Wakes all that wait for it. Nothing is remembered: look at the condition before each wait."""

    def set(self) -> None:
        """Wake all that wait now."""

    async def wait(self, seconds: float | None = None) -> bool:
        """Return True once set, False when the seconds are over."""


class Task(Protocol):
    """A running application."""

    def cancel(self) -> object:
        """Cancel it."""


class Loop(Protocol):
    """An event loop, seen from inside and from other threads.

    `post(function, *args)` has the loop call the function soon, from any thread.
    """

    post: Callable[..., object]

    def spawn(self, steps: Steps, context: Context) -> Task:
        """Run the coroutine function as a task that belongs to no cancel scope."""

    def signal(self) -> Signal:
        """Return a new signal."""

    async def pause(self) -> None:
        """Let others run, and a cancellation arrive."""


class AsyncioSignal:
    """A list of futures."""

    __slots__ = ("_loop", "_waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: list[asyncio.Future[bool]] = []

    def set(self) -> None:
        """Wake all that wait now."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _resolve(waiter, True)

    async def wait(self, seconds: float | None = None) -> bool:
        """Return True once set, False when the seconds are over."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiters.append(waiter)
        if seconds is None:
            return await waiter
        alarm = self._loop.call_later(seconds, _resolve, waiter, False)
        try:
            return await waiter
        finally:
            alarm.cancel()


def _resolve(waiter: asyncio.Future[bool], result: bool) -> None:
    if not waiter.done():
        waiter.set_result(result)


class AsyncioLoop:
    """An asyncio event loop."""

    __slots__ = ("native", "post")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = loop
        self.post: Callable[..., object] = loop.call_soon_threadsafe

    def spawn(self, steps: Steps, context: Context) -> Task:
        """Run the coroutine function as a task."""
        return self.native.create_task(steps(), context=context)

    def signal(self) -> Signal:
        """Return a new signal."""
        return AsyncioSignal(self.native)

    async def pause(self) -> None:
        """Let others run, and a cancellation arrive."""
        import asyncio

        await asyncio.sleep(0)


class TrioSignal:
    """A parking lot."""

    __slots__ = ("_lot", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._lot = trio.lowlevel.ParkingLot()

    def set(self) -> None:
        """Wake all that wait now."""
        self._lot.unpark_all()

    async def wait(self, seconds: float | None = None) -> bool:
        """Return True once set, False when the seconds are over."""
        if seconds is None:
            await self._lot.park()
            return True
        with self._trio.move_on_after(seconds) as scope:
            await self._lot.park()
        return not scope.cancelled_caught


class TrioTask:
    """A system task and the scope that cancels it."""

    __slots__ = ("native", "scope")

    def __init__(self, trio: Any, steps: Steps, context: Context) -> None:
        self.scope = trio.CancelScope()
        self.native = trio.lowlevel.spawn_system_task(self._run, steps, context=context)

    async def _run(self, steps: Steps) -> None:
        with self.scope:
            await steps()

    def cancel(self) -> None:
        """Cancel it."""
        self.scope.cancel()


class TrioLoop:
    """A trio run; `native` is its token."""

    __slots__ = ("native", "post", "trio")

    def __init__(self, trio: Any) -> None:
        self.trio = trio
        self.native = trio.lowlevel.current_trio_token()
        self.post: Callable[..., object] = self.native.run_sync_soon

    def spawn(self, steps: Steps, context: Context) -> Task:
        """Run the coroutine function as a system task."""
        return TrioTask(self.trio, steps, context)

    def signal(self) -> Signal:
        """Return a new signal."""
        return TrioSignal(self.trio)

    async def pause(self) -> None:
        """Let others run, and a cancellation arrive."""
        await self.trio.lowlevel.checkpoint()


def call_now(function: Callable[..., object], *args: Any) -> None:
    """Call the function: `post` for callers that are on the loop itself."""
    function(*args)


def running_loop() -> AsyncioLoop | TrioLoop | None:
    """Return the loop that runs in this thread, if any."""
    trio = sys.modules.get("trio")
    if trio is not None and _in_trio(trio):
        return TrioLoop(trio)
    import asyncio

    try:
        return AsyncioLoop(asyncio.get_running_loop())
    except RuntimeError:
        return None


def _in_trio(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
