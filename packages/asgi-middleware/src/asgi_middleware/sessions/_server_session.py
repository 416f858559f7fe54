"""The session of a store as the application sees it, and the merging of concurrent changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Self

from ._json import decode, encode
from ._reading import Reading
from ._session import Session


class ServerSession(Session):
    """A session whose contents are in a store.

    Concurrent requests are merged key by key. If two set the same key the later one wins, but every change made by
    `apply()` takes effect.
    """

    renewed = ended = False
    user: str | None = None
    _reading: Reading | None = None  # None in a copy

    @classmethod
    def read_by(cls, reading: Reading, identity: Hashable) -> Self:
        """Return a session that `reading` fills."""
        session = cls.loaded_by(reading.stored, identity)
        session._reading = reading
        return session

    def mark_accessed(self) -> None:
        """Fill the session if it can be read at once; `request.session` before `load()` does not count as a look."""
        if self._reading is None or self._reading.is_near:
            self._open()

    async def load(self) -> Self:
        """Fill the session and return it; reads the store unless that has been done.

        Raises OSError if the store fails, which is answered with 503 (`on_store_error="fail"`).
        """
        reading = self._reading
        if reading is not None and not reading.is_near:
            await reading.read()
        self._open()
        return self

    @property
    def handle(self) -> str | None:
        """The handle under which `sessions_of()` lists this session; None for a new one. No client can use it."""
        self._look()
        record = None if self._reading is None else self._reading.record
        return None if record is None else record.key

    def regenerate(self, user: str | None = None) -> None:
        """Give the session a new id and end the old one, at every login; `user` is its owner from now on.

        Otherwise an attacker who planted an id before the login would share the session (session fixation).
        """
        self._change()
        self.renewed = True
        self.user = user or self.user

    def destroy(self) -> None:
        """End the session: its id is invalid from now on, even if a concurrent request saves it later."""
        self.clear()

    def clear(self) -> None:
        """End the session; values set afterwards start a new one, with a new id."""
        super().clear()
        self.ended = True
        self.user = None
        self.applied.clear()

    def apply(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the session by a function, which is called again if another request has saved meanwhile."""
        self._change()
        before = decode(encode(self))  # a deep copy, of the kind of values that a store can hold
        change(self)
        self.applied.append((change, _changed_keys(before, self)))

    @property
    def applied(self) -> list[tuple[Callable[[dict[str, Any]], object], set[str]]]:
        """The changes made by functions, each with the keys it has changed."""
        found: list[tuple[Callable[[dict[str, Any]], object], set[str]]] = self.__dict__.setdefault("_applied", [])
        return found


def _changed_keys(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    # Compared as JSON, because True == 1 and 1 == 1.0 in Python.
    old, new = ({key: encode(value) for key, value in dict.items(data)} for data in (before, after))
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def merge(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], session: ServerSession) -> dict[str, Any]:
    """Return `theirs` with every change from `base` to `ours`."""
    merged = dict(theirs)
    by_function = {key for _, keys in session.applied for key in keys}
    for key in _changed_keys(base, ours) - by_function:
        if key in ours:
            merged[key] = ours[key]
        else:
            merged.pop(key, None)
    for change, _ in session.applied:
        change(merged)
    return merged
