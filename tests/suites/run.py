"""Run the test suites of software written for Starlette on the drop-in, and compare with the lists in this folder.

    python tests/suites/run.py starlette                     Starlette's own suite
    python tests/suites/run.py fastapi                       FastAPI's, on Starlette and on the drop-in
    python tests/suites/run.py third-party [NAME ...]        the same for the packages of third-party.toml
    python tests/suites/run.py starlette tests/test_routing.py -k mount --tb=long     arguments for pytest

Exits with 1 where a test differs that is not listed, or one is listed that does not differ. Sources and environments
are kept in the folder `suites` of the environment that runs this.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from suites import environments, expectations, sdists
from suites.expectations import Outcomes, Verdict

HERE = Path(__file__).parent
CACHE = Path(sys.prefix) / "suites"
LISTS = ("starlette", "fastapi", "third-party")


def main() -> None:
    """Run what the command line names; exits with 1 where something is not as listed."""
    if len(sys.argv) < 2 or sys.argv[1] not in LISTS:
        sys.exit(__doc__)
    suites = expectations.read(HERE / f"{sys.argv[1]}.toml")["suites"]
    names, pytest_arguments = split(sys.argv[2:], suites)
    CACHE.mkdir(exist_ok=True)
    results = [run({"name": name, **suites[name]}, pytest_arguments) for name in names or suites]
    sys.exit(not all(results))


def split(arguments: Sequence[str], suites: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the names of suites at the beginning, and the arguments for pytest that follow."""
    names = list(takewhile(suites.__contains__, arguments))
    rest = list(arguments[len(names) :])
    if rest and not rest[0].startswith(("-", "tests")):
        sys.exit(f"{rest[0]!r} is neither one of {', '.join(suites)} nor an argument for pytest")
    return names, rest


def run(suite: Mapping[str, Any], pytest_arguments: list[str]) -> bool:
    """Run one suite, print how it compares with its list, and return whether it is as listed."""
    print(f"== {suite['name']} {suite['version']}", flush=True)
    if reason := suite.get("untested"):
        print(f"not run: {reason}")
        return True
    folder = sdists.unpacked(suite, CACHE)
    python = environments.python_for(suite, CACHE)
    after = environments.outcomes(suite, folder, python, pytest_arguments, drop_in=True)
    if suite.get("baseline", True):
        before = environments.outcomes(suite, folder, python, pytest_arguments, drop_in=False)
        found = expectations.changed(before, after)
    else:
        before = dict.fromkeys(after, ("passed", ""))
        found = expectations.failed(after)
    listed = expectations.differences(suite, sys.version_info[:2])
    verdict = expectations.compare(found, listed, {*before, *after}, whole=not pytest_arguments)
    return report(verdict, before, after)


def report(verdict: Verdict, before: Outcomes, after: Outcomes) -> bool:
    """Print a verdict, and return whether it is good."""
    for test in verdict.unlisted:
        was, (now, line) = before.get(test, ("missing", ""))[0], after.get(test, ("missing", ""))
        print(f"not listed: {test}\n    {was} on Starlette, {now} on the drop-in. {line}")
    for test in verdict.outdated:
        print(f"listed, but it does not differ: {test}")
    counts = [sum(outcome == kind for outcome, _ in after.values()) for kind in ("passed", "failed")]
    print(
        f"on the drop-in {counts[0]} passed, {counts[1]} failed; {len(verdict.listed)} differ as listed, "
        f"{len(verdict.unlisted)} are not listed, {len(verdict.outdated)} are listed in vain",
        flush=True,
    )
    return not verdict.unlisted and not verdict.outdated


if __name__ == "__main__":
    main()
