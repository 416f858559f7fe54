"""The dictionary that the application sees, filled from the store at the first access."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any, Self, SupportsIndex

from ._contents import EMPTY, StoredSession

# C code (json's encoder) takes a dict of size 0 for empty without calling a subclass's items(), so an unread session
# has one entry.
_UNREAD: dict[str, Any] = {"": None}


class SessionWarning(UserWarning):
    """Warning about a session that does not reach the browser: changed too late, too large, or misconfigured."""


class Session(dict[str, Any]):
    """A dict that knows whether it was read (`accessed`) and changed (`modified`).

    The cookie is not decoded before the first access. The middleware finds a change inside a value, as in
    `session["cart"].append(1)`, without `mark_modified()`. Encoders written in C, such as orjson and msgspec, bypass
    the methods of a dict's subclass: call `mark_accessed()` first, as `request.session` does, or encode
    `dict(session)`.
    """

    modified = False
    identity: Hashable = None
    # For the modules of this package. sealed: the head of the response has been sent, or the middleware has returned.
    # changed_late: changed after that. shadowed: an inner middleware has put its own session into the scope.
    sealed = changed_late = shadowed = False
    _load: Callable[[], StoredSession] | None = None
    _stored: StoredSession | None = None
    _accessed = False

    @classmethod
    def loaded_by(cls, load: Callable[[], StoredSession], identity: Hashable) -> Self:
        """Return a session that `load()` fills at the first access; `identity` is that of its store."""
        session = cls(_UNREAD)
        session._load = load
        session.identity = identity
        return session

    @property
    def accessed(self) -> bool:
        """True once the session was read."""
        return self._accessed

    @accessed.setter
    def accessed(self, value: bool) -> None:
        if value:
            self.mark_accessed()
        self._accessed = value

    def mark_accessed(self) -> None:
        """Fill the session; the response now depends on it and gets `Vary: Cookie`."""
        if self._stored is None:
            self.fill()
        self._accessed = True

    _open = mark_accessed  # called by every access; ServerSession overrides mark_accessed(), which may have to wait

    async def load(self) -> Self:
        """Fill the session and return it; only `SessionMiddleware(lazy=True)` requires this call."""
        self._open()
        return self

    def mark_modified(self) -> None:
        """Mark the session to be saved; warns if the response has started and it cannot be."""
        self._change()

    def fill(self) -> StoredSession:
        """Load the session unless it is loaded, and return the stored contents; this does not count as an access."""
        stored = self._stored
        if stored is None:
            if self._load is None:
                return EMPTY
            stored = self._stored = self._load()
            dict.clear(self)
            dict.update(self, stored.values)
        return stored

    def _change(self) -> None:
        if not self._accessed:
            self._open()
        self.modified = True
        if self.sealed:
            self.changed_late = True
            warn_of_late_change(stacklevel=3)

    def _look(self) -> None:
        if not self._accessed:
            self._open()

    def __getitem__(self, key: str) -> Any:
        if not self._accessed:
            self._open()
        return dict.__getitem__(self, key)

    def get(self, key: str, default: Any = None, /) -> Any:
        if not self._accessed:
            self._open()
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
            self._open()
        return dict.items(self)

    def copy(self) -> dict[str, Any]:
        self._look()
        return dict.copy(self)

    # Copies and pickles are filled sessions without a store: a copy that still had to load could do so after its
    # request has ended.
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
    """Warn of a change that comes too late for the headers."""
    warnings.warn(
        "the session was changed after the response had started, the WebSocket had been accepted, or SessionMiddleware "
        "had returned: it is not saved",
        SessionWarning,
        stacklevel=stacklevel + 1,
    )
