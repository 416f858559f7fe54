"""Does a regular expression match in linear time? Asked of the expression itself, not of a clock.

    assert superlinear(re.compile(r"[ \\t]*([0-9]*)[ \\t]*-"), "fullmatch") is not None

A backtracking engine tries every way in which the text so far can be matched before it gives up. There are few ways,
whatever the length of the text, unless the automaton has two loops that read the same text and lead into one another
(the ways are as many as the places to change over: n², or n³ with three loops), or one loop that reads the same text
in two ways (2ⁿ). Both are properties of the automaton of positions (Glushkov, 1961; the criteria are those of Weber
and Seidl, 1991), and are looked for in products of it with itself.

What is not regular is treated as the worst that it can be: a backreference is refused, the inside of a look-around is
checked by itself and must be short, a long bounded repeat counts as an unbounded one.
"""

from __future__ import annotations

import re
import re._constants as op
import re._parser as parser  # type: ignore[import-not-found]
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST_COPIED = 64
"""Bounded repeats up to this many times are copied; longer ones count as unbounded."""
SYMBOLS = [chr(code) for code in range(256)] + ["ſ", "K", "İ", "ı", "٣", "Ω", "中", "\u2028", "\u3002", "😀", "\ud800"]
"""The characters that are distinguished: all of latin-1, and one for each kind of other character that there is."""
BEGIN, END = "<begin>", "<end>"
"""What `^` and `$` read: it stands once in a text, so that no repeat can."""
_ANCHORS = {op.AT_BEGINNING: BEGIN, op.AT_BEGINNING_STRING: BEGIN, op.AT_END: END, op.AT_END_STRING: END}
SEARCHING = frozenset({"search", "sub", "subn", "split", "findall", "finditer"})


@dataclass
class Part:
    """A piece of an expression: may it be empty, and which positions it can begin and end with."""

    nullable: bool
    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)


class Automaton:
    """The positions of an expression: which symbols each reads, and which can follow it, in how many ways."""

    def __init__(self, pattern: re.Pattern[Any], method: str) -> None:
        self.flags = pattern.flags
        self.is_bytes = isinstance(pattern.pattern, bytes)
        self.reads: list[frozenset[str]] = []
        self.follow: list[Counter[int]] = []
        self.method = method
        self.doubts: list[str] = []
        self._depth = 0
        self._known: dict[tuple[str, str, int], frozenset[str]] = {}
        tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        whole = self._sequence(tree)
        if method in SEARCHING:
            whole = self._join(self._star(self._symbol(frozenset(SYMBOLS))), whole)
        if method != "fullmatch":
            # An end has been found there, wherever the text goes on: nothing is tried again.
            for position in whole.last:
                self.reads[position] = frozenset()

    def _symbol(self, symbols: frozenset[str]) -> Part:
        self.reads.append(symbols)
        self.follow.append(Counter())
        position = len(self.reads) - 1
        return Part(False, Counter([position]), Counter([position]))

    def _join(self, left: Part, right: Part) -> Part:
        self._connect(left.last, right.first)
        return Part(
            left.nullable and right.nullable,
            left.first + right.first if left.nullable else left.first,
            left.last + right.last if right.nullable else right.last,
        )

    def _connect(self, last: Counter[int], first: Counter[int]) -> None:
        for position in last:
            for following in first:
                self.follow[position][following] += last[position] * first[following]

    def _star(self, part: Part) -> Part:
        self._connect(part.last, part.first)
        return Part(True, part.first, part.last)

    def _sequence(self, tree: Iterable[tuple[Any, Any]]) -> Part:
        whole = Part(True)
        for kind, value in tree:
            whole = self._join(whole, self._item(kind, value))
        return whole

    def _item(self, kind: Any, value: Any) -> Part:
        if kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN, op.CATEGORY):
            return self._symbol(self._symbols(kind, value))
        if kind is op.BRANCH:
            parts = [self._sequence(branch) for branch in value[1]]
            first: Counter[int] = sum((part.first for part in parts), Counter())
            last: Counter[int] = sum((part.last for part in parts), Counter())
            return Part(any(part.nullable for part in parts), first, last)
        if kind is op.SUBPATTERN:
            _, added, removed, tree = value
            outer, self.flags = self.flags, (self.flags | added) & ~removed
            part = self._sequence(tree)
            self.flags = outer
            return part
        if kind is op.ATOMIC_GROUP:
            return self._sequence(value)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeat(*value)
        if kind is op.AT and not self.flags & re.MULTILINE and value in _ANCHORS:
            return self._symbol(frozenset({_ANCHORS[value]}))
        if kind is op.AT:
            return Part(True)
        if kind in (op.ASSERT, op.ASSERT_NOT):
            return self._look(value[1])
        self.doubts.append(f"{kind} is not regular")
        return Part(True)

    def _look(self, tree: Any) -> Part:
        """Look around from a place that is come to once: what is read there is as if read on the way."""
        if tree.getwidth()[1] > LONGEST_COPIED:
            if self.method in SEARCHING or self._depth:
                self.doubts.append("a look-around of more than a few characters, from many places")
            self._sequence(tree)
        return Part(True)

    def _repeat(self, least: int, most: int, tree: Any) -> Part:
        unbounded = most is op.MAXREPEAT or most > LONGEST_COPIED
        whole = Part(True)
        for _ in range(min(least, LONGEST_COPIED)):
            whole = self._join(whole, self._sequence(tree))
        if unbounded:
            self._depth += 1
            repeated = self._star(self._sequence(tree))
            self._depth -= 1
            return self._join(whole, repeated)
        tail = Part(True)
        for _ in range(most - least):
            inner = self._join(self._sequence(tree), tail)
            tail = Part(True, inner.first, inner.last)
        return self._join(whole, tail)

    def _symbols(self, kind: Any, value: Any) -> frozenset[str]:
        key = str(kind), str(value), self.flags
        if key not in self._known:
            alphabet = SYMBOLS[:256] if self.is_bytes else SYMBOLS
            self._known[key] = frozenset(symbol for symbol in alphabet if self._matches(kind, value, symbol))
        return self._known[key]

    def _matches(self, kind: Any, value: Any, symbol: str) -> bool:
        if kind is op.ANY:
            return symbol != "\n" or bool(self.flags & re.DOTALL)
        spellings = {symbol, symbol.lower(), symbol.upper()} if self.flags & re.IGNORECASE else {symbol}
        if kind is op.NOT_LITERAL:
            return not any(self._is(op.LITERAL, value, spelling) for spelling in spellings)
        if kind is not op.IN:
            return any(self._is(kind, value, spelling) for spelling in spellings)
        negated = value[0][0] is op.NEGATE
        items = value[1:] if negated else value
        return negated != any(self._is(k, v, spelling) for k, v in items for spelling in spellings)

    def _is(self, kind: Any, value: Any, symbol: str) -> bool:
        if len(symbol) != 1:
            return False
        if kind is op.LITERAL:
            return ord(symbol) == value
        if kind is op.RANGE:
            return value[0] <= ord(symbol) <= value[1]
        letter = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}[str(value).rpartition("_")[2]]
        within = re.match(letter, symbol, self.flags & re.ASCII | (re.ASCII if self.is_bytes else 0)) is not None
        return within != ("NOT" in str(value))


