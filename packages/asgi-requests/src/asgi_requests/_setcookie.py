"""Write one Set-Cookie value (RFC 6265 §4.1), every attribute on every Python, and nothing but what was meant."""

from __future__ import annotations

import re
from time import time
from typing import TYPE_CHECKING, Literal

from ._fields import TOKEN

if TYPE_CHECKING:
    from datetime import datetime

SameSite = Literal["lax", "strict", "none"]

_PLAIN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z:]+").fullmatch
_UNSAFE_ATTRIBUTE = re.compile(r"[^\x20-\x3a\x3c-\x7e]").search
_SAFE_IN_QUOTES = frozenset(
    " !#$%&'()*+-./0123456789:<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
)
_QUOTED = {code: f"\\{code:03o}" for code in range(256) if chr(code) not in _SAFE_IN_QUOTES} | {
    ord('"'): r"\"",
    ord("\\"): r"\\",
}


def format_cookie(
    key: str,
    value: str,
    max_age: int | None,
    expires: datetime | str | int | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: SameSite | None,
    partitioned: bool,
) -> bytes:
    """The value of one Set-Cookie header; attributes in the order of `http.cookies`.

    Raises ValueError for a name that is no token, an attribute that would end itself or start another
    (control characters, `;`, anything outside ASCII), and a name whose prefix promises what the attributes do not keep.
    """
    if TOKEN(key) is None:
        raise ValueError(f"Illegal key {key!r}")
    if key[:2] == "__":
        _check_prefix(key, path, domain, secure, httponly)
    parts = [f"{key}={_quote(str(value))}"]
    if domain:
        parts.append(f"Domain={_attribute('domain', domain)}")
    if expires is not None and expires != "":
        parts.append(f"expires={_attribute('expires', _date(expires))}")
    if httponly:
        parts.append("HttpOnly")
    if max_age is not None:
        parts.append(f"Max-Age={_attribute('max_age', str(max_age))}")
    if partitioned:
        parts.append("Partitioned")
    if path:
        parts.append(f"Path={_attribute('path', path)}")
    if samesite is not None:
        if samesite.lower() not in ("strict", "lax", "none"):
            raise ValueError("samesite must be either 'strict', 'lax' or 'none'")
        parts.append(f"SameSite={samesite}")
    if secure:
        parts.append("Secure")
    return "; ".join(parts).encode("ascii")


def _quote(value: str) -> str:
    """A value as `http.cookies` quotes it; one with characters outside latin-1 as the octets of its UTF-8."""
    if _PLAIN(value) is not None:
        return value
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        value = value.encode("utf-8", "surrogatepass").decode("latin-1")
    return f'"{value.translate(_QUOTED)}"'


def _attribute(name: str, value: str) -> str:
    if _UNSAFE_ATTRIBUTE(value) is not None:
        raise ValueError(f"Cookie {name} must be printable ASCII without ';': {value!r}")
    return value


def _date(expires: datetime | str | int) -> str:
    if isinstance(expires, str):
        return expires
    from datetime import UTC, datetime  # slow to import, and few cookies carry a date
    from email.utils import format_datetime, formatdate

    if not isinstance(expires, datetime):
        return formatdate(time() + expires, usegmt=True)
    if expires.tzinfo is None:
        raise ValueError(f"Cookie expires needs a time zone, for example datetime.UTC: {expires!r}")
    return format_datetime(expires.astimezone(UTC), usegmt=True)


def _check_prefix(key: str, path: str | None, domain: str | None, secure: bool, httponly: bool) -> None:
    """Browsers drop such cookies without a word (RFC 6265bis §4.1.3), comparing the prefix in any case."""
    name = key.lower()
    if name.startswith(("__secure-", "__host-", "__http-")) and not secure:
        raise ValueError(f"Cookie {key!r} needs secure=True, as its prefix says")
    if name.startswith(("__http-", "__host-http-")) and not httponly:
        raise ValueError(f"Cookie {key!r} needs httponly=True, as its prefix says")
    if name.startswith("__host-") and (domain or path != "/"):
        raise ValueError(f"Cookie {key!r} needs path='/' and no domain, as its prefix says")
