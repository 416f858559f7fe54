"""Scopes and messages as they were, kept to see whether somebody changes them afterwards."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from .._texts import shown

# What the server says of the connection. Applications add keys of their own to the scope, and a mount moves root_path;
# these keys mean something to everyone who holds the scope.
SERVERS = frozenset(
    {
        "asgi", "client", "extensions", "headers", "http_version", "method", "path", "query_string", "raw_path",
        "scheme", "server", "subprotocols", "type",
    }
)  # fmt: skip


class Snapshots:
    """The scope, the first message and the latest one, as they were."""

    __slots__ = ("_first", "_last", "_scope", "_was")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self._scope = scope
        self._was = Snapshot({key: scope[key] for key in SERVERS & scope.keys()})
        self._first: Snapshot | None = None
        self._last: Snapshot | None = None

    def take(self, message: MutableMapping[str, Any]) -> None:
        """Keep a message that has just been sent."""
        self._last = Snapshot(message)
        self._first = self._first or self._last

    def changed_message(self) -> str | None:
        """Return what has happened to the first and to the latest message since they were sent."""
        for snapshot in (self._first, self._last):
            if snapshot is not None and (change := snapshot.change("a message after sending it")):
                return change
        return None

    def changed(self) -> str | None:
        """Return what has been changed until now, messages or scope."""
        now = {key: self._scope[key] for key in SERVERS & self._scope.keys()}
        return self.changed_message() or self._was.change("the scope it was given", now)


class Snapshot:
    """A mapping, and its values as they were: containers one level deep, bytes-like objects as bytes."""

    __slots__ = ("_mapping", "_values")

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = mapping
        self._values = {key: (value, _frozen(value)) for key, value in mapping.items()}

    def change(self, what: str, mapping: Mapping[str, Any] | None = None) -> str | None:
        """Return how the mapping, or the one that stands for it now, differs from what it was."""
        mapping = self._mapping if mapping is None else mapping
        if added := [key for key in mapping if key not in self._values]:
            return f"{what} was given new keys: {', '.join(map(repr, added))}"
        for key, (value, frozen) in self._values.items():
            if key not in mapping:
                return f"{what} has lost the key {key!r}"
            now = mapping[key]
            if now is not value and not _same(now, value):
                return f"{what} has another {key!r}: {shown(now)} instead of {shown(value)}"
            if not _same(_frozen(now), frozen):
                return f"{what} has another content of {key!r}: {shown(now)}"
        return None


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return [tuple(item) if isinstance(item, list) else item for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def _same(one: object, other: object) -> bool:
    return one is other or bool(one == other)
