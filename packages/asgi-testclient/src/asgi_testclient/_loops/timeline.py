"""The time of an event loop that jumps to its next timer, and the loops of asyncio and trio that have it.

Rule: time moves only in `Timeline.step`, on the loop, when it is idle and has looked for input under the same lock that
a waiting thread takes after it has posted. So nothing that a test asked for before it waits is jumped over.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from math import inf
from typing import Any, Protocol

from ..exceptions import AppTimeout
from .backends import ThreadWaiter


class Timed(Protocol):
    """An event loop that a timeline drives."""

    lone: bool  # no thread waits outside it, so it moves by itself

    def is_alive(self) -> bool:
        """Return whether it is still open."""

    def busy(self) -> bool:
        """Return whether one of its worker threads runs."""

    def nudge(self) -> None:
        """Have it look at the timeline again; from any thread."""


class Timeline:
    """The time of one loop. `mutex` is held wherever it is decided whether time may move."""

    def __init__(self, auto: bool) -> None:
        self.now = 0.0
        self.mutex = threading.RLock()
        self._auto = auto
        self._loop: Timed | None = None
        self._thread = 0
        self._holds = 0
        self._waiting: set[object] = set()
        self._generation = 0
        self._target: float | None = None
        self._ready: Callable[[], bool] | None = None
        self._arrived = threading.Event()
        self._waiter: ThreadWaiter | None = None

    def check_free(self) -> None:
        """Raise RuntimeError while a loop is driven."""
        if self._loop is not None and self._loop.is_alive():
            raise RuntimeError("this Clock drives another event loop: give each client a Clock of its own")

    def attach(self, loop: Timed, thread: int) -> None:
        """Drive a loop that runs in a thread."""
        with self.mutex:
            self._loop = loop
            self._thread = thread

    def step(self, deadline: float) -> bool:
        """Move towards the next timer if that is allowed; return whether anything has changed. The loop is idle."""
        loop = self._loop
        if self._holds or loop is None or loop.busy():
            return False
        if self._target is not None:
            # The next timer lies beyond the target: stop there, so that what sleeps longer is still asleep.
            if deadline > self._target or self._is_ready():
                self.now = self.now if self._is_ready() else self._target
                waiter = self._waiter
                self._target = self._ready = self._waiter = None
                self._arrived.set()
                if waiter is not None:
                    waiter.wake()
            else:
                self.now = max(self.now, deadline)
            return True
        # Without a timer there is nothing to jump to: only input, or another thread, can wake the loop.
        if deadline == inf or not self._auto or not (self._waiting or loop.lone):
            return False
        self.now = max(self.now, deadline)
        return True

    def _is_ready(self) -> bool:
        return self._ready is not None and self._ready()

    def may_step(self) -> int | None:
        """Return a number that changes with whoever waits, or None if time may not move."""
        loop = self._loop
        if self._holds or loop is None or loop.busy():
            return None
        if self._target is None and not (self._auto and (self._waiting or loop.lone)):
            return None
        return self._generation

    def wait(self, token: object) -> None:
        """Note that a thread waits for the loop."""
        with self.mutex:
            self._waiting.add(token)
            self._generation += 1
        self.nudge()

    def wake(self, token: object) -> None:
        """Note that it waits no longer; on the loop, before the thread can know."""
        with self.mutex:
            self._waiting.discard(token)

    def wait_for(self, future: Future[Any]) -> None:
        """Note that a thread waits for a future that the loop resolves."""
        # The callback first: otherwise the loop could resolve the future in between, and time would jump for a thread
        # that no longer waits.
        future.add_done_callback(self.wake)
        with self.mutex:
            if not future.done():  # pragma: no branch - it is a race
                self.wait(future)

    def hold(self) -> None:
        """Stop time until as many calls of `release`."""
        with self.mutex:
            self._holds += 1

    def release(self) -> None:
        """End a hold."""
        with self.mutex:
            self._holds -= 1
        self.nudge()

    def nudge(self) -> None:
        """Have the loop look again."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has been closed
                self._loop.nudge()

    def advance(
        self,
        seconds: float,
        limit: float | None,
        ready: Callable[[], bool] | None = None,
        waiter: ThreadWaiter | None = None,
    ) -> bool:
        """Let time pass until the target, or until it is ready; return False if that was not so first.

        The waiter does meanwhile what the application wants done on its thread.
        """
        with self.mutex:
            target = self.now + seconds
            if self._loop is None or not self._loop.is_alive():
                self.now = target
                return False
            # The loop moves time when it is idle, which it is not while its own thread waits here.
            if self._thread == threading.get_ident():
                raise RuntimeError(
                    f"the clock is advanced on the event loop it drives: await anyio.sleep({seconds:g}) there"
                )
            self._arrived.clear()
            self._target, self._ready, self._waiter = target, ready, waiter
            self._generation += 1
        self.nudge()
        arrived = self._arrived
        if arrived.wait(limit) if waiter is None else waiter.until(arrived.is_set, limit):
            return ready is not None and ready()
        with self.mutex:
            self._target = self._ready = self._waiter = None
        late = f"the clock is at {self.now:g} s and has not come to {target:g} s after {limit:g} s"
        raise AppTimeout(f"{late}: {self._why()}")

    def _why(self) -> str:
        if self._holds:
            return "hold() keeps it there."
        if self._loop is not None and self._loop.busy():
            return "a worker thread of the application is still running, and holds it."
        return "the event loop is never idle."


