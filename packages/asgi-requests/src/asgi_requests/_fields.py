"""What may stand in a header field (RFC 9110 §5), checked where it is set."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_ENDS_A_FIELD = re.compile(r"[\r\n\0]").search


def encode_name(name: str) -> bytes:
    """The lower-case bytes of a header name; raises ValueError where it is no token (RFC 9110 §5.1)."""
    if _TOKEN(name) is None:
        raise ValueError(f"Invalid header name: {name!r}")
    return name.lower().encode("latin-1")


def encode_value(value: str) -> bytes:
    """The latin-1 bytes of a header value; raises ValueError for CR, LF or NUL (RFC 9110 §5.5)."""
    if _ENDS_A_FIELD(value) is not None:
        raise ValueError(f"Invalid header value, it contains CR, LF or NUL: {value!r}")
    return value.encode("latin-1")


def encode_field(name: str, value: str) -> tuple[bytes, bytes]:
    """A checked pair of bytes."""
    return encode_name(name), encode_value(value)


def merge_vary(present: Iterable[str], added: str) -> str:
    """One Vary value of all that is present and added, each name once, `*` alone if it is among them."""
    names: dict[str, str] = {}
    for value in (*present, added):
        for part in value.split(","):
            if name := part.strip(" \t"):
                names.setdefault(name.lower(), name)
    return "*" if "*" in names else ", ".join(names.values())
