"""Queues for requests that change the same session, so that they conflict less often."""

from __future__ import annotations

import random
from collections import deque
from threading import get_ident
from typing import Any
from weakref import WeakKeyDictionary

from .._cancel import Waiter, sleep

_FIRST, _LONGEST = 0.001, 0.05
_queues: WeakKeyDictionary[Any, Queue] = WeakKeyDictionary()


class Queue:
    """One holder at a time for each key, in the order of arrival, so that a process does not compete with itself."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, str], deque[Waiter]] = {}

    async def enter(self, name: str) -> bool:
        """Wait for the turn, and return whether another request held it."""
        key = (get_ident(), name)
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = deque()
            return False
        waiter = Waiter()
        queue.append(waiter)
        try:
            await waiter.wait()
        except BaseException:
            if waiter in queue:
                queue.remove(waiter)
            else:  # woken and cancelled at once: the turn must not be lost with this task
                self.leave(name)
            raise
        return True

    def leave(self, name: str) -> None:
        """Pass the turn to the next in line."""
        key = (get_ident(), name)
        queue = self._waiting[key]
        if queue:
            queue.popleft().wake()
        else:
            del self._waiting[key]


def queue_of(store: object) -> Queue:
    """Return the queue of a store, shared by all middlewares that use the same store object."""
    try:
        return _queues.setdefault(store, Queue())
    except TypeError:  # not hashable, or without weak references
        return Queue()


async def pause(lost: int) -> None:
    """Wait before the next attempt, longer and at random after each that another process has won.

    Without randomness two processes in lockstep could defeat each other again and again.
    """
    if lost > 1:
        await sleep(random.uniform(0, min(_LONGEST, _FIRST * 2.0 ** min(lost, 10))))  # noqa: S311 - not for keys
