"""Programs that were written for Starlette run on these packages, unmodified.

Each has its tests in a file of its own, which run in a process where `install_as_starlette()` was called first.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PROGRAMS = {
    "fastapi": ["fastapi"],
    "sentry": ["fastapi", "sentry_sdk"],
    "sse": ["sse_starlette"],
    "sessions": ["starsessions"],
    "compress": ["starlette_compress"],
    "strawberry": ["strawberry"],
    "sqladmin": ["sqladmin", "aiosqlite", "greenlet"],
    "starlette_admin": ["starlette_admin", "sqlalchemy", "greenlet"],
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_written_for_starlette_runs_unmodified(program):
    for module in PROGRAMS[program]:
        if importlib.util.find_spec(module) is None:
            distribution = module.replace("_", "-")
            pytest.skip(f"{distribution} is not installed: pip install {distribution}")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", HERE, "--strict-markers"),
            *("-p", "no:asyncio", "-p", "no:cacheprovider", "-p", "compat_install", HERE / f"compat_{program}.py"),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
