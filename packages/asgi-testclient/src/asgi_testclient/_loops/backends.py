"""The few things a call needs of an event loop, asyncio's or trio's, and of the side that waits for it.

Neither asyncio nor trio is imported until it is used.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

Steps = Callable[[], Coroutine[Any, Any, None]]

# The call of an application that a task belongs to: the tasks that the application starts inherit it.
CALL: ContextVar[Any] = ContextVar("asgi_testclient.call", default=None)


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
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _resolve(waiter, True)

    async def wait(self, seconds: float | None = None) -> bool:
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
    # Cancelled, or woken in this very pass of the loop by its alarm: a second result is an InvalidStateError.
    if not waiter.done():
        waiter.set_result(result)


class AsyncioLoop:
    """An asyncio event loop."""

    __slots__ = ("native", "post")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = loop
        self.post: Callable[..., object] = loop.call_soon_threadsafe

    def spawn(self, steps: Steps, context: Context) -> Task:
        return self.native.create_task(steps(), context=context)

    def signal(self) -> Signal:
        return AsyncioSignal(self.native)

    async def pause(self) -> None:
        import asyncio

        await asyncio.sleep(0)


class TrioSignal:
    """A parking lot."""

    __slots__ = ("_lot", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._lot = trio.lowlevel.ParkingLot()

    def set(self) -> None:
        self._lot.unpark_all()

    async def wait(self, seconds: float | None = None) -> bool:
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
        # An exception that leaves a system task ends the whole run as a TrioInternalError: the steps keep theirs.
        self.native = trio.lowlevel.spawn_system_task(self._run, steps, context=context)

    async def _run(self, steps: Steps) -> None:
        with self.scope:
            await steps()

    def cancel(self) -> None:
        self.scope.cancel()


def required(name: str, option: str) -> Any:
    """Return the module that an option needs. Raises ImportError, which says what to install."""
    try:
        return import_module(name)
    except ImportError as exc:
        raise ImportError(f"{option} needs {name}: pip install {name}") from exc


class TrioLoop:
    """A trio run; `native` is its token."""

    __slots__ = ("native", "post", "trio")

    def __init__(self, trio: Any) -> None:
        self.trio = trio
        self.native = trio.lowlevel.current_trio_token()
        self.post: Callable[..., object] = self.native.run_sync_soon

    def spawn(self, steps: Steps, context: Context) -> Task:
        return TrioTask(self.trio, steps, context)

    def signal(self) -> Signal:
        return TrioSignal(self.trio)

    async def pause(self) -> None:
        await self.trio.lowlevel.checkpoint()


class Waiter(Protocol):
    """The side that waits; `wake` is called on the loop, whenever something has changed."""

    def wake(self) -> None:
        """Have the waiting side look again."""


class ThreadWaiter:
    """A thread that waits, and meanwhile does what the application wants done on it."""

    __slots__ = ("_jobs", "_lock", "runs_a_loop")

    def __init__(self) -> None:
        # Django's ORM refuses to work on a thread that runs an event loop. Others do not ask.
        self.runs_a_loop = "asgiref.sync" in sys.modules and running_loop() is not None
        # A lock that is held until `wake` releases it. An Event would do, but each of its waits makes another lock.
        self._lock = threading.Lock()
        self._lock.acquire()
        self._jobs: deque[Callable[[], object]] = deque()

    def wake(self) -> None:
        """Have the waiting thread look again."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # it is awake already, or will find the lock open

    def submit(self, job: Callable[[], object]) -> None:
        """Have the waiting thread do a job; while no thread waits, the job does too."""
        # Before the wake: a thread that is woken and finds no job waits again.
        self._jobs.append(job)
        self.wake()

    def until(self, ready: Callable[[], bool], seconds: float | None) -> bool:
        """Do jobs and wait until it is ready; return False if the seconds are over first."""
        end = None if seconds is None else monotonic() + seconds
        while not ready():
            if self._jobs:
                self._jobs.popleft()()
            # A lock waits without limit for -1, and raises for any other negative number: the end may have passed.
            elif not self._wait(-1 if end is None else max(end - monotonic(), 0)):
                # Once more: it may have become ready between the last look and the end of the wait.
                return ready()
        return True

    def _wait(self, seconds: float) -> bool:
        return self._lock.acquire(timeout=seconds)

    def within(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is ready, for so many seconds of the loop's clock; return whether it is."""
        return self.until(ready, seconds)


class TaskWaiter:
    """A task that waits on the application's own loop."""

    __slots__ = ("_signal",)

    def __init__(self, loop: Loop) -> None:
        self._signal: Signal = loop.signal()

    def wake(self) -> None:
        """Have the waiting task look again."""
        self._signal.set()

    async def until(self, ready: Callable[[], bool], seconds: float | None) -> bool:
        """Wait until it is ready; return False if the seconds are over first."""
        end = None if seconds is None else monotonic() + seconds
        while not ready():
            left = None if end is None else end - monotonic()
            if left is not None and left <= 0:
                return False
            # No wake is lost between the look and the wait: both happen on the loop, which runs nothing else there.
            await self._signal.wait(left)
        return True

    async def within(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is ready, for so many seconds of the loop's clock; return whether it is."""
        from anyio import move_on_after

        with move_on_after(seconds):
            while not ready():
                await self._signal.wait()
        return ready()


def call_now(function: Callable[..., object], *args: Any) -> None:
    """Call the function: `post` for callers that are on the loop itself."""
    function(*args)


def running_loop() -> AsyncioLoop | TrioLoop | None:
    """Return the loop that runs in this thread, if any."""
    # Whoever runs on trio has imported it: there is no need to do so here.
    # trio first: in its guest mode both loops run in this thread, and asyncio's is found from trio's tasks, too.
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
