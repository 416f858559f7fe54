"""The dictionary an application sees, filled from the cookie when somebody first looks."""

from __future__ import annotations

import warnings
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

from .._headers import RawHeaders

if TYPE_CHECKING:
    from ._keeper import Keeper

_UNREAD: dict[str, Any] = {"": None}  # C code asks a dict for its size before it asks a subclass for its items


class Contents:
    """What a cookie held: the values, their JSON as it was written, and whether it is old enough to be sent again."""

    __slots__ = ("is_due", "text", "values")

    def __init__(self, values: dict[str, Any], text: str, is_due: bool) -> None:
        self.values = values
        self.text = text
        self.is_due = is_due


NOTHING = Contents({}, "{}", False)


class SessionWarning(UserWarning):
    """Warns of a session that does not reach the browser: changed too late, or too large for a cookie."""


class Session(dict[str, Any]):
    """The session: a dict that knows whether it was looked at (`accessed`) and changed (`modified`).

    Of a request's cookie nothing is decoded before the first look. What is changed inside a value, as in
    `session["cart"].append(1)`, is found by the middleware and needs no `mark_modified()`.
    """

    modified = False
    changed_late = False
    keeper: Keeper | None = None
    _headers: RawHeaders = ()
    _contents: Contents | None = None
    sealed = False
    _accessed = False

    @classmethod
    def of_request(cls, keeper: Keeper, headers: RawHeaders) -> Self:
        """A session that `keeper` reads from the request's headers at the first look."""
        session = cls(_UNREAD)
        session.keeper = keeper
        session._headers = headers
        return session

    @property
    def accessed(self) -> bool:
        return self._accessed

    @accessed.setter
    def accessed(self, value: bool) -> None:
        if value:
            self.mark_accessed()
        self._accessed = value

    def mark_accessed(self) -> None:
        """Say that the answer depends on the session: it gets `Vary: Cookie`."""
        self._accessed = True
        if self._contents is None:
            self.fill()

    def mark_modified(self) -> None:
        """Say that the session is to be written; warns where the response has started and it cannot be."""
        self._change()

    def fill(self) -> Contents:
        """Read the cookie, if nobody has yet, and return what it held; this does not count as a look."""
        contents = self._contents
        if contents is None:
            if self.keeper is None:
                return NOTHING
            contents = self._contents = self.keeper.read(self._headers)
            dict.clear(self)
            dict.update(self, contents.values)
        return contents

    def _change(self) -> None:
        if not self._accessed:
            self.mark_accessed()
        self.modified = True
        if self.sealed:
            self.changed_late = True
            warn_of_late_change(stacklevel=3)

    def _look(self) -> None:
        if not self._accessed:
            self.mark_accessed()

    def __getitem__(self, key: str) -> Any:
        if not self._accessed:
            self.mark_accessed()
        return dict.__getitem__(self, key)

    def get(self, key: str, default: Any = None, /) -> Any:
        if not self._accessed:
            self.mark_accessed()
        return dict.get(self, key, default)

    def __contains__(self, key: object) -> bool:
        self._look()
        return dict.__contains__(self, key)

    def __iter__(self) -> Iterator[str]:
        self._look()
        return dict.__iter__(self)

    def __reversed__(self) -> Iterator[str]:
        self._look()
        return dict.__reversed__(self)

    def __len__(self) -> int:
        self._look()
        return dict.__len__(self)

    def __eq__(self, other: object) -> bool:
        self._look()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        self._look()
        return dict.__ne__(self, other)

    def __repr__(self) -> str:
        self._look()
        return dict.__repr__(self)

    def __or__(self, other: Any, /) -> Any:
        self._look()
        return dict.__or__(self, other)

    def __ror__(self, other: Any, /) -> Any:
        self._look()
        return dict.__ror__(self, other)

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        self._look()
        return dict.keys(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        self._look()
        return dict.values(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        if not self._accessed:
            self.mark_accessed()
        return dict.items(self)

    def copy(self) -> dict[str, Any]:
        self._look()
        return dict.copy(self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        self._look()
        return type(self), (dict(self),)

    def __setitem__(self, key: str, value: Any) -> None:
        self._change()
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: str) -> None:
        self._look()
        dict.__delitem__(self, key)
        self._change()

    def __ior__(self, other: Any, /) -> Self:  # type: ignore[override]
        self._change()
        dict.update(self, other)
        return self

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._change()
        dict.update(self, *args, **kwargs)

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        if key not in self:
            self._change()
        return dict.setdefault(self, key, default)

    def pop(self, key: str, *default: Any) -> Any:
        if key in self:
            self._change()
        return dict.pop(self, key, *default)

    def popitem(self) -> tuple[str, Any]:
        self._look()
        item = dict.popitem(self)
        self._change()
        return item

    def clear(self) -> None:
        self._change()
        dict.clear(self)


def warn_of_late_change(stacklevel: int) -> None:
    """Warn of a change that no header can carry any more."""
    warnings.warn(
        "the session was changed after the response had started, or the WebSocket had been accepted: it is not saved",
        SessionWarning,
        stacklevel=stacklevel + 1,
    )
