"""From the headers of a request to the values of a session, and from them to a signed cookie."""

from __future__ import annotations

import warnings
from binascii import a2b_base64, b2a_base64

from .._headers import RawHeaders
from ._cookie import LARGEST, Cookie
from ._json import decode, encode
from ._session import NOTHING, Contents, SessionWarning
from ._signer import PreparedSigner


class Keeper:
    """Reads and writes the sessions of one middleware; holds nothing of any request."""

    def __init__(
        self,
        signer: PreparedSigner,
        cookie: Cookie,
        *,
        max_age: int | None,
        refresh_after: int | None,
        raise_oversize: bool,
    ) -> None:
        self.cookie = cookie
        self.refreshes = refresh_after is not None
        self._signer = signer
        self._max_age = max_age
        self._refresh_after = refresh_after
        self._raise_oversize = raise_oversize

    def read(self, headers: RawHeaders) -> Contents:
        """What the last good cookie holds; a damaged, expired, foreign or oversized one is no session and no error."""
        for value in self.cookie.values(headers):
            try:
                signed = self._signer.payload(value, self._max_age)
                if signed is None:
                    continue
                text = a2b_base64(signed[0]).decode()
                values = decode(text)
            except (ValueError, RecursionError):  # what somebody signed for another purpose, or its time
                continue
            if isinstance(values, dict):
                is_due = self._refresh_after is not None and signed[1] >= self._refresh_after
                return Contents(values, text, is_due)
        return NOTHING

    def header(self, text: str, contents: Contents, *, modified: bool) -> bytes | None:
        """The Set-Cookie value for a session whose JSON is now `text`, or None where the browser's cookie will do."""
        if text == NOTHING.text:
            return self.cookie.remove() if contents.values else None
        if not modified and not contents.is_due and not _differs(text, contents.text):
            return None
        value = self.cookie.set(self._signer.sign_now(b2a_base64(text.encode(), newline=False)))
        if len(value) > LARGEST:
            self._complain(len(value))
        return value

    def _complain(self, size: int) -> None:
        text = f"the session cookie has {size} bytes and browsers drop what is over {LARGEST}: keep less in the session"
        if self._raise_oversize:
            raise ValueError(text)
        warnings.warn(text, SessionWarning, stacklevel=2)


def _differs(text: str, written: str) -> bool:
    """Whether two JSON texts hold different values: another program may have spaced them in another way."""
    return text != written and text != encode(decode(written))
