"""The suites of other packages: the lists of what differs, their comparison, and what a run writes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import pytest

from suites import expectations, run, sdists
from suites.expectations import Difference, Verdict, compare

HERE = Path(__file__).parent
LISTS = {name: expectations.read(HERE / f"{name}.toml")["suites"] for name in run.LISTS}
ENTRIES = [
    pytest.param(entry, id=f"{suite}:{entry.tests[0]}")
    for suites in LISTS.values()
    for suite, table in suites.items()
    for entry in expectations.differences(table)
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_difference_has_a_reason_in_one_line(entry):
    assert entry.reason.endswith(".")
    assert "\n" not in entry.reason
    assert len(entry.tests) == len(set(entry.tests)) > 0


def headings(page):
    lines = [line.lstrip("#").strip() for line in page.read_text("utf-8").splitlines() if line.startswith("##")]
    return {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_difference_that_a_program_can_see_is_on_the_page(entry):
    assert not entry.page or entry.page in headings(HERE.parents[1] / "docs" / "differences-from-starlette.md")


def test_an_entry_may_hold_on_older_pythons_alone():
    table = {"differs": [{"tests": ["a"], "reason": "."}, {"tests": ["b"], "reason": ".", "below": "3.14"}]}
    assert [entry.tests for entry in expectations.differences(table, (3, 13))] == [("a",), ("b",)]
    assert [entry.tests for entry in expectations.differences(table, (3, 14))] == [("a",)]


def test_no_test_is_listed_twice():
    for suites in LISTS.values():
        for table in suites.values():
            names = [name for entry in expectations.differences(table) for name in entry.tests]
            assert len(names) == len(set(names))


def test_a_suite_is_pinned_or_says_why_it_is_not_run():
    for suites in LISTS.values():
        for name, table in suites.items():
            assert table["version"], name
            assert len(table.get("sha256", "")) == 64 or table["untested"], name
            assert not {"name", "untested"} < set(table)


def test_a_name_without_brackets_stands_for_all_parameters():
    listed = [Difference(("t.py::test_a",), "."), Difference(("t.py::test_b[x]",), ".")]
    ran = {"t.py::test_a[x]", "t.py::test_a[y]", "t.py::test_b[x]", "t.py::test_b[y]", "t.py::test_ab[x]"}
    found = {"t.py::test_a[x]", "t.py::test_a[y]", "t.py::test_b[x]"}
    assert compare(found, listed, ran) == Verdict((), (), tuple(sorted(found)))
    assert compare({*found, "t.py::test_ab[x]"}, listed, ran).unlisted == ("t.py::test_ab[x]",)
    assert compare(found - {"t.py::test_a[y]"}, listed, ran).outdated == ("t.py::test_a[y]",)


def test_a_listed_test_that_is_gone_is_outdated_but_not_in_a_part_of_the_suite():
    listed = [Difference(("t.py::test_a",), ".")]
    assert compare(set(), listed, {"t.py::test_b"}).outdated == ("t.py::test_a",)
    assert compare(set(), listed, {"t.py::test_b"}, whole=False).outdated == ()


def test_tests_differ_where_their_outcome_does():
    before = {"a": ("passed", ""), "b": ("failed", "x"), "c": ("passed", ""), "d": ("failed", "one")}
    after = {"a": ("passed", ""), "b": ("passed", ""), "d": ("failed", "two"), "e": ("passed", "")}
    assert expectations.changed(before, after) == {"b", "c", "e"}
    assert expectations.failed(before) == {"b", "d"}


def test_names_come_before_the_arguments_for_pytest():
    assert run.split([], ["a", "b"]) == ([], [])
    assert run.split(["b", "a"], ["a", "b"]) == (["b", "a"], [])
    assert run.split(["a", "tests/x.py", "-k", "a"], ["a", "b"]) == (["a"], ["tests/x.py", "-k", "a"])
    with pytest.raises(SystemExit, match="'c' is neither one of a, b"):
        run.split(["a", "c"], ["a", "b"])


@pytest.mark.parametrize(
    ("verdict", "good"),
    [
        (Verdict((), (), ("a",)), True),
        (Verdict(("a",), (), ()), False),
        (Verdict((), ("a",), ()), False),
    ],
)
def test_a_verdict_names_every_test_that_is_not_as_listed(capsys, verdict, good):
    assert run.report(verdict, {"a": ("passed", "")}, {"a": ("failed", "because")}) is good
    printed = capsys.readouterr().out
    assert ("passed on Starlette, failed on the drop-in. because" in printed) is bool(verdict.unlisted)
    assert ("listed, but it does not differ: a" in printed) is bool(verdict.outdated)


def test_the_outcome_of_every_test_is_written(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    (tmp_path / "suite.py").write_text(
        textwrap.dedent(
            """
            import pytest

            @pytest.fixture
            def late():
                yield
                raise ValueError("late")

            def test_passes(): ...
            def test_fails(): assert 1 == 2
            def test_fails_last(late): ...
            def test_cannot_begin(nothing): ...
            @pytest.mark.skip
            def test_skipped(): ...
            @pytest.mark.xfail
            def test_expected(): raise KeyError
            @pytest.mark.xfail(strict=True)
            def test_unexpected(): ...
            """
        )
    )
    written = tmp_path / "outcomes.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path),
            *("-p", "suite_outcomes", "-p", "no:cacheprovider", "--continue-on-collection-errors"),
            *("suite.py", "broken.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE / "plugin"), "SUITE_OUTCOMES": str(written)},
        capture_output=True,
        check=False,
    )
    outcomes = {
        test.removeprefix("suite.py::test_"): tuple(pair) for test, pair in json.loads(written.read_text()).items()
    }
    assert {test: outcome for test, (outcome, _) in outcomes.items()} == {
        "broken.py": "failed",
        "passes": "passed",
        "fails": "failed",
        "fails_last": "failed",
        "cannot_begin": "failed",
        "skipped": "skipped",
        "expected": "xfailed",
        "unexpected": "failed",
    }
    assert outcomes["fails"][1] == "assert 1 == 2"
    assert outcomes["fails_last"][1] == "ValueError: late"


@pytest.fixture
def archive(tmp_path):
    source = tmp_path / "source" / "thing-1.0"
    (source / "thing").mkdir(parents=True)
    (source / "tests").mkdir()
    (source / "tests" / "test_thing.py").write_text("")
    downloads = tmp_path / "cache" / "downloads"
    downloads.mkdir(parents=True)
    path = downloads / "thing-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(source, "thing-1.0")
    return path


def test_a_source_distribution_is_unpacked_without_the_package(archive):
    cache = archive.parents[1]
    suite = {
        "name": "thing",
        "version": "1.0",
        "without": ["thing"],
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }
    folder = sdists.unpacked(suite, cache)
    assert sorted(path.name for path in folder.iterdir()) == [".complete", "tests"]
    archive.unlink()
    assert sdists.unpacked(suite, cache) == folder


def test_another_file_of_that_name_is_refused(archive):
    with pytest.raises(SystemExit, match=r"^thing-1\.0\.tar\.gz has the SHA-256 [0-9a-f]{64}, and 0 is expected$"):
        sdists.fetched("thing", "1.0", "0", archive.parents[1])
    assert not archive.exists()
