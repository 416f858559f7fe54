"""Timestamped signatures of itsdangerous, with keys derived beforehand."""

from __future__ import annotations

import hashlib
import hmac
import time
from binascii import a2b_base64, b2a_base64

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_DIGESTS = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512"})
_CLOCK_SKEW = 60
"""Seconds by which the clock of another server may be ahead: its cookies are not rejected as from the future."""


class PreparedSigner:
    """A signer that signs as `TimestampSigner` does, byte for byte.

    `keys` are the newest first: the first signs, all of them verify. Raises ImportError without itsdangerous.
    """

    def __init__(self, keys: list[bytes], salt: bytes, digest: str) -> None:
        if digest not in _DIGESTS:
            raise ValueError(f"digest must be one of {', '.join(sorted(_DIGESTS))}, not {digest!r}")
        try:
            from itsdangerous import TimestampSigner
        except ImportError as exc:
            raise ImportError("sessions need itsdangerous: pip install asgi-middleware[sessions]") from exc
        signer = TimestampSigner(keys, salt=salt, digest_method=getattr(hashlib, digest))
        self._macs = [hmac.new(signer.derive_key(key), digestmod=digest) for key in keys]
        self._stamp = (0, b".")  # the second of the last signature, and its encoded form

    def sign_now(self, payload: bytes) -> bytes:
        """Return `payload` with a timestamp and a signature, as `sign` does."""
        seconds = int(time.time())
        second, stamp = self._stamp
        if seconds != second:
            digits = b2a_base64(seconds.to_bytes((seconds.bit_length() + 7) // 8, "big"), newline=False)
            stamp = b"." + digits.translate(_URL_SAFE, b"=")
            self._stamp = (seconds, stamp)
        value = payload + stamp
        return value + b"." + _signature(self._macs[0], value)

    def seal(self, text: bytes) -> bytes:
        """Return `text` in base64, signed: the client can read but not change it."""
        return self.sign_now(b2a_base64(text, newline=False))

    def unseal(self, value: bytes, max_age: int | None) -> tuple[bytes, int] | None:
        """Return the text and its age in seconds, or None if it is of another key or older than `max_age`."""
        signed = self.payload(value, max_age)
        return None if signed is None else (a2b_base64(signed[0]), signed[1])

    def payload(self, signed: bytes, max_age: int | None) -> tuple[bytes, int] | None:
        """Return the payload and its age in seconds, or None if it is of another key or older than `max_age`.

        It accepts every value that `unsign` accepts, and one from a server whose clock is up to a minute ahead. Raises
        ValueError for a valid signature over anything but a payload and a timestamp.
        """
        value, _, signature = signed.rpartition(b".")
        for mac in self._macs:
            # In constant time: otherwise the time taken shows how many bytes of a forged signature are right.
            if hmac.compare_digest(_signature(mac, value), signature):
                break
        else:
            return None
        payload, dot, stamp = value.rpartition(b".")
        age = int(time.time()) - int.from_bytes(a2b_base64(stamp.translate(_STANDARD) + b"=="), "big")
        if not dot or (max_age is not None and not -_CLOCK_SKEW <= age <= max_age):
            return None
        return payload, age


def _signature(mac: hmac.HMAC, value: bytes) -> bytes:
    mac = mac.copy()
    mac.update(value)
    return b2a_base64(mac.digest(), newline=False).translate(_URL_SAFE, b"=")
