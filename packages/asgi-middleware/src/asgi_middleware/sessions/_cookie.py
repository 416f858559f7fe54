"""The cookie of a session: found in a request, written to a response, noticed in a response of somebody else's."""

from __future__ import annotations

from typing import Literal

from .._headers import RawHeaders

SameSite = Literal["lax", "strict", "none"]

LARGEST = 4096
"""Bytes of a cookie, name, value and attributes together, that every browser keeps (RFC 6265 §6.1)."""

_REMOVALS = (b"max-age=0", b"expires=thu, 01 jan 1970")


class Cookie:
    """A cookie's name and attributes, checked already, in the order and the words of Starlette."""

    def __init__(
        self,
        name: str,
        *,
        max_age: int | None,
        path: str,
        same_site: str,
        secure: bool,
        domain: str | None,
        partitioned: bool,
    ) -> None:
        self.name = name
        self.identity = (name, domain, path)
        self._before = f"{name}=".encode("latin-1")
        flags = f"httponly; samesite={same_site}"
        flags += "; secure" if secure else ""
        flags += f"; domain={domain}" if domain is not None else ""
        flags += "; partitioned" if partitioned else ""
        age = "" if max_age is None else f"Max-Age={max_age}; "
        self._after = f"; path={path}; {age}{flags}".encode()
        removal = f"null; path={path}; expires=Thu, 01 Jan 1970 00:00:00 GMT; {flags}"
        self._removal = self._before + removal.encode()

    def set(self, value: bytes) -> bytes:
        """Return the value of a Set-Cookie header that keeps `value`."""
        return self._before + value + self._after

    def remove(self) -> bytes:
        """Return the value of a Set-Cookie header that removes the cookie."""
        return self._removal

    def values(self, headers: RawHeaders) -> list[bytes]:
        """Return every value sent under this name, the last one first; HTTP/2 may split Cookie into several headers.

        Only spaces and tabs are trimmed: other blanks are part of a name, and may hide one that is not ours.
        """
        before = self._before
        found = []
        for key, line in headers:
            if len(key) == 6 and key.lower() == b"cookie" and before in line:
                for pair in line.split(b";"):
                    pair = pair.strip(b" \t")
                    # Starlette, too, reads the last of a name; browsers send the longest path first (RFC 6265 §5.4).
                    if pair.startswith(before):
                        found.append(pair[len(before) :].strip(b' \t"'))
        found.reverse()
        return found


def sets_cookie(headers: RawHeaders, start: bytes) -> bool:
    """Return whether a Set-Cookie header of a response keeps a value; `start` is the cookie's name and `=`."""
    for key, value in headers:
        if len(key) == 10 and key.lower() == b"set-cookie" and value.strip().startswith(start):
            # A log-out that removes the session's cookie by hand is no conflict.
            lowered = value.lower()
            return not any(removal in lowered for removal in _REMOVALS)
    return False
