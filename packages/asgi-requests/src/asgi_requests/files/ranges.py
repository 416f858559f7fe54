"""The Range header and the bodies that answer it (RFC 9110 §14)."""

from __future__ import annotations

import re

# Matched against a spec without its surrounding blanks: with blanks on both sides of an optional number a spec that
# lacks its "-" would take quadratic time, and any client may send one.
_SPEC = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)", re.ASCII).fullmatch
# No file size has more digits; int() refuses thousands of them.
_MAX_DIGITS = 20


class MalformedRangeHeader(Exception):
    """A Range header without any range; `content` is the text of the response (400)."""

    def __init__(self, content: str = "Malformed range header.") -> None:
        super().__init__(content)
        self.content = content


class RangeNotSatisfiable(Exception):
    """No byte of the ranges is within the `max_size` bytes of the file (416)."""

    def __init__(self, max_size: int) -> None:
        super().__init__(max_size)
        self.max_size = max_size


def parse_range_header(value: str, size: int, max_ranges: int = 100) -> list[tuple[int, int]]:
    """Return the `(start, end)` byte ranges requested of `size` bytes, `end` exclusive, sorted, adjacent ones joined.

    The list is empty where the header is to be ignored: another unit (RFC 9110 §14.2), more than `max_ranges`, or a
    file without bytes, whose readers ask for `bytes=0-` and expect the whole of nothing. Raises MalformedRangeHeader,
    and RangeNotSatisfiable where no range has a byte.
    """
    unit, equals, specs = value.partition("=")
    if not equals:
        raise MalformedRangeHeader()
    if unit.strip(" \t").lower() != "bytes":
        return []
    requested = [stripped for spec in specs.split(",") if (stripped := spec.strip(" \t"))]
    if len(requested) > max_ranges:
        return []
    found = [match.groups() for spec in requested if (match := _SPEC(spec)) and spec != "-"]
    if not found:
        raise MalformedRangeHeader("Range header: range must be requested")
    ranges = _join(sorted(filter(None, (_resolve(first, last, size) for first, last in found))))
    if not ranges and size:
        raise RangeNotSatisfiable(size)
    return ranges


def _resolve(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return a range cut to `size` bytes, or None outside of them; without a first byte it is the last bytes."""
    if not first:
        start, end = max(0, size - _number(last)), size
    else:
        start, end = _number(first), _number(last) + 1 if last else size
        if last and start >= end:
            raise MalformedRangeHeader("Range header: start must be less than end")
    return (start, min(end, size)) if start < size else None


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _join(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def part_header(boundary: str, content_type: str, start: int, end: int, size: int) -> bytes:
    """Return what precedes one part of a multipart/byteranges body (RFC 9110 §14.6)."""
    return (
        f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {start}-{end - 1}/{size}\r\n\r\n"
    ).encode("latin-1")
