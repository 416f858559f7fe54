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
    """Return the imported objects that the code of an example names after their import."""
    names: dict[str, object] = {}
    used: list[object] = []
    trees = [ast.parse(block) for block in blocks]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asgi_"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                names[alias.asname or alias.name] = _member(module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("asgi_"):
                    importlib.import_module(alias.name)
                    top = alias.name.partition(".")[0]
                    names[alias.asname or top] = importlib.import_module(alias.name if alias.asname else top)
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Name | ast.Attribute):
            value = _resolve(node, names)
            if value is not None:
                used.append(value)
    return used


def _member(module: types.ModuleType, name: str) -> object:
    try:
        return getattr(module, name)
    except AttributeError:
        return importlib.import_module(f"{module.__name__}.{name}")


def _resolve(node: ast.expr, names: dict[str, object]) -> object:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, names)
        if isinstance(owner, types.ModuleType):
            return _member(owner, node.attr)
    return None
