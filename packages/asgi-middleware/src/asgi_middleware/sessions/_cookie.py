"""The cookie of a session: found in a request, written to a response, recognised in the application's own headers."""

from __future__ import annotations

from typing import Literal

from .._headers import RawHeaders

SameSite = Literal["lax", "strict", "none"]

LARGEST = 4096
"""The largest cookie that every browser keeps, in bytes: name, value and attributes together (RFC 6265 §6.1)."""

# How frameworks delete a cookie: there is no header for it, so it expires in the past.
_REMOVALS = (b"max-age=0", b"expires=thu, 01 jan 1970")


class Cookie:
    """A cookie's name and attributes, already checked, in the order and spelling of Starlette."""

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
        """Return every value sent under this name, the last one first; HTTP/2 may split Cookie (RFC 9113 §8.2.3).

        Only spaces and tabs are trimmed: to browsers any other blank is part of the name, so trimming it would let a
        page set a cookie that passes for ours in spite of its `__Host-` prefix.
        """
        before = self._before
        found = []
        for key, line in headers:
            if len(key) == 6 and key.lower() == b"cookie" and before in line:
                for pair in line.split(b";"):
                    pair = pair.strip(b" \t")
                    # Browsers send the cookie of the longest path first (RFC 6265 §5.4). Starlette reads the last of a
                    # name, so the order is kept, but all are tried: a sibling subdomain may have set an invalid one.
                    if pair.startswith(before):
                        found.append(pair[len(before) :].strip(b' \t"'))
        found.reverse()
        return found


def sets_cookie(headers: RawHeaders, start: bytes) -> bool:
    """Return whether a Set-Cookie header of a response sets a value; `start` is the cookie's name and `=`."""
    for key, value in headers:
        if len(key) == 10 and key.lower() == b"set-cookie" and value.strip().startswith(start):
            # A logout that deletes the session's cookie by hand is not a conflict.
            lowered = value.lower()
            return not any(removal in lowered for removal in _REMOVALS)
    return False
