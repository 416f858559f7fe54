"""What a CORS configuration may say, and what a preflight request asks for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
SAFELISTED_HEADERS = frozenset({"Accept", "Accept-Language", "Content-Language", "Content-Type"})

_MAX_REQUESTED = 8192
"""Bytes of Access-Control-Request-Headers that are read; browsers send some dozens."""
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WEB_ORIGIN = re.compile(
    r"""https?://(?P<below>\*\.)?
        (?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\])
        (?::(?P<port>[1-9][0-9]{0,4}|\*))?""",
    re.VERBOSE,
)
_OTHER_ORIGIN = re.compile(r"(?!https?:)[a-z][a-z0-9+.\-]*://[^\s,*/?#@]*", re.ASCII)
_DEFAULT_PORTS = (("http://", ":80"), ("https://", ":443"))


def listed(values: Collection[str]) -> Collection[str]:
    """The values; a single string is one value, not its letters."""
    return (values,) if isinstance(values, str) else values


def tokens(kind: str, values: Collection[str]) -> tuple[str, ...]:
    """The names of methods or headers, checked (RFC 9110 §5.6.2)."""
    for value in (names := tuple(listed(values))):
        if not _TOKEN.fullmatch(value):
            raise ValueError(f"{value!r} is no name of a {kind}")
    return names


class OriginPatterns:
    """The origins of a configuration: `any`, `exact` names, and the rest as regular expressions."""

    def __init__(self, origins: Collection[str], regex: str | None) -> None:
        self.any = "*" in listed(origins)
        self.exact = frozenset(o for o in listed(origins) if o != "*" and checked_origin(o) and "*" not in o)
        patterns = [origin_pattern(origin) for origin in listed(origins) if origin != "*" and "*" in origin]
        self.regexes: Sequence[re.Pattern[str]] = tuple(
            map(_compiled, patterns if regex is None else [*patterns, regex])
        )

    def match(self, origin: str) -> bool:
        """Whether the origin is one of these, as a whole."""
        return self.any or origin in self.exact or any(regex.fullmatch(origin) for regex in self.regexes)


def checked_origin(origin: str) -> str:
    """The origin as browsers serialise it (RFC 6454 §6.2), or ValueError with what would never match."""
    if origin == "null" or _OTHER_ORIGIN.fullmatch(origin):
        return origin
    found = _WEB_ORIGIN.fullmatch(origin)
    if found is None or any(origin.startswith(scheme) and origin.endswith(port) for scheme, port in _DEFAULT_PORTS):
        raise ValueError(
            f"no browser sends the origin {origin!r}: it is scheme://host or scheme://host:port, in lower case ASCII, "
            "with no path, trailing slash or default port; *. before the host, :* after it and allow_origin_regex "
            "stand for several"
        )
    if (port := found["port"] or "*") != "*" and int(port) > 65535:
        raise ValueError(f"the port of {origin!r} is over 65535")
    return origin


def origin_pattern(origin: str) -> str:
    """The regular expression of an origin with `*.` or `:*` in it."""
    pattern = re.escape(checked_origin(origin))
    return pattern.replace(r"\*\.", r"(?:[a-z0-9_-]+\.)+").replace(r":\*", r"(?::[0-9]{1,5})?")


def _compiled(regex: str) -> re.Pattern[str]:
    try:
        return re.compile(regex)
    except re.error as exc:
        raise ValueError(f"allow_origin_regex {regex!r}: {exc}") from exc


def requested_headers(lines: Iterable[bytes]) -> tuple[list[str] | None, bytes]:
    """The lower-case names that Access-Control-Request-Headers asks for, None if malformed, and the value to echo.

    The list may be split over lines and have empty elements and optional whitespace (RFC 9110 §5.6.1).
    """
    value = b", ".join(lines)
    if len(value) > _MAX_REQUESTED:
        return None, b""
    text = value.decode("latin-1")
    names = [name for part in text.split(",") if (name := part.strip(" \t"))]
    if not all(_TOKEN.fullmatch(name) for name in names):
        return None, b""
    return [name.lower() for name in names], value if names else b""
