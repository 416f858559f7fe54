"""The side that waits for an application: a thread beside its event loop, or a task on it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from .backends import Loop, Signal


class Waiter(Protocol):
    """The side that waits; `wake` is called on the loop, whenever something has changed."""

    def wake(self) -> None:
        """Have the waiting side look again."""


class ThreadWaiter:
    """A thread that waits, and meanwhile does what the application wants done on it."""

    __slots__ = ("_jobs", "_lock")

    def __init__(self) -> None:
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
        self._jobs.append(job)
        self.wake()

    def until(self, ready: Callable[[], bool], seconds: float | None) -> bool:
        """Do jobs and wait until it is ready; return False if the seconds are over first."""
        end = None if seconds is None else monotonic() + seconds
        while not ready():
            if self._jobs:
                self._jobs.popleft()()
            elif not self._lock.acquire(timeout=-1 if end is None else max(end - monotonic(), 0)):
                return ready()
        return True


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
            await self._signal.wait(left)
        return True
