"""Calls of send and receive that nobody awaited."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from types import CodeType
from typing import Any, TypeVar

T = TypeVar("T")


class Calls:
    """The calls whose coroutines have not begun to run.

        def send(self, message):
            number = self.calls.next()
            return self.calls.opened(number, "send()", self._send(number, message))

        async def _send(self, number, message):
            self.calls.begun(number)

    `dropped` then gives the calls that were forgotten. One that a task holds and has not begun is none of them.
    """

    __slots__ = ("_count", "_open", "_places")

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[int, Coroutine[Any, Any, Any]] = {}
        self._places: dict[int, tuple[str, CodeType, int]] = {}

    def next(self) -> int:
        self._count += 1
        return self._count

    def opened(self, number: int, name: str, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        frame = sys._getframe(2)
        self._open[number] = coroutine
        self._places[number] = (name, frame.f_code, frame.f_lineno)
        return coroutine

    def begun(self, number: int) -> None:
        del self._open[number], self._places[number]

    def dropped(self) -> list[tuple[str, str]]:
        """The name and the place of each call that nobody will ever await; their coroutines are closed."""
        found = []
        for number in [number for number in self._open if _references(self._open, number) == HELD_HERE]:
            self._open.pop(number).close()
            name, code, line = self._places.pop(number)
            found.append((name, f"{code.co_filename}:{line} in {code.co_qualname}"))
        return found


def _references(held: dict[int, Any], number: int) -> int:
    return sys.getrefcount(held[number])


HELD_HERE = _references({0: object()}, 0)
