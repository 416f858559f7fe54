"""Write the value of a Set-Cookie header (RFC 6265 §4.1), with every attribute on every Python."""

from __future__ import annotations

import re
import time
import warnings
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from ._fields import TOKEN

if TYPE_CHECKING:
    from datetime import datetime, timedelta

SameSite = Literal["lax", "strict", "none"]

_PLAIN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z:]+").fullmatch
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII).fullmatch
_UNSAFE_ATTRIBUTE = re.compile(r"[^\x20-\x3a\x3c-\x7e]").search
_SAFE_IN_QUOTES = frozenset(
    " !#$%&'()*+-./0123456789:<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
)
# Octal, as http.cookies writes and reads it: RFC 6265 has no escapes, and browsers send back what they got.
_QUOTED = {code: f"\\{code:03o}" for code in range(256) if chr(code) not in _SAFE_IN_QUOTES} | {
    ord('"'): r"\"",
    ord("\\"): r"\\",
}


def format_cookie(
    key: str,
    value: str,
    max_age: float | timedelta | None,
    expires: datetime | str | int | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: SameSite | None,
    partitioned: bool,
) -> bytes:
    """Return the value of a Set-Cookie header, attributes in the order of `http.cookies`.

    Raises ValueError for an invalid name and for an attribute that would start another (control characters, `;`).
    Warns where browsers would drop the cookie.
    """
    if TOKEN(key) is None:
        raise ValueError(f"Illegal key {key!r}")
    parts = [f"{key}={_quote(str(value))}"]
    if domain:
        parts.append(f"Domain={_attribute('domain', domain if domain.isascii() else _idna(domain))}")
    if expires is not None and expires != "":
        parts.append(f"expires={_attribute('expires', _date(expires))}")
    if httponly:
        parts.append("HttpOnly")
    if max_age is not None:
        parts.append(f"Max-Age={_seconds(max_age)}")
    if partitioned:
        if not secure:
            raise ValueError(f"Cookie {key!r} needs secure=True, as browsers drop a partitioned one without")
        parts.append("Partitioned")
    if path:
        parts.append(f"Path={_attribute('path', path if path.isascii() else _percent_encoded(path))}")
    if samesite is not None:
        parts.append(f"SameSite={_samesite(samesite)}")
    if secure:
        parts.append("Secure")
    if key[:2] == "__" or (samesite is not None and not secure):
        _warn_of_dropped(key, path, domain, secure, httponly, samesite)
    return "; ".join(parts).encode("ascii")


def _quote(value: str) -> str:
    """Return a value as `http.cookies` quotes it, one with characters outside latin-1 as the octets of its UTF-8."""
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


def _samesite(value: str) -> str:
    if value.lower() not in ("strict", "lax", "none"):
        raise ValueError("samesite must be either 'strict', 'lax' or 'none'")
    return value


def _percent_encoded(path: str) -> str:
    # Compared with the path that browsers request, which is encoded.
    return "".join(c if c.isascii() else quote(c, errors="replace") for c in path)


def _idna(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise ValueError(f"Invalid cookie domain: {domain!r}") from exc


def _seconds(max_age: object) -> int:
    if isinstance(max_age, int | float):
        return int(max_age)
    if isinstance(max_age, str) and _INTEGER(max_age) is not None:
        return int(max_age)
    from datetime import timedelta

    if isinstance(max_age, timedelta):
        return int(max_age.total_seconds())
    raise TypeError(f"Cookie max_age is seconds or a timedelta, not {max_age!r}")


def _date(expires: datetime | str | float) -> str:
    if isinstance(expires, str):
        return expires
    # Here, as they cost a tenth of the import of an application: sockets and character sets are imported with them.
    from datetime import UTC, datetime
    from email.utils import format_datetime, formatdate

    if not isinstance(expires, datetime):
        return formatdate(time.time() + expires, usegmt=True)
    if expires.tzinfo is None:
        raise ValueError(f"Cookie expires needs a time zone, for example datetime.UTC: {expires!r}")
    return format_datetime(expires.astimezone(UTC), usegmt=True)


def _warn_of_dropped(
    key: str, path: str | None, domain: str | None, secure: bool, httponly: bool, samesite: SameSite | None
) -> None:
    """Warn of a cookie that browsers drop silently (RFC 6265bis §4.1.3, §5.7)."""
    name = key.lower()  # browsers compare prefixes in any case
    missing = []
    if not secure and name.startswith(("__secure-", "__host-", "__http-")):
        missing.append("secure=True, as its prefix says")
    if not secure and samesite is not None and samesite.lower() == "none":
        missing.append("secure=True, as samesite='none' does")
    if not httponly and name.startswith(("__http-", "__host-http-")):
        missing.append("httponly=True, as its prefix says")
    if name.startswith("__host-") and (domain or path != "/"):
        missing.append("path='/' and no domain, as its prefix says")
    if missing:
        warnings.warn(f"Browsers drop the cookie {key!r}: it needs {', '.join(missing)}", stacklevel=4)
