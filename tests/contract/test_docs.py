"""The pages of the documentation: every public module has its place, and every page is in the navigation."""

from __future__ import annotations

import ast
import importlib
import inspect
import re


def public_modules(package) -> set[str]:
    modules = {package.module}
    for path in package.source.iterdir():
        is_module = path.suffix == ".py" or (path / "__init__.py").exists()
        if is_module and not path.name.startswith("_"):
            modules.add(f"{package.module}.{path.stem}")
    return modules


def test_every_public_module_is_in_the_reference(package, root):
    page = (root / "docs" / "reference" / f"{package.name}.md").read_text()
    listed = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(public_modules(package))


def test_every_public_name_is_documented(package):
    undocumented = []
    for name in public_modules(package):
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            value = getattr(module, public)
            if (inspect.isclass(value) or inspect.isfunction(value)) and not value.__doc__:
                undocumented.append(f"{name}.{public}")
    assert undocumented == []


def test_no_docstring_begins_with_a_question_word(root):
    found = []
    for path in [
        *root.glob("packages/*/src/**/*.py"),
        *root.glob("packages/*/examples/**/*.py"),
        *root.glob("tests/**/*.py"),
    ]:
        text = path.read_text()
        if not re.search(r'"""(?:What|Who|Those|Whether|How|Where) ', text):  # most files need not be parsed
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node) or ""
                if docstring.startswith(("What ", "Who ", "Those ", "Whether ", "How ", "Where ")):
                    found.append(f"{path.relative_to(root)}: {docstring.splitlines()[0]}")
    assert found == []


def test_every_page_is_in_the_navigation(root):
    navigation = (root / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = {path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.md")}
    assert set(re.findall(r"[\w./-]+\.md\b", navigation)) == pages


def test_llms_txt_lists_the_pages_of_the_navigation_each_with_a_line(root):
    navigation = (root / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = [page.removesuffix(".md") for page in re.findall(r"[\w./-]+\.md\b", navigation)]
    lines = re.findall(r"^- \[.+?\]\((\S+)\.html\): \S.*$", (root / "docs" / "llms.txt").read_text(), re.MULTILINE)
    assert lines == [page for page in pages if page != "index"]


def test_every_name_of_the_framework_is_listed(root):
    page = (root / "docs" / "reference" / "asgi-framework.md").read_text()
    framework = importlib.import_module("asgi_framework")
    assert set(framework.__all__) - {"__version__"} == set(re.findall(r"`(\w+)`[,|\s]", page)) - {"asgi_framework"}


def test_every_middleware_has_its_place_in_the_page_of_the_order(root):
    page = (root / "docs" / "order.md").read_text()
    found = [
        re.findall(r"^class (\w+Middleware)\b", path.read_text(), re.MULTILINE)
        for path in root.glob("packages/asgi-middleware/src/**/*.py")
    ]
    assert {name for names in found for name in names if name not in page} == set()
