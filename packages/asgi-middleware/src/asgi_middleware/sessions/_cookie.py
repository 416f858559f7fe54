"""The cookie of a session: its name and attributes checked once, found in a request, written to a response."""

from __future__ import annotations

import re
from typing import Literal

from .._headers import RawHeaders

SameSite = Literal["lax", "strict", "none"]

LARGEST = 4096
"""Bytes of a cookie, name, value and attributes together, that every browser keeps (RFC 6265 §6.1)."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")  # printable ASCII without the semicolon (RFC 6265 §4.1.1)


class Cookie:
    """A cookie's name and attributes. Raises ValueError for what would end the attribute or what browsers refuse."""

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
        _check(name, path, same_site, secure, domain, partitioned)
        self.identity = (name, domain, path)
        self._before = f"{name}=".encode()
        flags = f"httponly; samesite={same_site}"
        flags += "; secure" if secure else ""
        flags += f"; domain={domain}" if domain is not None else ""
        flags += "; partitioned" if partitioned else ""
        age = "" if max_age is None else f"Max-Age={max_age}; "
        self._after = f"; path={path}; {age}{flags}".encode()
        self._removal = f"{name}=null; path={path}; expires=Thu, 01 Jan 1970 00:00:00 GMT; {flags}".encode()

    def set(self, value: bytes) -> bytes:
        """The value of a Set-Cookie header that keeps `value`."""
        return self._before + value + self._after

    def remove(self) -> bytes:
        """The value of a Set-Cookie header that ends the cookie, in the words of Starlette."""
        return self._removal

    def values(self, headers: RawHeaders) -> list[bytes]:
        """Every value sent under this name, the last one first; HTTP/2 may split Cookie into several headers.

        Only spaces and tabs are trimmed: other blanks are part of a name, and may hide one that is not ours.
        """
        before = self._before
        found = []
        for key, line in headers:
            if len(key) == 6 and key.lower() == b"cookie" and before in line:
                for pair in line.split(b";"):
                    pair = pair.strip(b" \t")
                    if pair.startswith(before):
                        found.append(pair[len(before) :].strip(b' \t"'))
        found.reverse()
        return found


def _check(name: str, path: str, same_site: str, secure: bool, domain: str | None, partitioned: bool) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"a cookie's name is a token (RFC 6265 §4.1.1), not {name!r}")
    for attribute, value in (("path", path), ("domain", domain or "")):
        if not _ATTRIBUTE.fullmatch(value):
            raise ValueError(f"the {attribute} of a cookie is printable ASCII without a semicolon, not {value!r}")
    if same_site.lower() not in ("lax", "strict", "none"):
        raise ValueError(f"same_site is 'lax', 'strict' or 'none', not {same_site!r}")
    prefix = name.lower()
    if not secure:
        if prefix.startswith(("__host-", "__secure-", "__http-")):
            raise ValueError(f"browsers refuse {name!r} without Secure: set https_only=True")
        if same_site.lower() == "none":
            raise ValueError("browsers refuse SameSite=None without Secure: set https_only=True")
        if partitioned:
            raise ValueError("browsers refuse Partitioned without Secure: set https_only=True")
    if prefix.startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError(f"browsers refuse {name!r} with a domain or with another path than '/'")
