"""Split a text at the literals of a template in time that grows with the text, not with a power of it.

A template such as `{name}.{ext}` is ambiguous: only the text decides where a parameter ends. A regular expression
tries every place for the first parameter and, for each, every place for the next: with n parameters that is the n-th
power of a length that clients choose (2,000 dashes for `{a}-{b}-{c}` took 20 seconds). Here the places where a
parameter may end are found from the right, once for each parameter.

Rule: the answer is the regular expression's. Each parameter, from the left, takes as much as the rest can spare.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

MOST_ATTEMPTS = 256
"""The number of attempts of a custom convertor's regular expression for one parameter of one path."""

_NONE = -1
_REPEATED = r"(\[\^?\]?(?:\\.|[^\\\]])*\]|\\[dDwWsS]|\.|\(\?s:\.)(?:([+*])|\{(\d+)(,)?(\d*)\})(\))?"
_FLOAT = r"[0-9]+(\.[0-9]+)?"
_UUID = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"


class Cursor(Protocol):
    """One parameter over one text; each start that it is asked for is smaller than the one before."""

    reach: int

    def last_end(self, start: int, ends: Sequence[int]) -> int:
        """Return the last of `ends`, sorted, where a value that begins at `start` may end, or -1.

        Where nothing that begins at `start` or before it gets as far as the first of `ends`, `reach` is below it.
        """
        ...


class Span(NamedTuple):
    """The ends that a parameter may have: a cursor for each text, and whether a literal behind it leaves only one."""

    cursor: Callable[[str], Cursor]
    stops_before: Callable[[str], bool]


def span_of(regex: str, flags: int = 0) -> Span:
    """Return the span of a convertor's regular expression."""
    if regex == _FLOAT:
        return Span(_FloatCursor, lambda literal: bool(literal) and literal[0] not in ".0123456789")
    if regex == _UUID:  # of a fixed length but for its hyphens, which the text decides: one end for each start
        return Span(partial(_OwnCursor, re.compile(regex, flags), 0), lambda literal: True)
    found = re.fullmatch(_REPEATED, regex)
    if found is None or (found[1].startswith("(")) is not bool(found[6]):
        return Span(partial(_OwnCursor, re.compile(regex, flags), MOST_ATTEMPTS), lambda literal: False)
    kind = found[1] + (found[6] or "")
    least = int(found[3]) if found[3] else int(found[2] == "+")
    most = None if found[2] or (found[4] and not found[5]) else int(found[5] or found[3])
    one = re.compile(kind, flags)
    return Span(
        partial(_RunCursor, re.compile(f"{kind}*", flags), least, most),
        lambda literal: least == most or (bool(literal) and one.match(literal) is None),
    )


class Splitter:
    """The values between the literals of a template."""

    def __init__(self, literals: Sequence[str], spans: Sequence[Span]) -> None:
        self._first, *self._between, self._last = literals
        self._spans = spans

    def split(self, text: str) -> list[str] | None:
        """Return the texts of the parameters, or None if the text does not match."""
        place, end = len(self._first), len(text) - len(self._last)
        if place > end or not (text.startswith(self._first) and text.endswith(self._last)):
            return None
        # From the right: for each parameter the places where it may begin, which are the ends of the one before it.
        ends = [end]
        choices: list[dict[int, int]] = []
        for span, literal in zip(self._spans[:0:-1], reversed(self._between), strict=True):
            choice = _choose(text, literal, place, span.cursor(text), ends)
            if not choice:
                return None
            choices.append(choice)
            ends = [start - len(literal) for start in reversed(choice)]
        choices.append({place: self._spans[0].cursor(text).last_end(place, ends)})
        if choices[-1][place] == _NONE:
            return None
        # From the left: each parameter has its longest end, as a greedy regular expression would choose.
        texts = []
        for literal in (*self._between, ""):
            end = choices.pop()[place]
            texts.append(text[place:end])
            place = end + len(literal)
        return texts


