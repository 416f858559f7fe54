"""Calls of send and receive that the application never awaited."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from types import CodeType
from typing import Any, TypeVar

T = TypeVar("T")


class PendingCalls:
    """The calls of send and receive whose coroutines have not begun to run.

        def send(self, message):
            number = self.calls.next()
            return self.calls.opened(number, "send()", self._send(number, message))

        async def _send(self, number, message):
            self.calls.begun(number)

    `dropped` then returns the calls that were forgotten, without those that a task holds and has not begun.
    """

    __slots__ = ("_count", "_open", "_places")

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[int, Coroutine[Any, Any, Any]] = {}
        self._places: dict[int, tuple[str, CodeType, int]] = {}

    def next(self) -> int:
        """Return the number of the next call."""
        self._count += 1
        return self._count

    def opened(self, number: int, name: str, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Remember a call and its line until it has begun; return its coroutine."""
        # Not inspect.stack(), which reads the source of every frame.
        frame = sys._getframe(2)
        self._open[number] = coroutine
        self._places[number] = (name, frame.f_code, frame.f_lineno)
        return coroutine

    def begun(self, number: int) -> None:
        """Forget a call that is being awaited."""
        del self._open[number], self._places[number]

    def dropped(self) -> list[tuple[str, str]]:
        """Return the name and the place of each call that can no longer be awaited, and close their coroutines."""
        found = []
        for number in [number for number in self._open if _references(self._open, number) == HELD_HERE]:
            self._open.pop(number).close()
            name, code, line = self._places.pop(number)
            found.append((name, f"{code.co_filename}:{line} in {code.co_qualname}"))
        return found


# A coroutine that only `_open` refers to can no longer be awaited by anyone.
def _references(held: dict[int, Any], number: int) -> int:
    return sys.getrefcount(held[number])


# Measured: versions of Python count the references of a call differently.
HELD_HERE = _references({0: object()}, 0)
