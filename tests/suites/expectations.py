"""The lists of tests that are expected to differ, and their comparison with what happened.

A list is a TOML file with entries of this form. A name without brackets stands for all parameters of a test.

    [[differs]]
    tests = ["tests/test_ranges.py::test_unit", "tests/test_ranges.py::test_other[asyncio]"]
    reason = "A Range in another unit than bytes is ignored."
    clause = "RFC 9110 §14.2"
    page = "ranges"

`clause` is what the difference rests on, if a standard speaks of it. `page` is the heading, as an anchor, under which
docs/differences-from-starlette.md tells users of it; without one the difference cannot be seen by a program. An entry
with `below = "3.14"` holds on older Pythons alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Outcomes = Mapping[str, tuple[str, str]]
"""By the id of a test, its outcome and one line of why it failed."""


@dataclass(frozen=True)
class Difference:
    """Some tests that have one reason to differ."""

    tests: tuple[str, ...]
    reason: str
    clause: str = ""
    page: str = ""
    below: str = ""

    def holds(self, version: tuple[int, ...]) -> bool:
        """Return whether the tests differ on this version of Python."""
        return not self.below or version < tuple(int(part) for part in self.below.split("."))


@dataclass(frozen=True)
class Verdict:
    """Tests that differ and are not listed, and names that are listed and do not differ."""

    unlisted: tuple[str, ...]
    outdated: tuple[str, ...]
    listed: tuple[str, ...]


def read(path: Path) -> dict[str, Any]:
    """Return a list as it stands in its file."""
    return tomllib.loads(path.read_text("utf-8"))


def differences(table: Mapping[str, Any], version: tuple[int, ...] | None = None) -> list[Difference]:
    """Return the entries of a list, or those for a version of Python; raises TypeError for an unknown key."""
    entries = [Difference(**{**entry, "tests": tuple(entry["tests"])}) for entry in table.get("differs", ())]
    return [entry for entry in entries if version is None or entry.holds(version)]


def failed(outcomes: Outcomes) -> set[str]:
    """Return the tests that did not pass."""
    return {test for test, (outcome, _) in outcomes.items() if outcome == "failed"}


def changed(before: Outcomes, after: Outcomes) -> set[str]:
    """Return the tests of either run whose outcome is not the same in both."""
    missing = ("missing", "")
    return {test for test in {*before, *after} if before.get(test, missing)[0] != after.get(test, missing)[0]}


def compare(found: set[str], listed: Iterable[Difference], ran: Iterable[str], *, whole: bool = True) -> Verdict:
    """Compare the tests that differ with the list; one that did not run is outdated where the suite ran as a whole."""
    ran = set(ran)
    expected: set[str] = set()
    outdated: list[str] = []
    for name in (name for entry in listed for name in entry.tests):
        tests = {test for test in ran if test == name or ("[" not in name and test.startswith(f"{name}["))}
        expected |= tests
        outdated += sorted(tests - found)
        if whole and not tests:
            outdated.append(name)
    return Verdict(tuple(sorted(found - expected)), tuple(outdated), tuple(sorted(found & expected)))