class SegmentSplitter:
    """The values between the literals of one segment all of whose parameters are `str`, such as `{name}.{ext}`.

    Whatever stands between two literals is a value then, so the last place of each literal, from the right, is right.
    """

    def __init__(self, literals: Sequence[str]) -> None:
        self._first, *between, self._last = literals
        self._between = [(literal, len(literal)) for literal in reversed(between)]
        self._low = len(self._first)

    def split(self, text: str) -> list[str] | None:
        """Return the texts of the parameters, or None if the text does not match."""
        low, end = self._low, len(text) - len(self._last)
        if end <= low or "/" in text or not (text.startswith(self._first) and text.endswith(self._last)):
            return None
        texts = []
        for literal, size in self._between:
            place = text.rfind(literal, low + 1, end - 1) if end > low + 1 else _NONE
            if place == _NONE:
                return None
            texts.append(text[place + size : end])
            end = place
        texts.append(text[low:end])
        texts.reverse()
        return texts


def _choose(text: str, literal: str, low: int, cursor: Cursor, ends: Sequence[int]) -> dict[int, int]:
    """Return where a parameter behind `literal` can begin and, for each such place from the right, where it ends."""
    choice = {}
    place = text.rfind(literal, low, ends[-1])
    while place >= low:
        start = place + len(literal)
        end = cursor.last_end(start, ends)
        if end != _NONE:
            choice[start] = end
        elif cursor.reach < ends[0]:
            break  # no earlier start gets farther: this is what keeps the whole linear
        high = start - 1
        place = text.rfind(literal, low, high) if high >= low else _NONE
    return choice


def _last(ends: Sequence[int], least: int, most: int) -> int:
    """Return the last of `ends` from `least` to `most`, or -1."""
    place = bisect_right(ends, most) - 1
    return ends[place] if place >= 0 and ends[place] >= least else _NONE


class _RunCursor:
    """A run of characters of one class, such as `[^/]+` or `[0-9]{2,4}`."""

    def __init__(self, run: re.Pattern[str], least: int, most: int | None, text: str) -> None:
        self.reach = len(text)
        self._text = text
        self._match = run.match
        self._least = least
        self._most = most
        self._start = self._end = len(text)  # the run that is known

    def last_end(self, start: int, ends: Sequence[int]) -> int:
        self._end = _run_end(self._match(self._text, start, self._start), self._start, self._end)
        self._start = start
        self.reach = self._end if self._most is None else min(self._end, start + self._most)
        return _last(ends, start + self._least, self.reach)


class _FloatCursor:
    """Digits, and perhaps a point and more digits."""

    _match = re.compile("[0-9]*").match

    def __init__(self, text: str) -> None:
        self.reach = len(text)
        self._text = text
        self._start = self._end = self._point = self._fraction = len(text)

    def last_end(self, start: int, ends: Sequence[int]) -> int:
        self._end = _run_end(self._match(self._text, start, self._start), self._start, self._end)
        self._start = start
        if self._end == start:
            return _NONE
        if self._end != self._point:
            self._point = self._end
            self._fraction = self._fraction_end(self._point)
        end = _last(ends, self._point + 2, self._fraction)
        return _last(ends, start + 1, self._point) if end == _NONE else end

    def _fraction_end(self, point: int) -> int:
        found = self._match(self._text, point + 1) if self._text.startswith(".", point) else None
        return point if found is None else found.end()


class _OwnCursor:
    """Any other regular expression: the end that it prefers, else the longest of those it takes, within limits."""

    def __init__(self, pattern: re.Pattern[str], attempts: int, text: str) -> None:
        self.reach = len(text)
        self._text = text
        self._pattern = pattern
        self._attempts = attempts
        self._once = not attempts  # a value has one length only

    def last_end(self, start: int, ends: Sequence[int]) -> int:
        if not self._once and self._attempts <= 0:
            return _NONE
        self._attempts -= 1
        preferred = self._pattern.match(self._text, start)
        if preferred is None:
            return _NONE
        place = bisect_left(ends, preferred.end())
        if place < len(ends) and ends[place] == preferred.end():
            return preferred.end()
        # The expression's own preference leads nowhere here: try the others, within the limit that bounds an attack.
        for end in reversed(ends):
            self._attempts -= 1
            if end < start or self._attempts < 0:
                break
            if self._pattern.fullmatch(self._text, start, end) is not None:
                return end
        return _NONE


def _run_end(found: re.Match[str] | None, known_start: int, known_end: int) -> int:
    """Return where a run ends that was looked for up to the run that is known: a run is never read twice."""
    end = known_start if found is None else found.end()
    return known_end if end == known_start else end
