"""itsdangerous' timestamped signatures, with everything prepared that does not depend on the message."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, TimestampSigner
from itsdangerous.encoding import base64_encode

if TYPE_CHECKING:
    _Halves = tuple[hashlib._Hash, hashlib._Hash]

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

    def payload(self, signed: bytes, max_age: int | None) -> bytes | None:
        """What was signed, or None if it was not by one of our keys, or more than `max_age` seconds ago."""
        try:
            return self.unsign(signed, max_age=max_age)
        except (BadSignature, ValueError, OverflowError, OSError):  # the last three of a signed, absurd timestamp
            return None

    def age(self, signed: bytes) -> float:
        """Seconds since a good signature was made."""
        return self.get_timestamp() - self.unsign(signed, return_timestamp=True)[1].timestamp()

    def get_signature(self, value: str | bytes) -> bytes:
        return _signature(self._halves[0], _as_bytes(value))

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        signed, given = _as_bytes(value), _as_bytes(sig)
        return any(hmac.compare_digest(_signature(halves, signed), given) for halves in self._halves)


def _halves(key: bytes, digest: str) -> _Halves:
    block = hashlib.new(digest).block_size
    key = (hashlib.new(digest, key).digest() if len(key) > block else key).ljust(block, b"\0")
    return hashlib.new(digest, bytes(c ^ 0x36 for c in key)), hashlib.new(digest, bytes(c ^ 0x5C for c in key))


def _signature(halves: _Halves, value: bytes) -> bytes:
    inner, outer = halves[0].copy(), halves[1].copy()
    inner.update(value)
    outer.update(inner.digest())
    return base64_encode(outer.digest())


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