def superlinear(pattern: re.Pattern[Any], method: str) -> str | None:
    """Return why `pattern.method()` may take more than linear time, or None where it cannot."""
    automaton = Automaton(pattern, method)
    if automaton.doubts:
        return automaton.doubts[0]
    component = _components([_read(automaton, following) for following in automaton.follow])
    for position, following in enumerate(automaton.follow):
        for target, ways in following.items():
            if ways > 1 and automaton.reads[target] and component[position] == component[target] != -1:
                return f"a repeat inside a repeat: {_shown(automaton.reads[target])} is read in two ways"
    loops = [position for position in range(len(automaton.reads)) if component[position] != -1]
    for p in loops:
        for q in loops:
            if p != q and automaton.reads[p] & automaton.reads[q] and _leads_into(automaton, component, p, q):
                return f"two repeats read the same text: {_shown(automaton.reads[p] & automaton.reads[q])}"
    return None


def _read(automaton: Automaton, following: Counter[int]) -> Counter[int]:
    return Counter({target: ways for target, ways in following.items() if automaton.reads[target]})


def _leads_into(automaton: Automaton, component: list[int], p: int, q: int) -> bool:
    """Return whether some text leads from p to p, from p to q, and from q to q, at once.

    It is looked for from (p, p, q) to (p, q, q) in the product of the automaton with itself and itself.
    """
    begin, end = (p, p, q), (p, q, q)
    seen, stack = {begin}, [begin]
    while stack:
        for state in _steps(automaton, component, stack.pop(), component[p], component[q]):
            if state == end:
                return True
            if state not in seen:
                seen.add(state)
                stack.append(state)
    return False


def _steps(
    automaton: Automaton, component: list[int], state: tuple[int, int, int], first: int, last: int
) -> Iterator[tuple[int, int, int]]:
    reads, follow = automaton.reads, automaton.follow
    for a in follow[state[0]]:
        if component[a] != first:
            continue
        for c in follow[state[2]]:
            if component[c] != last or not (common := reads[a] & reads[c]):
                continue
            for b in follow[state[1]]:
                if common & reads[b]:
                    yield a, b, c


def _components(follow: list[Counter[int]]) -> list[int]:
    """Return the strongly connected component of each position, -1 for a position that is on no loop."""
    reachable = [_reachable(follow, position) for position in range(len(follow))]
    component = [-1] * len(follow)
    for position, reached in enumerate(reachable):
        if position in reached:
            component[position] = min(other for other in reached if position in reachable[other])
    return component


def _reachable(follow: list[Counter[int]], position: int) -> set[int]:
    seen: set[int] = set()
    stack = [position]
    while stack:
        for following in follow[stack.pop()]:
            if following not in seen:
                seen.add(following)
                stack.append(following)
    return seen


def _shown(symbols: frozenset[str]) -> str:
    some = sorted(symbols)
    return ", ".join(map(repr, some[:5])) + (", ..." if len(some) > 5 else "")
