"""The contents of a session as they were stored."""

from __future__ import annotations

from typing import Any


class StoredSession:
    """The values of a session as they were stored, and `text`, their JSON.

    `is_due` is true if it is old enough to be stored again; `is_unreadable` if the client sent a cookie that is not one
    of our sessions, which `session.clear()` then removes.
    """

    __slots__ = ("is_due", "is_unreadable", "text", "values")

    def __init__(self, values: dict[str, Any], text: str, *, is_due: bool = False, is_unreadable: bool = False) -> None:
        self.values = values
        self.text = text
        self.is_due = is_due
        self.is_unreadable = is_unreadable


EMPTY = StoredSession({}, "{}")
UNREADABLE = StoredSession({}, "{}", is_unreadable=True)
