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
    distinct: dict[bytes, bytes] = {}
    for field in fields:
        distinct.setdefault(field.lower(), field)
    return b"*" if b"*" in distinct else b", ".join(distinct.values())
