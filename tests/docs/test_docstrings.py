"""Every indented example of a docstring runs, with an application named `app` and the folders that examples name."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest

from documented import ROOT, docstring_examples

PACKAGES = sorted(path.name for path in ROOT.glob("packages/*"))
CODE = re.compile(r"from \w+(\.\w+)* import |import \w+$|app = |(async )?(def|with) .*:$|class \w+.*:$|@\w+")

RUN = """
import inspect, json, sys, types
from pathlib import Path

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})

for folder in ("dist", "templates"):
    Path(folder).mkdir()
Path(".env").touch()
failed = []
for place, blocks in json.load(sys.stdin).items():
    module = sys.modules["example"] = types.ModuleType("example")
    namespace = vars(module)
    namespace["app"] = app
    try:
        for block in blocks:
            exec(compile(block, place, "exec", dont_inherit=True), namespace)
        for name, value in list(namespace.items()):
            if name.startswith("test_") and not inspect.signature(value).parameters:
                if inspect.iscoroutinefunction(value):
                    import anyio
                    anyio.run(value)
                else:
                    value()
    except BaseException as exc:
        failed.append(f"{place}: {exc!r}")
sys.exit("\\n".join(failed) or None)
"""


def run(found: dict[str, list[str]], folder) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-W", "default::ResourceWarning", "-c", RUN],
        input=json.dumps(found), cwd=folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_the_examples_of_docstrings_run(package, tmp_path):
    found = docstring_examples(package)
    assert found
    run({place: blocks for place, blocks in found.items() if "/compat/" not in place}, tmp_path)


def test_the_examples_of_the_drop_in_run_in_a_process_of_their_own(tmp_path):
    found = docstring_examples("asgi-framework")
    run({place: blocks for place, blocks in found.items() if "/compat/" in place}, tmp_path)


def test_no_example_of_a_docstring_stands_without_its_indent():
    found = []
    for path in ROOT.glob("packages/*/src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                found += [f"{path.name}: {line}" for line in text.splitlines() if CODE.match(line)]
    assert found == []
