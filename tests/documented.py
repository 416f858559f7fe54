"""The examples of READMEs, pages and docstrings, and the public names that they use."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md"))]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("packages/*/*.md")), *sorted(ROOT.glob("**/docs/**/*.md"))]
BLOCK = re.compile(r"^```python(?! title=)[^\n]*\n(.*?)^```(?:\n+^```output\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:\A|(?<=\n\n))(?: {4}[^\n]*\n?|\n(?= {4}))+")


def examples(readme: Path) -> list[tuple[str, str | None]]:
    """Return the Python blocks of a README with the output they show, at the line numbers of the README."""
    text = readme.read_text()
    return [("\n" * text.count("\n", 0, block.start(1)) + block[1], block[2]) for block in BLOCK.finditer(text)]


def block(page: Path, language: str) -> str:
    """Return the only block of a page that is written in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def docstring_examples(package: str) -> dict[str, list[str]]:
    """Return the indented blocks of the docstrings of a package's modules, classes and functions, by their place."""
    found = {}
    source = ROOT / "packages" / package / "src"
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                blocks = INDENTED.findall(ast.get_docstring(node) or "")
                if blocks:
                    place = f"{path.relative_to(source).as_posix()}:{getattr(node, 'name', '')}"
                    found[place] = [inspect.cleandoc("\n" + block) + "\n" for block in blocks]
    return found


def public_modules(source: Path) -> Iterator[str]:
    """Yield the names of the public modules of a package's source folder."""
    yield source.name
    for path in sorted(source.iterdir()):
        is_module = path.suffix == ".py" or (path / "__init__.py").exists()
        if is_module and not path.name.startswith("_"):
            yield f"{source.name}.{path.stem}"


def public_names(module: types.ModuleType) -> list[str]:
    """Return `__all__`, or the names without an underscore that the module itself defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    tree = ast.parse(Path(module.__file__ or "").read_text())
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in dict.fromkeys(names) if not name.startswith("_") and hasattr(module, name)]


def objects_used(blocks: list[str]) -> list[object]:
    """Return the imported objects that the code of an example names after their import, and its arguments' names."""
    names: dict[str, list[object]] = {}
    used: list[object] = []
    nodes = [node for block in blocks for node in ast.walk(ast.parse(block))]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asgi_"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                names.setdefault(alias.asname or alias.name, []).append(member(module, alias.name))
    for node in nodes:
        if isinstance(node, ast.Name):
            used += names.get(node.id, [])
        elif isinstance(node, ast.arg):  # a fixture that is asked for
            used.append(node.arg)
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:  # or replaced
            used.append(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owners = [value for value in names.get(node.value.id, []) if isinstance(value, types.ModuleType)]
            used += [member(owner, node.attr) for owner in owners]
    return used


def member(module: types.ModuleType, name: str) -> object:
    """Return an attribute or a submodule of a module."""
    try:
        return getattr(module, name)
    except AttributeError:
        return importlib.import_module(f"{module.__name__}.{name}")
