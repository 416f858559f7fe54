"""Cookies that the client cannot read: AES-256-GCM (NIST SP 800-38D) with keys derived beforehand."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_PURPOSE = b"asgi_middleware.sessions encrypted cookie 1"
_NONCE = 12
_STAMP = 8
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_CLOCK_SKEW = 60
"""Seconds by which the clock of another server may be ahead: its cookies are not rejected as from the future."""


class Encryption:
    """An encryption of texts with the time inside; it opens only cookies called `name`.

    `keys` are the newest first: the first encrypts, all of them decrypt. HKDF (RFC 5869) derives each from the text and
    `salt`, so that the same text can be used for signing elsewhere. Nonces are 96 random bits: one key is safe for
    2**32 cookies (SP 800-38D §8.3), which is 1,000 a second for 49 days. Raises ImportError without cryptography.
    """

    def __init__(self, keys: list[bytes], salt: bytes, name: str) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as exc:
            raise ImportError("encrypted sessions need cryptography: pip install asgi-middleware[encrypted]") from exc
        self._ciphers: list[AESGCM] = [AESGCM(_stretch(key, salt)) for key in keys]
        # Associated data: a value copied from another cookie, or of another version of the layout, does not decrypt.
        self._bound = _VERSION + name.encode("latin-1")

    def seal(self, text: bytes) -> bytes:
        """Return `text` and the time, encrypted, in the characters of a cookie."""
        nonce = os.urandom(_NONCE)
        stamped = int(time.time()).to_bytes(_STAMP, "big") + text
        sealed = _VERSION + nonce + self._ciphers[0].encrypt(nonce, stamped, self._bound)
        return b2a_base64(sealed, newline=False).translate(_URL_SAFE, b"=")

    def unseal(self, value: bytes, max_age: int | None) -> tuple[bytes, int] | None:
        """Return the text and its age in seconds, or None if it is of another key or older than `max_age`.

        Raises ValueError for invalid base64.
        """
        from cryptography.exceptions import InvalidTag

        sealed = a2b_base64(value.translate(_STANDARD) + b"=" * (-len(value) % 4))
        # 16 bytes are the tag of GCM, without which decrypt() raises ValueError instead of InvalidTag.
        if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE + 16 + _STAMP:
            return None
        nonce, encrypted = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        for cipher in self._ciphers:
            try:
                stamped = cipher.decrypt(nonce, encrypted, self._bound)
            except InvalidTag:
                continue
            age = int(time.time()) - int.from_bytes(stamped[:_STAMP], "big")
            if max_age is not None and not -_CLOCK_SKEW <= age <= max_age:
                return None
            return stamped[_STAMP:], age
        return None


def _stretch(key: bytes, salt: bytes) -> bytes:
    """Return 256 bits for AES by HKDF-SHA256 (RFC 5869); one block of its output is enough."""
    # Extract, then expand (RFC 5869 §2.2, §2.3). The purpose keeps the key apart from others made of the same text.
    drawn = hmac.digest(salt, key, hashlib.sha256)
    return hmac.digest(drawn, _PURPOSE + b"\x01", hashlib.sha256)
