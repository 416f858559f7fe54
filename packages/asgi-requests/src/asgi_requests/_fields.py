"""Header fields as pairs of bytes: look them up in a list, check them where they are set (RFC 9110 §5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .types import Scope

RawHeaders = list[tuple[bytes, bytes]]

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
"""Match a token: the grammar of header names, methods and cookie names (RFC 9110 §5.6.2)."""

# A tab is allowed, and so are the bytes above ASCII (obs-text, RFC 9110 §5.5).
_INVALID_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search

WITHOUT_BODY = frozenset({*range(100, 200), 204, 205, 304})
"""The statuses whose responses never have a body (RFC 9110 §6.4.1, §15.3.6)."""


LENGTHS = tuple((b"content-length", b"%d" % size) for size in range(1024))
"""The Content-Length field of each small body, by its size."""


def length_field(size: int) -> tuple[bytes, bytes]:
    """Return the Content-Length field of a body of that size."""
    return LENGTHS[size] if size < len(LENGTHS) else (b"content-length", b"%d" % size)


class _Names(dict[str, bytes]):
    """A bounded cache of header names in the spelling of a scope."""

    def __missing__(self, key: str) -> bytes:
        name = key.lower().encode("latin-1", "replace")
        # Programs look up names that come from clients: the table must not grow forever.
        if len(self) < 256 and len(key) < 64:
            self[key] = name
        return name


NAMES = _Names()


def encode_name(name: str) -> bytes:
    """Return the lower-case bytes of a header name; raises ValueError unless it is a token (RFC 9110 §5.1)."""
    if not isinstance(name, str):
        raise TypeError(f"A header name is a str, not {type(name).__name__}: {name!r}")
    if TOKEN(name) is None:
        raise ValueError(f"Invalid header name: {name!r}")
    return name.lower().encode("latin-1")


def encode_value(value: str, name: str = "") -> bytes:
    """Return the latin-1 bytes of a header value; raises ValueError for control characters (RFC 9110 §5.5)."""
    if not isinstance(value, str):
        raise TypeError(f"The value of a header is a str, not {type(value).__name__}: {name}: {value!r}")
    refuse_control_characters(value)
    return value.encode("latin-1")


def encode_field(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a name and a value as a checked pair of bytes."""
    return encode_name(name), encode_value(value, name)


def refuse_control_characters(value: str) -> None:
    """Raise ValueError for control characters: CR, LF and NUL would let a value start another header."""
    if _INVALID_IN_VALUES(value) is not None:
        raise ValueError(f"Invalid header value, it contains a control character such as CR, LF or NUL: {value!r}")


def scope_headers(scope: Scope) -> RawHeaders:
    """Return the headers of a scope as a list; an iterator is replaced by that list in the scope."""
    headers = scope.get("headers", ())
    if type(headers) is list:
        return headers
    # Any iterable of pairs is valid ASGI; servers and test clients pass tuples and lists of lists.
    pairs = [(name, value) for name, value in headers]
    if not isinstance(headers, tuple):
        scope["headers"] = pairs
    return pairs


def find_any_case(headers: RawHeaders, name: bytes) -> bytes | None:
    """Return the first value of a lower-case name; its spelling may vary, as some servers do not lower-case names."""
    size = len(name)
    for field, value in headers:
        if len(field) == size and field.lower() == name:
            return value
    return None


def find_all(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Return every value of a lower-case name."""
    size = len(name)
    return [value for field, value in headers if len(field) == size and field.lower() == name]


def merge_vary(present: Iterable[str], added: str) -> str:
    """Return one Vary value of all names present and added, each once, or `*` alone if it is among them."""
    names: dict[str, str] = {}
    for value in (*present, added):
        for part in value.split(","):
            if name := part.strip(" \t"):
                names.setdefault(name.lower(), name)
    return "*" if "*" in names else ", ".join(names.values())


def framed_without_body(status: int, headers: RawHeaders) -> RawHeaders:
    """Return the headers of a response that has no body: its status may have been set after the headers were.

    A 304 may carry the length that the 200 would have; 1xx and 204 carry none, and a 205 is empty (RFC 9110 §8.6,
    §15.3.6).
    """
    if status == 304:
        return [*headers]
    kept = [field for field in headers if field[0] != b"content-length"]
    return [*kept, LENGTHS[0]] if status == 205 else kept
