"""Functions on raw header pairs: lookup, merging, and encoding with the checks of RFC 9110 §5."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

RawHeaders = Iterable[Sequence[bytes]]
"""Pairs of bytes, as tuples or lists, in any iterable, as a scope or a message may have them."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110 §5.6.2), to match with `fullmatch`."""

# Everything but a tab: a line break splits the response (CWE-113), and servers fail on other control characters.
_INVALID_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def first_value(headers: RawHeaders, name: bytes) -> bytes | None:
    """Return the first value of a header, or None; `name` is in lower case."""
    # ASGI requires lower case only of request headers; Django sends `Content-Type`. The length rules most names out.
    size = len(name)
    for key, value in headers:
        if len(key) == size and (key == name or key.lower() == name):
            return value
    return None


def all_values(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Return every value of a header, line by line, in order; `name` is in lower case."""
    size = len(name)
    return [value for key, value in headers if len(key) == size and key.lower() == name]


def reader_of(*names: bytes) -> Callable[[RawHeaders], dict[bytes, list[bytes]]]:
    """Return a function that finds every value of some headers in one walk; `names` are in lower case.

    The values of each header that is present are in the order of their lines.
    """
    wanted, sizes = frozenset(names), frozenset(map(len, names))

    def read(headers: RawHeaders) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for key, value in headers:
            if len(key) in sizes and (name := key.lower()) in wanted:
                found.setdefault(name, []).append(value)
        return found

    return read


def without(headers: RawHeaders, *names: bytes) -> list[Sequence[bytes]]:
    """Return a new list without the headers of these lower-case names."""
    return [pair for pair in headers if pair[0].lower() not in names]


def encode_name(name: str) -> bytes:
    """Return a header name in lower case. Raises ValueError for a name that is not a token (RFC 9110 §5.1)."""
    if not isinstance(name, str):
        raise TypeError(f"a header name must be a str, not {name!r}")
    if not TOKEN.fullmatch(name):
        raise ValueError(f"invalid header name: {name!r}")
    return name.lower().encode("latin-1")


def encode_value(name: str, value: str) -> bytes:
    """Return the value of header `name` as bytes.

    Raises ValueError for control characters (RFC 9110 §5.5) and for text that is not latin-1.
    """
    if not isinstance(value, str):
        raise TypeError(f"the value of header {name!r} must be a str, not {value!r}")
    if _INVALID_IN_VALUES.search(value):
        raise ValueError(f"the value of header {name!r} has a control character: {value!r}")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as exc:
        raise ValueError(f"the value of header {name!r} has characters outside latin-1: {value!r}") from exc


def merge_vary(headers: RawHeaders, *names: bytes) -> list[Sequence[bytes]]:
    """Return a new list with a single Vary line that includes `names`.

    Names are unique regardless of case, and `*` stays alone (RFC 9110 §12.5.5). A list without Vary gets the line at
    its end; several lines become one at the position of the first.
    """
    pairs = list(headers)
    for key, _ in pairs:
        if len(key) == 4 and key.lower() == b"vary":
            return _with_one_vary(pairs, names)
    pairs.append((b"vary", names[0] if len(names) == 1 else _listed_once(names)))
    return pairs


def _with_one_vary(pairs: list[Sequence[bytes]], names: Iterable[bytes]) -> list[Sequence[bytes]]:
    lines = [i for i, pair in enumerate(pairs) if pair[0].lower() == b"vary"]
    fields = [stripped for i in lines for field in pairs[i][1].split(b",") if (stripped := field.strip(b" \t"))]
    pairs[lines[0]] = (b"vary", _listed_once([*fields, *names]))
    for i in reversed(lines[1:]):
        del pairs[i]
    return pairs


def _listed_once(fields: Iterable[bytes]) -> bytes:
    # Field names are case-insensitive; the application's spelling stays.
    distinct: dict[bytes, bytes] = {}
    for field in fields:
        distinct.setdefault(field.lower(), field)
    return b"*" if b"*" in distinct else b", ".join(distinct.values())