class ClockWaiter(ThreadWaiter):
    """A thread that waits for a loop with a timeline: meanwhile time may jump."""

    __slots__ = ("_timeline", "_woken")

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._woken = False

    def wake(self) -> None:
        # Before the thread can run: otherwise time could jump once more while the test goes on.
        with self._timeline.mutex:
            self._woken = True
            self._timeline.wake(self)
        super().wake()

    def _wait(self, seconds: float) -> bool:
        with self._timeline.mutex:
            if not self._woken:
                self._timeline.wait(self)
        try:
            return super()._wait(seconds)
        finally:
            with self._timeline.mutex:
                self._timeline.wake(self)
                self._woken = False

    def within(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Let so many seconds of the clock pass; return whether it was ready before."""
        return ready() or self._timeline.advance(seconds, 10, ready, self)


class ClockSelector(selectors.DefaultSelector):
    """A selector that lets time jump instead of waiting for a timer."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, or nothing once time has moved; wait only for input."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        timeline = self._timeline
        # One step under the mutex: input that another thread posts before it waits is seen before time moves.
        with timeline.mutex:
            events = super().select(0)
            if events or timeline.step(inf if timeout is None else timeline.now + timeout):
                return events
        # Real time is not waited for: what changes next is input, or a nudge that writes to the loop's own socket.
        return super().select(None)


class ClockLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on a timeline."""

    def __init__(self, timeline: Timeline, *, lone: bool = False) -> None:
        super().__init__(ClockSelector(timeline))
        self.lone = lone
        self._timeline = timeline
        self._jobs = 0
        self._limiter: Any = None
        timeline.attach(self, 0)
        if lone:
            self.call_soon(self._begin)

    def _begin(self) -> None:
        self._beginning = self.create_task(self.begin())

    async def begin(self) -> None:
        """Note the thread of the loop, and anyio's limiter, which is there for tasks alone."""
        from anyio.to_thread import current_default_thread_limiter

        self._limiter = current_default_thread_limiter()
        self._timeline.attach(self, threading.get_ident())

    def time(self) -> float:
        """Return the time of the timeline."""
        return self._timeline.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run a function in a thread, for which time stands still."""
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, future: asyncio.Future[Any]) -> None:
        self._jobs -= 1

    def is_alive(self) -> bool:
        """Return whether it is still open."""
        return not self.is_closed()

    def busy(self) -> bool:
        """Return whether one of its worker threads runs."""
        # AnyIO's worker threads do not come from `run_in_executor`: its limiter counts them.
        return self._jobs > 0 or (self._limiter is not None and self._limiter.borrowed_tokens > 0)

    def nudge(self) -> None:
        """Have it look at the timeline again; from any thread."""
        # Any callback does: scheduling one from a thread ends `select`.
        self.call_soon_threadsafe(int)
