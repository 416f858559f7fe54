"""Raw header pairs: looked up, joined and merged as RFC 9110 §5 has it, whatever case and container they come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

RawHeaders = Iterable[Sequence[bytes]]
"""Pairs of bytes, tuples or lists, in any iterable: what a scope or a message may carry."""


def first_value(headers: RawHeaders, name: bytes) -> bytes | None:
    """The first value of a header; `name` is given in lower case."""
    size = len(name)
    for key, value in headers:
        if len(key) == size and key.lower() == name:
            return value
    return None


def all_values(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Every value of a header, line by line, in order; `name` is given in lower case."""
    return [value for key, value in headers if key.lower() == name]


def without(headers: RawHeaders, *names: bytes) -> list[Sequence[bytes]]:
    """A new list without the headers of these lower-case names."""
    return [pair for pair in headers if pair[0].lower() not in names]


def merge_vary(headers: RawHeaders, *names: bytes) -> list[Sequence[bytes]]:
    """A new list whose one Vary line also holds `names`: no name twice in any case, `*` stays alone (RFC 9110 §12.5.5).

    A list without Vary gets the line at its end; several lines become one where the first of them stood.
    """
    merged: list[Sequence[bytes]] = []
    fields: dict[bytes, bytes] = {}
    place: int | None = None
    for pair in headers:
        if pair[0].lower() != b"vary":
            merged.append(pair)
            continue
        place = len(merged) if place is None else place
        for field in pair[1].split(b","):
            if field := field.strip(b" \t"):
                fields.setdefault(field.lower(), field)
    for field in names:
        fields.setdefault(field.lower(), field)
    value = b"*" if b"*" in fields else b", ".join(fields.values())
    merged.insert(len(merged) if place is None else place, (b"vary", value))
    return merged
