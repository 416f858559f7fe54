"""The measurements of the workers of pytest-xdist reach the report, however the workers end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ENDS_AT_ONCE = """
import atexit, os
import measured

def test_one():
    atexit.register(os._exit, 0)
    assert measured.one() == 1
"""


def test_the_coverage_of_a_worker_that_is_killed_as_it_exits_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "measured.py").write_text("def one():\n    return 1\n")
    (tmp_path / "test_one.py").write_text(ENDS_AT_ONCE)
    (tmp_path / ".coveragerc").write_text("[run]\nparallel = true\nsource = .\npatch = subprocess\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}
    environment |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    run("coverage", "run", "-m", "pytest", "-p", "xdist", "-p", "conftest", "-n", "1")
    run("coverage", "combine")

    assert "measured.py       2      0   100%" in run("coverage", "report")
