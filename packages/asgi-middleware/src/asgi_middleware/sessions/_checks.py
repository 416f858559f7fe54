"""Checks of the options: an unsafe or meaningless value is an error, one that browsers refuse is a warning."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

from .._configuration import warn_corrected, warn_refused
from .._headers import TOKEN
from ._cookie import Cookie

_ENDS_A_NAME = re.compile(r"[\x00-\x1f\x7f;=]")
_ENDS_AN_ATTRIBUTE = re.compile(r"[\x00-\x1f\x7f;]")


def cookie_of(
    name: str,
    max_age: int | None,
    path: str,
    same_site: str,
    domain: str | None,
    *,
    secure: bool,
    partitioned: bool,
) -> Cookie:
    """Return the cookie of these options, each of which is checked and normalised."""
    name, path, domain = name_of(name), path_of(path), domain_of(domain)
    check_flags(name, path, same_site, secure, domain, partitioned)
    return Cookie(
        name,
        max_age=max_age,
        path=path,
        same_site=same_site,
        secure=secure,
        domain=domain,
        partitioned=partitioned,
    )


def raises_oversize(oversize: str) -> bool:
    """Return whether a cookie that is too large is an error. Raises ValueError for another word than the two."""
    if oversize not in ("warn", "raise"):
        raise ValueError(f"oversize must be 'warn' or 'raise', not {oversize!r}")
    return oversize == "raise"


def keys_of(secret_key: object) -> list[bytes]:
    """Return the keys as bytes, newest first. A key may be an object whose str() is the key, as Secret is.

    Raises ValueError for an empty or masked key, with which anyone could sign, and TypeError for other objects.
    """
    given = secret_key if isinstance(secret_key, list | tuple) else [secret_key]
    keys = [_key_of(key) for key in given]
    if not keys or not all(keys):
        raise ValueError("secret_key is empty: write a long random text, or a list with the newest first")
    return keys


def _key_of(key: object) -> bytes:
    if key is None:
        raise ValueError("secret_key is None: is the variable that holds it set?")
    # str() of pydantic's SecretStr is ten asterisks: every application would sign with the same key.
    if hasattr(key, "get_secret_value"):
        key = key.get_secret_value()
    if isinstance(key, bytes):
        return key
    if isinstance(key, bool | int | float | dict | set) or type(key).__str__ is object.__str__:
        raise TypeError(f"secret_key must be a str, bytes or a list of them, not {type(key).__name__}")
    text = str(key)
    if text and not text.strip("*"):
        raise ValueError("secret_key is masked: its str() is asterisks, with which anyone could sign")
    return text.encode()


def seconds_of(name: str, value: object) -> int | None:
    """Return a duration in seconds. Raises TypeError for anything but numbers, timedelta and None."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, not {value!r}")
    return int(value)


def name_of(name: str) -> str:
    """Return the name of a cookie (RFC 6265 §4.1.1). Raises ValueError for a character that would end the name."""
    stripped = name.strip(" ")
    if not stripped or _ENDS_A_NAME.search(stripped) or not _is_latin(stripped):
        raise ValueError(f"invalid cookie name: {name!r}")
    if stripped != name:
        warn_corrected("session_cookie", name, stripped)
    elif not TOKEN.fullmatch(name):
        warn_refused("session_cookie", name, "use letters, digits, - and _ (some browsers do accept it)")
    return stripped


def path_of(path: str) -> str:
    """Return the path of a cookie, percent-encoded as browsers compare it."""
    if _ENDS_AN_ATTRIBUTE.search(path):
        raise ValueError(f"invalid path of a cookie: {path!r}")
    if not path.startswith("/"):
        # Browsers ignore such a path, and use the folder of the request instead (RFC 6265 §5.2.4).
        warn_refused("path", path, "begin it with '/'")
    if path.isascii():
        return path
    encoded = quote(path, safe="/%:@!$&'()*+,=~")
    warn_corrected("path", path, encoded)
    return encoded


def domain_of(domain: str | None) -> str | None:
    """Return the domain of a cookie, in the ASCII form of international names (RFC 6265 §5.1.2)."""
    if domain is None:
        return None
    if _ENDS_AN_ATTRIBUTE.search(domain):
        raise ValueError(f"invalid domain of a cookie: {domain!r}")
    if ":" in domain or "/" in domain:
        warn_refused("domain", domain, "write the host alone, without scheme, port and path")
    if domain.isascii():
        return domain
    try:
        encoded = domain.encode("idna").decode()
    except UnicodeError as exc:
        raise ValueError(f"invalid domain of a cookie: {domain!r}") from exc
    warn_corrected("domain", domain, encoded)
    return encoded


def check_flags(name: str, path: str, same_site: object, secure: bool, domain: str | None, partitioned: bool) -> None:
    """Warn if browsers would refuse the cookie, so that no session is kept (RFC 6265bis §5.7).

    Raises ValueError for an unknown value of SameSite.
    """
    if not isinstance(same_site, str) or same_site.lower() not in ("lax", "strict", "none"):
        raise ValueError(f"same_site must be 'lax', 'strict' or 'none', not {same_site!r}")
    prefix = name.lower()  # browsers match the prefixes in any case (RFC 6265bis §5.7, steps 20 to 22)
    if not secure:
        advice = "set https_only=True: browsers keep it only with Secure"
        if prefix.startswith(("__host-", "__secure-", "__http-")):
            warn_refused("session_cookie", name, advice)
        if same_site.lower() == "none":
            warn_refused("same_site", same_site, advice)
        if partitioned:
            warn_refused("partitioned", partitioned, advice)
    if prefix.startswith("__host-") and (path != "/" or domain is not None):
        warn_refused("session_cookie", name, "leave out domain, and leave path at '/'")


def _is_latin(text: str) -> bool:
    # A header is latin-1 in a scope, so any other name could be neither written nor found again.
    return all(character < "\u0100" for character in text)
