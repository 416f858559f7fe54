"""From the headers of a request to the values of a session, and from them to a signed cookie."""

from __future__ import annotations

import binascii
import warnings
from json import JSONDecoder, JSONEncoder
from typing import TYPE_CHECKING

from .._headers import RawHeaders
from ._cookie import LARGEST, Cookie
from ._session import NOTHING, Contents, SessionWarning

if TYPE_CHECKING:  # itsdangerous may not be installed
    from ._signer import PreparedSigner

encode = JSONEncoder().encode
_decode = JSONDecoder().decode


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
                payload = self._signer.payload(value, self._max_age)
                text = "" if payload is None else binascii.a2b_base64(payload).decode()
                values = _decode(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(values, dict):
                return Contents(values, text, self._is_due(value))
        return NOTHING

    def _is_due(self, value: bytes) -> bool:
        if self._refresh_after is None:
            return False
        return self._signer.age(value) >= self._refresh_after

    def header(self, text: str, contents: Contents, *, modified: bool) -> bytes | None:
        """The Set-Cookie value for a session whose JSON is now `text`, or None where the browser's cookie will do."""
        if text == NOTHING.text:
            return self.cookie.remove() if contents.values else None
        if not modified and not contents.is_due and not _differs(text, contents.text):
            return None
        value = self.cookie.set(self._signer.sign(binascii.b2a_base64(text.encode(), newline=False)))
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
    return text != written and text != encode(_decode(written))
