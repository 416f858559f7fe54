"""Programs that were written for Starlette run on these packages, unmodified.

Each has its tests in a file of its own, which run in a process where `install_as_starlette()` was called first.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PROGRAMS = {
    "ariadne": ["ariadne"],
    "compress": ["starlette_compress"],
    "connexion": ["connexion"],
    "elastic_apm": ["elasticapm"],
    "fastapi": ["fastapi"],
    "logfire": ["logfire", "opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.starlette"],
    "opentelemetry": ["opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.starlette"],
    "pyfakefs": ["pyfakefs"],
    "sentry": ["fastapi", "sentry_sdk"],
    "sessions": ["starsessions"],
    "sqladmin": ["sqladmin", "aiosqlite", "greenlet"],
    "sse": ["sse_starlette"],
    "starlette_admin": ["starlette_admin", "sqlalchemy", "greenlet"],
    "strawberry": ["strawberry"],
    "wrapt": ["wrapt"],
}


def is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # nor is what it is a part of
        return False


@pytest.mark.timeout(120)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_written_for_starlette_runs_unmodified(program):
    for module in PROGRAMS[program]:
        if not is_installed(module):
            distribution = re.sub(r"[._]", "-", module)
            pytest.skip(f"{distribution} is not installed: pip install {distribution}")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", HERE, "--strict-markers"),
            *(
                "-p",
                "no:asyncio",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:logfire",
                "-p",
                "compat_install",
                HERE / f"compat_{program}.py",
            ),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
