"""The tree shows the architecture: nothing else stands at the top, and nothing is left over."""

from __future__ import annotations

import ast
import re
import subprocess

TOP = {
    "README.md", "LICENSE", "hatch.toml", "pytest.ini", "ruff.toml", "mypy.ini", ".coveragerc", ".gitignore",
    ".ci", ".editorconfig", ".github", ".pre-commit-config.yaml", "packages", "tests", "docs", "mkdocs.yml",
    "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md",
}  # fmt: skip


def tracked(root, *patterns):
    names = subprocess.run(["git", "ls-files", *patterns], cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in names.splitlines() if (root / name).exists()]


def test_this_stands_at_the_top_and_nothing_else(root):
    assert {path.relative_to(root).parts[0] for path in tracked(root)} == TOP


def test_ci_begins_with_the_test_command_of_the_readme(root):
    (command,) = re.findall(r"^    (pip install .*hatch test.*)$", (root / "README.md").read_text(), re.MULTILINE)
    first = re.search(r'^say ".*"\n(.*)$', (root / ".ci" / "run").read_text(), re.MULTILINE)[1]
    # The variable, which adds the choice of an interpreter, is empty unless it is set.
    assert first.removesuffix(' ${TEST_PYTHON:+-py "$TEST_PYTHON"}') == command


def test_there_is_no_unfinished_code(root):
    for path in tracked(root, "packages/*.py"):
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text()), path


def test_a_line_left_out_of_coverage_says_why(package):
    for path in package.files:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "pragma: no" in line:
                reason = re.sub(r".*pragma: no (cover|branch)", "", line).strip(" -:#")
                assert len(reason) > 10, f"{path}:{number}"


def test_every_public_name_has_a_docstring(package):
    bare = []
    for path in package.files:
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), f"{path} has no docstring"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                decorators = {getattr(d, "id", "") for d in node.decorator_list}
                if not ast.get_docstring(node) and "overload" not in decorators:
                    bare.append(f"{path.name}:{node.lineno} {node.name}")
    assert bare == []
