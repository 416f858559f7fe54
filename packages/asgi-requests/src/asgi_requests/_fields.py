"""Header fields as pairs of bytes: found in a list, and checked where they are set (RFC 9110 §5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .types import Scope

RawHeaders = list[tuple[bytes, bytes]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_ENDS_A_FIELD = re.compile(r"[\r\n\0]").search


LENGTHS = [(b"content-length", b"%d" % size) for size in range(1024)]
"""The Content-Length fields of what is small."""


class _Names(dict[str, bytes]):
    """Names as a scope spells them, remembered: a program asks for few, and for those again and again."""

    def __missing__(self, key: str) -> bytes:
        name = key.lower().encode("latin-1", "replace")
        if len(self) < 256 and len(key) < 64:
            self[key] = name
        return name


NAMES = _Names()


def encode_name(name: str) -> bytes:
    """The lower-case bytes of a header name; raises ValueError where it is no token (RFC 9110 §5.1)."""
    if _TOKEN(name) is None:
        raise ValueError(f"Invalid header name: {name!r}")
    return name.lower().encode("latin-1")


def encode_value(value: str) -> bytes:
    """The latin-1 bytes of a header value; raises ValueError for CR, LF or NUL (RFC 9110 §5.5)."""
    refuse_line_breaks(value)
    return value.encode("latin-1")


def encode_field(name: str, value: str) -> tuple[bytes, bytes]:
    """A checked pair of bytes."""
    return encode_name(name), encode_value(value)


def refuse_line_breaks(value: str) -> None:
    """Raise ValueError for what would end a header field and begin another."""
    if _ENDS_A_FIELD(value) is not None:
        raise ValueError(f"Invalid header value, it contains CR, LF or NUL: {value!r}")


def scope_headers(scope: Scope) -> RawHeaders:
    """The headers of a scope as a list; what can be iterated only once is put back as that list."""
    headers = scope.get("headers", ())
    if type(headers) is list:
        return headers
    pairs = [(name, value) for name, value in headers]
    if not isinstance(headers, tuple):
        scope["headers"] = pairs
    return pairs


def find_any_case(headers: RawHeaders, name: bytes) -> bytes | None:
    """The first value of a lower-case name, however it is spelt: not every server sends what ASGI promises."""
    size = len(name)
    for field, value in headers:
        if len(field) == size and field.lower() == name:
            return value
    return None


def find_all(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Every value of a lower-case name."""
    size = len(name)
    return [value for field, value in headers if len(field) == size and field.lower() == name]


def merge_vary(present: Iterable[str], added: str) -> str:
    """One Vary value of all that is present and added, each name once, `*` alone if it is among them."""
    names: dict[str, str] = {}
    for value in (*present, added):
        for part in value.split(","):
            if name := part.strip(" \t"):
                names.setdefault(name.lower(), name)
    return "*" if "*" in names else ", ".join(names.values())
