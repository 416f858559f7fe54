"""A bounded store in the memory of one process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ._base import ANYTHING
from ._limits import Limit, Spent, State, decide, lifetime

_MEMBER = 100  # bytes of a member of a set, such as the digest of a session's id


class MemoryStore:
    """A store for one process, and for tests.

    Beyond `max_keys` the least recently used keys are dropped, and beyond `max_bytes` of values the oldest of those
    larger than their share (`max_bytes / max_keys`): clients choose keys, and may store large responses under them.

    Give rate limits and sessions a store each: a crowd of anonymous clients, each with a limit, must not push out
    sessions. `clock` returns seconds; tests may pass their own.
    """

    def __init__(
        self, *, max_keys: int = 100_000, max_bytes: int = 256 * 1024 * 1024, clock: Any = time.monotonic
    ) -> None:
        for name, value in (("max_keys", max_keys), ("max_bytes", max_bytes)):
            if value < 1:
                raise ValueError(f"{name}={value!r} must be 1 or more")
        self.max_keys = max_keys
        self.max_bytes = max_bytes
        self._clock = clock
        # In the order of use, the least recently used first.
        self._entries: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._size = 0
        # The keys of values larger than their share, the oldest first. Without them all others have room.
        self._large: dict[str, None] = {}

    def _read(self, key: str, now: float) -> Any:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def _write(self, key: str, value: Any, expires: float, now: float) -> None:
        if key in self._entries:
            self._drop(key)
        size = _size(value)
        self._size += size
        if size > self.max_bytes / self.max_keys:
            self._large[key] = None
        self._keep(key, value, expires, now)
        while self._size > self.max_bytes:
            self._drop(next(iter(self._large)))

    def _keep(self, key: str, value: Any, expires: float, now: float) -> None:
        """Set an entry whose value has been counted, or is the small state of limits."""
        self._entries[key] = (expires, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self.max_keys:
            self._make_room(now)

    def _drop(self, key: str) -> None:
        self._size -= _size(self._entries.pop(key)[1])
        self._large.pop(key, None)

    def _make_room(self, now: float) -> None:
        """Drop expired entries among the least recently used, otherwise the least recently used.

        Only a few are examined, so that no request pays for a crowd.
        """
        for key in [key for key, _ in zip(self._entries, range(8), strict=False)]:
            if self._entries[key][0] <= now:
                self._drop(key)
        while len(self._entries) > self.max_keys:
            self._drop(next(iter(self._entries)))

    def get_now(self, key: str) -> bytes | None:
        """Return the value of a key without waiting."""
        value: bytes | None = self._read(key, self._clock())
        return value

    async def get(self, key: str) -> bytes | None:
        return self.get_now(key)

    async def put(self, key: str, value: bytes, ttl: float, *, expected: bytes | None = ANYTHING) -> bool:
        now = self._clock()
        if expected is not ANYTHING and self._read(key, now) != expected:
            return False
        self._write(key, value, now + ttl, now)
        return True

    async def delete(self, key: str) -> bool:
        if self._read(key, self._clock()) is None:
            return False
        self._drop(key)
        return True

    async def touch(self, key: str, ttl: float) -> bool:
        now = self._clock()
        value = self._read(key, now)
        if value is None:
            return False
        self._write(key, value, now + ttl, now)
        return True

    async def add(self, key: str, member: str, ttl: float) -> None:
        now = self._clock()
        members: set[str] = self._read(key, now) or set()
        # The set lives at least as long as its longest member: a short session must not shorten the list of a user.
        expires = max(now + ttl, self._entries[key][0] if key in self._entries else 0.0)
        self._write(key, members | {member}, expires, now)

    async def members(self, key: str) -> set[str]:
        return set(self._read(key, self._clock()) or ())

    async def discard(self, key: str, member: str) -> None:
        now = self._clock()
        members: set[str] | None = self._read(key, now)
        if members is not None:
            self._write(key, members - {member}, self._entries[key][0], now)

    async def spend(self, key: str, limits: Sequence[Limit], cost: int) -> Spent:
        return self.spend_now(key, limits, cost)

    def spend_now(self, key: str, limits: Sequence[Limit], cost: int) -> Spent:
        """Take `cost` from each of these limits, or from none of them, without waiting."""
        now = self._clock()
        states: list[State | None] = [None] * len(limits)
        entry = self._entries.get(key)
        # The configuration may have changed, and states are stored without their limits.
        if entry is not None and entry[0] > now and len(entry[1]) == len(limits):
            states = entry[1]
        spent, after = decide(limits, states, cost, now)
        self._keep(key, after, now + lifetime(limits), now)
        return spent

    async def aclose(self) -> None:
        self._entries.clear()
        self._large.clear()
        self._size = 0


def _size(value: Any) -> int:
    """Return about how many bytes a value takes; the states of limits are not counted."""
    if isinstance(value, bytes):
        return len(value)
    return _MEMBER * len(value) if isinstance(value, set) else 0
