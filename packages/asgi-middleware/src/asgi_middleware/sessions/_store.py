"""Where sessions are kept: the protocol of a store, and the store that keeps them in a signed cookie."""

from __future__ import annotations

import warnings
from binascii import a2b_base64, b2a_base64
from collections.abc import Hashable
from typing import Protocol

from .._headers import RawHeaders
from ._contents import EMPTY, UNREADABLE, StoredSession
from ._cookie import LARGEST, Cookie
from ._json import decode, encode
from ._session import SessionWarning
from ._signer import PreparedSigner


class Store(Protocol):
    """Where the sessions of a SessionMiddleware are kept. Both methods run in the event loop and must not block."""

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `save` sets."""
        ...

    @property
    def identity(self) -> Hashable:
        """The identity of the sessions: of several middlewares with one identity, the outermost loads and saves."""
        ...

    @property
    def refreshes(self) -> bool:
        """True if a session may have to be saved that the application has not looked at."""
        ...

    def load(self, headers: RawHeaders, /) -> StoredSession:
        """Return what is stored for the request with these headers: EMPTY where there is nothing."""
        ...

    def save(self, text: str, stored: StoredSession, /, *, modified: bool) -> bytes | None:
        """Store a session whose JSON is now `text`, and return the value of a Set-Cookie header, or None for no header.

        Called before the head of each response whose application has looked at the session. `modified` says that it
        called for the session to be saved; a change inside a value shows in `text` alone.
        """
        ...


class CookieStore:
    """Sessions kept in the client's cookie, signed; the store itself holds nothing of any request."""

    def __init__(
        self,
        signer: PreparedSigner,
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
        self._signer = signer
        self._max_age = max_age
        self._refresh_after = refresh_after
        self._raise_oversize = raise_oversize

    def load(self, headers: RawHeaders) -> StoredSession:
        """Return what the last valid cookie holds; a damaged, expired or foreign one is no error."""
        stored = EMPTY
        for value in self._cookie.values(headers):
            stored = UNREADABLE
            try:
                signed = self._signer.payload(value, self._max_age)
                if signed is None:
                    continue
                text = a2b_base64(signed[0]).decode()
                values = decode(text)
            except (ValueError, RecursionError):  # signed with our key for another purpose, or its timestamp is damaged
                continue
            if isinstance(values, dict):
                is_due = self._refresh_after is not None and signed[1] >= self._refresh_after
                return StoredSession(values, text, is_due=is_due)
        return stored

    def save(self, text: str, stored: StoredSession, *, modified: bool) -> bytes | None:
        """Return the Set-Cookie value for a session with this JSON, or None where the browser's cookie will do."""
        if text == EMPTY.text:
            return self._cookie.remove() if stored.values or (modified and stored.is_unreadable) else None
        if not modified and not stored.is_due and not _differs(text, stored.text):
            return None
        value = self._cookie.set(self._signer.sign_now(b2a_base64(text.encode(), newline=False)))
        if len(value) > LARGEST:
            self._complain(len(value))
        return value

    def _complain(self, size: int) -> None:
        text = f"the session cookie has {size} bytes and browsers drop those over {LARGEST}: keep less in the session"
        if self._raise_oversize:
            raise ValueError(text)
        warnings.warn(text, SessionWarning, stacklevel=2)


def _differs(text: str, stored: str) -> bool:
    """Return whether two JSON texts hold different values: another program may have spaced them in another way."""
    return text != stored and text != encode(decode(stored))
