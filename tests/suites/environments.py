"""The place in which a suite runs: its environment, its path with the drop-in on it, and pytest in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .expectations import Outcomes
from .sdists import pip

HERE = Path(__file__).parent
PACKAGES = sorted((HERE.parents[1] / "packages").iterdir())

# Tests of files without permission fail for root, who may read them all the same.
CAPABILITIES = "-dac_override,-dac_read_search"


def python_for(suite: Mapping[str, Any], cache: Path) -> Path:
    """Return the interpreter for a suite: this one, or that of an environment with its `requirements`.

    The environment has Starlette itself, which the drop-in hides, and the five packages.
    """
    if "requirements" not in suite:
        return Path(sys.executable)
    folder = cache / f"{suite['name']}-{suite['version']}-environment"
    python = folder / "bin" / "python"
    wanted = json.dumps(suite["requirements"])
    marker = folder / "requirements.json"
    if not marker.exists() or marker.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        editable = [argument for package in PACKAGES for argument in ("-e", f"{package}[{EXTRAS[package.name]}]")]
        pip("install", *editable, *suite["requirements"], python=python)
        marker.write_text(wanted)
    return python


EXTRAS = {
    "asgi-framework": "full",
    "asgi-middleware": "sessions,wsgi,opentelemetry",
    "asgi-requests": "forms,templates",
    "asgi-routing": "schemas",
    "asgi-testclient": "httpx2",
}


def outcomes(
    suite: Mapping[str, Any], folder: Path, python: Path, pytest_arguments: list[str], *, drop_in: bool
) -> Outcomes:
    """Run a suite, on the drop-in or on Starlette, and return the outcome of each test."""
    path = [str(HERE / "plugin")]
    if drop_in:
        path.append(str(HERE / "drop_in"))
    with tempfile.TemporaryDirectory() as temporary:
        written = Path(temporary) / "outcomes.json"
        environment = {
            **os.environ,
            **suite.get("environment", {}),
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SUITE_OUTCOMES": str(written),
        }
        command = [
            *(str(python), "-m", "pytest", "-p", "suite_outcomes", "-p", "no:cacheprovider", "-q", "--no-header"),
            *("--tb=short" if pytest_arguments else "--tb=no", "--continue-on-collection-errors", "-r", "N"),
            *(() if suite.get("timeout", 60) is None else (f"--timeout={suite.get('timeout', 60)}",)),
            *suite.get("options", ()),
            *(f"--deselect={test}" for test in suite.get("deselect", ())),
            *(pytest_arguments or suite["tests"]),
        ]
        where = "the drop-in" if drop_in else "Starlette"
        print(f"on {where}: pytest {' '.join(command[command.index('--no-header') + 1 :])}", flush=True)
        subprocess.run([*_without_capabilities(), *command], cwd=folder, env=environment, check=False)
        if not written.exists():
            sys.exit(f"the suite of {suite['name']} did not run on {where}")
        found: Outcomes = json.loads(written.read_text())
        return found


def _without_capabilities() -> list[str]:
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        sys.exit("as root, the suites need setpriv (util-linux): what root may read, their tests expect to be refused")
    return [setpriv, "--bounding-set", CAPABILITIES, "--inh-caps", CAPABILITIES]
