"""Remember what was found at a path, for as long as its owner allows: no visit to a thread for 304 and HEAD.

Rule: what is remembered answers only without content. Whoever sends bytes has opened the file and compared it with what
is remembered, by inode, size and both times; if it is another one, the path is looked up again.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

Key = tuple[str, bool, bool]
T = TypeVar("T")


class Remembered(Generic[T]):
    """A bounded table of lookups; each is valid for `max_age` seconds, or without limit if its name is immutable."""

    def __init__(self, max_age: float, max_entries: int) -> None:
        self.max_age = max_age
        self.max_entries = max_entries
        self._entries: OrderedDict[Key, tuple[float, T]] = OrderedDict()

    def get(self, key: Key) -> T | None:
        """Return what is remembered and still believed."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= monotonic():
            self._entries.pop(key, None)
            return None
        return entry[1]

    def put(self, key: Key, finding: T, *, immutable: bool) -> None:
        """Remember a finding; the one that has been there for the longest makes room."""
        if len(self._entries) >= self.max_entries and key not in self._entries:
            # Several threads may be here at once: an iterator would fail, and another may have taken the last one.
            with suppress(KeyError):
                self._entries.popitem(last=False)
        self._entries[key] = float("inf") if immutable else monotonic() + self.max_age, finding

    def forget(self, key: Key) -> None:
        """Look the path up again next time."""
        self._entries.pop(key, None)

    def forget_all(self) -> None:
        """Look every path up again."""
        self._entries.clear()


def same_version(one: os.stat_result, other: os.stat_result) -> bool:
    """Return whether both are the status of one version of one regular file."""
    return (
        stat.S_ISREG(one.st_mode)
        and os.path.samestat(one, other)
        and one.st_size == other.st_size
        and one.st_mtime_ns == other.st_mtime_ns
        # Not to be set by a program: it tells apart what was written within the old size and given the old time.
        and one.st_ctime_ns == other.st_ctime_ns
    )
