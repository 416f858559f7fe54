"""The protocol of a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ._limits import Limit, Spent

ANYTHING: Any = object()
"""For `put(..., expected=ANYTHING)`: whatever is there is replaced."""


class Store(Protocol):
    """Bytes under a key, each for a number of seconds. Every method is atomic, between processes where the store is.

    A store that cannot be reached raises OSError. A class that need not be waited for may define `get_now(key)` beside
    `get`, or a property of that name that is None for as long as it must: sessions are then read at the first look.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None where there is none, or its time is over."""

    async def put(self, key: str, value: bytes, ttl: float, *, expected: bytes | None = ANYTHING) -> bool:
        """Set a value for `ttl` seconds, if the value there is `expected` (None: there is none); return whether."""

    async def delete(self, key: str) -> bool:
        """Delete a key; return whether it was there."""

    async def touch(self, key: str, ttl: float) -> bool:
        """Keep a key for `ttl` seconds from now; return whether it was there."""

    async def add(self, key: str, member: str, ttl: float) -> None:
        """Add a member to a set, and keep the set for at least `ttl` seconds from now."""

    async def members(self, key: str) -> set[str]:
        """Return the members of a set."""

    async def discard(self, key: str, member: str) -> None:
        """Remove a member from a set."""

    async def spend(self, key: str, limits: Sequence[Limit], cost: int) -> Spent:
        """Take `cost` from each of these limits, or from none of them where one has not as much left."""

    async def aclose(self) -> None:
        """Close what is open; a store that is used again opens it again."""
