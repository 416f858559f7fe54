"""itsdangerous' timestamped signatures, with everything prepared that does not depend on the message."""

from __future__ import annotations

import hashlib
import time
from binascii import a2b_base64, b2a_base64
from hmac import compare_digest
from typing import TYPE_CHECKING

from itsdangerous import TimestampSigner
from itsdangerous.encoding import want_bytes

if TYPE_CHECKING:
    _Halves = tuple[hashlib._Hash, hashlib._Hash]

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_DIGESTS = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512"})


class PreparedSigner(TimestampSigner):
    """Signs as `TimestampSigner` does, byte for byte, with the two halves of the HMAC already keyed (RFC 2104 §4).

    `keys` stand newest first: the first signs, all of them verify.
    """

    def __init__(self, keys: list[bytes], salt: bytes, digest: str) -> None:
        if digest not in _DIGESTS:
            raise ValueError(f"digest is one of {', '.join(sorted(_DIGESTS))}, not {digest!r}")
        super().__init__(keys[::-1], salt=salt, digest_method=getattr(hashlib, digest))
        self._halves = [_halves(self.derive_key(key), digest) for key in keys]

    def sign_now(self, payload: bytes) -> bytes:
        """What `sign` returns, in half the time."""
        seconds = int(time.time())
        stamp = b2a_base64(seconds.to_bytes((seconds.bit_length() + 7) // 8, "big"), newline=False)
        value = payload + b"." + stamp.translate(_URL_SAFE, b"=")
        return value + b"." + _signature(self._halves[0], value)

    def payload(self, signed: bytes, max_age: int | None) -> tuple[bytes, int] | None:
        """What was signed and how many seconds ago, or None if not by one of our keys or longer ago than `max_age`.

        Says of every value what `unsign` says, in half the time; ValueError of a signature over something else.
        """
        value, _, signature = signed.rpartition(b".")
        if not compare_digest(_signature(self._halves[0], value), signature) and not (
            len(self._halves) > 1 and self.verify_signature(value, signature)
        ):
            return None
        payload, dot, stamp = value.rpartition(b".")
        age = int(time.time()) - int.from_bytes(a2b_base64(stamp.translate(_STANDARD) + b"=="), "big")
        if not dot or (max_age is not None and not 0 <= age <= max_age):
            return None
        return payload, age

    def get_signature(self, value: str | bytes) -> bytes:
        return _signature(self._halves[0], want_bytes(value))

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        signed, given = want_bytes(value), want_bytes(sig)
        return any(compare_digest(_signature(halves, signed), given) for halves in self._halves)


def _halves(key: bytes, digest: str) -> _Halves:
    block = hashlib.new(digest).block_size
    key = (hashlib.new(digest, key).digest() if len(key) > block else key).ljust(block, b"\0")
    return hashlib.new(digest, bytes(c ^ 0x36 for c in key)), hashlib.new(digest, bytes(c ^ 0x5C for c in key))


def _signature(halves: _Halves, value: bytes) -> bytes:
    inner, outer = halves[0].copy(), halves[1].copy()
    inner.update(value)
    outer.update(inner.digest())
    return b2a_base64(outer.digest(), newline=False).translate(_URL_SAFE, b"=")
