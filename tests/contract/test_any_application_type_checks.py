"""Type checkers accept any ASGI application wherever one is taken, and find the usual mistakes.

The frameworks name scope, receive and send in types of their own: Django's are dictionaries, Quart's and Litestar's
TypedDicts, Falcon's protocols.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typed"
USES, MISTAKES = HERE / "uses.py", HERE / "mistakes.py"
FRAMEWORKS = ("blacksheep", "falcon", "fastapi", "litestar", "quart", "sanic")


def marked() -> dict[int, str]:
    """The code that mypy gives each line of the mistakes."""
    lines = MISTAKES.read_text().splitlines()
    return {number: match[1] for number, line in enumerate(lines, 1) if (match := re.search(r"  # ([a-z-]+)$", line))}


@pytest.fixture(scope="module", autouse=True)
def frameworks() -> None:
    for name in FRAMEWORKS:
        pytest.importorskip(name, reason=f"needs {name}: pip install {name}")


def test_mypy_accepts_any_application_and_finds_mistakes(request: pytest.FixtureRequest) -> None:
    pytest.importorskip("mypy", reason="needs mypy: pip install mypy")
    cache = request.config.cache.mkdir("mypy-any")
    options = ["--strict", "--config-file=", "--no-error-summary", "--hide-error-context", f"--cache-dir={cache}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(USES), str(MISTAKES)],
        capture_output=True,
        text=True,
        cwd=HERE,
        timeout=115,
        check=False,
    )
    errors = re.findall(r"^(.*?):(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    found = {int(line): code for name, line, code in errors if Path(name).name == MISTAKES.name}
    assert found == marked(), done.stdout + done.stderr
    assert len(errors) == len(found), done.stdout


@pytest.mark.whole  # node takes seconds to start
def test_pyright_accepts_any_application_and_finds_mistakes(tmp_path: Path) -> None:
    checker = shutil.which("basedpyright", path=str(Path(sys.executable).parent)) or shutil.which("basedpyright")
    if checker is None or importlib.util.find_spec("falcon") is None:
        pytest.skip("needs basedpyright, which brings its own node: pip install basedpyright")
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps({"include": [str(HERE)], "typeCheckingMode": "standard"}))
    done = subprocess.run(
        [checker, "--outputjson", "--level", "error", "--pythonpath", sys.executable, "--project", str(config)],
        capture_output=True,
        text=True,
        timeout=115,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    where = [(Path(error["file"]).name, error["range"]["start"]["line"] + 1) for error in found]
    assert {line for name, line in where if name == MISTAKES.name} == {*marked()}, found
    assert {name for name, _ in where} == {MISTAKES.name}, found
