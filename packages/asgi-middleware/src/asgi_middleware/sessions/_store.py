"""The protocol of a store of sessions, and the store that keeps them in a signed or encrypted cookie."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from typing import Protocol

from .._headers import RawHeaders
from ._contents import EMPTY, UNREADABLE, StoredSession
from ._cookie import LARGEST, Cookie
from ._json import decode, encode
from ._session import SessionWarning


class Store(Protocol):
    """A store of sessions for SessionMiddleware. Both methods run in the event loop and must not block."""

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `save` sets."""
        ...

    @property
    def identity(self) -> Hashable:
        """The identity of the sessions: if several middlewares share one, the outermost loads and saves."""
        ...

    @property
    def refreshes(self) -> bool:
        """True if a session may have to be saved even though the application has not read it."""
        ...

    def load(self, headers: RawHeaders, /) -> StoredSession:
        """Return the contents stored for the request with these headers, or EMPTY."""
        ...

    def save(self, text: str, stored: StoredSession, /, *, modified: bool) -> bytes | None:
        """Store a session whose JSON is now `text`, and return the value of a Set-Cookie header, or None for no header.

        Called before the head of each response whose application has read the session. `modified` is true if the
        session itself was changed; a change inside a value shows only in `text`.
        """
        ...


class Seal(Protocol):
    """A signature or encryption, by which the server recognises its own texts when clients send them back."""

    def seal(self, text: bytes, /) -> bytes:
        """Return a text, with the time, in characters that a cookie may have."""
        ...

    def unseal(self, value: bytes, max_age: int | None, /) -> tuple[bytes, int] | None:
        """Return a text and its age in seconds; return None or raise ValueError for a forged or expired one."""
        ...


class CookieStore:
    """A store that keeps each session in the client's cookie, signed or encrypted; nothing is kept on the server."""

    def __init__(
        self,
        seal: Seal,
        cookie: Cookie,
        *,
        max_age: int | None,
        refresh_after: int | None,
        raise_oversize: bool,
    ) -> None:
        self.cookie_name = cookie.name
        self.identity: Hashable = cookie.identity
        self.refreshes = refresh_after is not None
        self._cookie = cookie
        self._seal = seal
        self._max_age = max_age
        self._refresh_after = refresh_after
        self._raise_oversize = raise_oversize

    def load(self, headers: RawHeaders) -> StoredSession:
        """Return the contents of the last valid cookie; a damaged, expired or foreign one is ignored."""
        stored = EMPTY
        for value in self._cookie.values(headers):
            stored = UNREADABLE  # unless a later one of the same name is valid
            try:
                sealed = self._seal.unseal(value, self._max_age)
                if sealed is None:
                    continue
                text = sealed[0].decode()
                values = decode(text)
            except (ValueError, RecursionError):  # signed with our key for another purpose, or a damaged timestamp
                continue
            if isinstance(values, dict):
                is_due = self._refresh_after is not None and sealed[1] >= self._refresh_after
                return StoredSession(values, text, is_due=is_due)
        return stored

    def save(self, text: str, stored: StoredSession, *, modified: bool) -> bytes | None:
        """Return the Set-Cookie value for a session with this JSON, or None if the browser's cookie is still right."""
        # An anonymous visitor gets no cookie. One that had values, or sent an invalid cookie, gets it removed.
        if text == EMPTY.text:
            return self._cookie.remove() if stored.values or (modified and stored.is_unreadable) else None
        if not modified and not stored.is_due and not _differs(text, stored.text):
            return None
        value = self._cookie.set(self._seal.seal(text.encode()))
        if len(value) > LARGEST:
            self._complain(len(value))
        return value

    def _complain(self, size: int) -> None:
        text = (
            f"the session cookie has {size} bytes and browsers drop those over {LARGEST}: keep less in the session, "
            f"or keep it on the server with SessionMiddleware(app, store=...)"
        )
        if self._raise_oversize:
            raise ValueError(text)
        warnings.warn(text, SessionWarning, stacklevel=2)


def _differs(text: str, stored: str) -> bool:
    """Return whether two JSON texts hold different values; another program may use other spaces."""
    return text != stored and text != encode(decode(stored))
