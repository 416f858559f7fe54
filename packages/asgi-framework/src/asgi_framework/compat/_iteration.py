"""One step of an iterator, for a thread: StopIteration cannot be raised into a coroutine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

_T = TypeVar("_T")


class EndOfIteration(Exception):
    """Raised in place of StopIteration."""


def next_item(iterator: Iterator[_T]) -> _T:
    """The next item; raises EndOfIteration where there is none."""
    try:
        return next(iterator)
    except StopIteration:
        raise EndOfIteration from None
