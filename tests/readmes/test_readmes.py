"""Every Python example of every README runs, in order, in an interpreter of its own, its test functions included."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md"))]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("packages/*/*.md")), *sorted(ROOT.glob("**/docs/**/*.md"))]
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

RUN = """
import inspect, json, sys
namespace = {"__name__": "readme", "__file__": sys.argv[1]}
tested = set()
for block in json.load(sys.stdin):
    exec(compile(block, sys.argv[1], "exec"), namespace)
    for name, value in list(namespace.items()):
        if name.startswith("test_") and name not in tested and inspect.isfunction(value):
            tested.add(name)
            if not inspect.signature(value).parameters:
                result = value()
                if inspect.iscoroutine(result):
                    import anyio
                    async def wait(result=result):
                        await result
                    anyio.run(wait)
"""


def examples(readme: Path) -> list[str]:
    """The Python blocks of a README, each moved down so that its line numbers are the README's."""
    text = readme.read_text()
    return ["\n" * text.count("\n", 0, block.start(1)) + block[1] for block in BLOCK.finditer(text)]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_readme_shows_an_example(readme):
    assert examples(readme), f"{readme} shows no Python example"


@pytest.mark.parametrize(
    "readme", [page for page in PAGES if examples(page)], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_examples_run(readme, tmp_path):
    blocks = examples(readme)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-W", "default::ResourceWarning", "-c", RUN, str(readme)],
        input=json.dumps(blocks), cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("readme", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_to_files_lead_somewhere(readme):
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", readme.read_text()):
        assert (readme.parent / target).exists(), target
