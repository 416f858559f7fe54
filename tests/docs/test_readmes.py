"""Every Python example of every README and page runs, in order, in an interpreter of its own, its test functions included.

A block marked `output` right after an example is what the example prints. A block with a title is a file, for the examples
and the commands of the page: test_consoles.py runs those.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from documented import FILE, PAGES, READMES, ROOT, examples

RUN = """
import contextlib, inspect, io, json, sys, types
module = sys.modules["readme"] = types.ModuleType("readme")  # frameworks look up the module of a function
namespace = vars(module)
namespace["__file__"] = sys.argv[1]
tested = set()
for block, output in json.load(sys.stdin):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, sys.argv[1], "exec"), namespace)
    if output is not None and printed.getvalue() != output:
        sys.exit(f"{sys.argv[1]} shows {output!r}, its example prints {printed.getvalue()!r}")
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


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_readme_shows_an_example(readme):
    assert examples(readme), f"{readme} shows no Python example"


@pytest.mark.parametrize(
    "readme", [page for page in PAGES if examples(page)], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_examples_run(readme, tmp_path):
    blocks = examples(readme)
    for name, text in FILE.findall(readme.read_text()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-W", "default::ResourceWarning", "-c", RUN, str(readme)],
        input=json.dumps(blocks), cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("readme", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_to_files_lead_somewhere(readme):
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", readme.read_text()):
        assert (readme.parent / target).exists(), target
