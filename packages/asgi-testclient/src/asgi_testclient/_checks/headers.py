"""Lists of headers, read once: the names are looked up, not parsed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._texts import shown
from ..types import Message
from .base import Checks

__tracebackhide__ = True  # pytest shows the code of its reader instead

TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
FORBIDDEN = b"\r\n\0"
SPACE = b" \t"
CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding"})

UPPER, HOP, LENGTH, BROKEN, UPGRADE = 1, 2, 4, 8, 16
KINDS: dict[bytes, int] = {}
MOST_KINDS = 2048
LONGEST_KIND = 64
PAIRS = frozenset({tuple, list})


def check_headers(checks: Checks, message: Message, key: str = "headers") -> int | None:
    """Check a list of headers (E09, E10, E11, W01, W02, W04); return its Content-Length (E13), if it has one.

    A spent iterator is replaced in the message by what it gave.
    """
    headers = message.get(key, ())
    if type(headers) is not list or not PAIRS.issuperset(map(type, headers)):
        headers = _settle(checks, message, key)
    lengths: list[bytes] = []
    upper: list[bytes] = []
    for pair in headers:
        try:
            name, value = pair
        except (TypeError, ValueError):
            name = value = None
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            checks.flag("E09", f"a header is {shown(pair)} where a pair of bytes was expected")
            continue
        kind = KINDS.get(name)
        if kind is None:
            kind = _kind(name)
        if kind:
            if kind & LENGTH:
                lengths.append(value)
            if kind & UPPER:
                upper.append(name)
            _check_name(checks, kind, name)
        # Response splitting: recipients disagree about where such a value ends (RFC 9110 §5.5).
        if value.translate(None, FORBIDDEN) != value:
            checks.flag("E11", f"the value of {name!r} has a CR, LF or NUL: {shown(value)}")
        elif value.strip(SPACE) != value:
            checks.flag("W04", f"the value of {name!r} has space at its ends: {shown(value)}")
    if upper:
        checks.flag("W01", f"header names are not in lower case: {', '.join(map(repr, upper))}")
    return _content_length(checks, lengths) if lengths else None


def has_header(message: Message, wanted: bytes) -> bool:
    """Return whether a list of headers that `check_headers` has seen names this one."""
    headers = message.get("headers", ())
    for pair in headers if isinstance(headers, Iterable) else ():
        try:
            name, _ = pair
        except (TypeError, ValueError):
            continue
        if isinstance(name, bytes) and name.lower() == wanted:
            return True
    return False


def _settle(checks: Checks, message: Message, key: str) -> Any:
    headers = message.get(key, ())
    if isinstance(headers, (str, bytes)) or not hasattr(type(headers), "__iter__"):
        checks.flag("E09", f"{key!r} is {shown(headers)} where an iterable of pairs was expected")
        return ()
    if hasattr(headers, "__next__") or any(hasattr(pair, "__next__") for pair in headers):
        message[key] = headers = [tuple(pair) if hasattr(pair, "__next__") else pair for pair in headers]
    return headers


def _kind(name: bytes) -> int:
    lower = name.lower()
    kind = UPPER * (lower != name) | LENGTH * (lower == b"content-length") | HOP * (lower in CONNECTION)
    kind |= UPGRADE * (lower == b"upgrade")
    if not name or name.translate(None, TOKEN):
        kind = BROKEN
    # Bounded in entries and in bytes: an application may send names that it has from clients.
    if len(KINDS) < MOST_KINDS and len(name) <= LONGEST_KIND:
        KINDS[name] = kind
    return kind


def _check_name(checks: Checks, kind: int, name: bytes) -> None:
    if kind & BROKEN:
        checks.flag("E10", f"{shown(name)} is not a header name")
    elif kind & (HOP | UPGRADE) and checks.multiplexed:
        checks.flag("E31", f"the application sent {name!r} over HTTP/2, where it makes the response malformed")
    elif kind & HOP:
        checks.flag("W02", f"the application sent {name!r}, which is for the server to say")


def _content_length(checks: Checks, lengths: list[bytes]) -> int | None:
    if len(set(lengths)) > 1:
        checks.flag("E13", f"several Content-Lengths were sent: {', '.join(map(repr, lengths))}")
        return None
    # Not int(), which takes +5 and 1_0: a proxy would find the end of the body elsewhere (RFC 9112 §6.3).
    if not lengths[0].isdigit():
        checks.flag("E13", f"the Content-Length is {shown(lengths[0])} where digits were expected")
        return None
    return int(lengths[0])
