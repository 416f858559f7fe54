"""What was handed over, kept to see whether somebody changes it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from .violations import short


class Snapshots:
    """The scope, the first message and the latest one, as they were; `state` and `session` may get other content."""

    __slots__ = ("_first", "_last", "_scope")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self._scope = Snapshot(scope)
        self._first: Snapshot | None = None
        self._last: Snapshot | None = None

    def take(self, message: MutableMapping[str, Any]) -> None:
        """Keep a message that has just been sent."""
        self._last = Snapshot(message)
        self._first = self._first or self._last

    def changed_message(self) -> str | None:
        """What has happened to the first and to the latest message since they were sent."""
        for snapshot in (self._first, self._last):
            if snapshot is not None and (change := snapshot.change("a message after sending it")):
                return change
        return None

    def changed(self) -> str | None:
        """What has been changed until now, messages or scope."""
        return self.changed_message() or self._scope.change("the scope it was given")


class Snapshot:
    """A mapping, and its values as they were: containers one level deep, bytes-like objects as bytes."""

    __slots__ = ("_mapping", "_values")

    def __init__(self, mapping: MutableMapping[str, Any]) -> None:
        self._mapping = mapping
        self._values = {key: (value, _frozen(key, value)) for key, value in mapping.items()}

    def change(self, what: str) -> str | None:
        if added := [key for key in self._mapping if key not in self._values]:
            return f"{what} was given new keys: {', '.join(map(repr, added))}"
        for key, (value, frozen) in self._values.items():
            if key not in self._mapping:
                return f"{what} has lost the key {key!r}"
            now = self._mapping[key]
            if now is not value and not _same(now, value):
                return f"{what} has another {key!r}: {short(now)} instead of {short(value)}"
            if not _same(_frozen(key, now), frozen):
                return f"{what} has another content of {key!r}: {short(now)}"
        return None


def _frozen(key: str, value: Any) -> Any:
    if key in ("state", "session"):
        return None
    if isinstance(value, list):
        return [tuple(item) if isinstance(item, list) else item for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def _same(one: object, other: object) -> bool:
    return one is other or bool(one == other)
