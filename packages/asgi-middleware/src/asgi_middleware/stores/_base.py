"""The protocol of a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ._limits import Limit, Spent

ANYTHING: Any = object()
"""For `put(..., expected=ANYTHING)`: any value is replaced."""


class Store(Protocol):
    """A store of bytes under keys that expire. Every method is atomic, also between the processes that share a store.

    A store that cannot be reached raises OSError. A class that can read without waiting may define `get_now(key)`
    besides `get`, or a property of that name that is None while it cannot: sessions are then read at the first access.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None if it is missing or expired."""

    async def put(self, key: str, value: bytes, ttl: float, *, expected: bytes | None = ANYTHING) -> bool:
        """Set a value for `ttl` seconds if the present one is `expected` (None: missing); return whether it was set."""

    async def delete(self, key: str) -> bool:
        """Delete a key; return whether it existed."""

    async def touch(self, key: str, ttl: float) -> bool:
        """Keep a key for `ttl` seconds from now; return whether it existed."""

    async def add(self, key: str, member: str, ttl: float) -> None:
        """Add a member to a set, and keep the set for at least `ttl` seconds from now."""

    async def members(self, key: str) -> set[str]:
        """Return the members of a set."""

    async def discard(self, key: str, member: str) -> None:
        """Remove a member from a set."""

    async def spend(self, key: str, limits: Sequence[Limit], cost: int) -> Spent:
        """Take `cost` from each of these limits, or from none of them if one has less than that left."""

    async def aclose(self) -> None:
        """Close all connections; a store that is used again opens new ones."""
