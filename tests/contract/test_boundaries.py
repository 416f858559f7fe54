"""The one rule: a package imports itself, the standard library and what it declares, and nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Distribution name -> top-level modules, where they differ from the name.
MODULES = {
    "asgi-framework": ["asgi_framework"],
    "asgi-middleware": ["asgi_middleware"],
    "asgi-requests": ["asgi_requests"],
    "asgi-routing": ["asgi_routing"],
    "asgi-testclient": ["asgi_testclient"],
    "opentelemetry-api": ["opentelemetry"],
    "backports-zstd": ["backports", "compression"],
    "pyjwt": ["jwt"],
    "python-multipart": ["python_multipart"],
    "pyyaml": ["yaml"],
}
# What a module may use where its user has it already; it is imported under a guard and declared nowhere.
USED_WHERE_PRESENT = {
    "asgi_testclient": {"asgiref", "django", "pytest", "pytest_asyncio", "pytest_trio", "trio"},
    "asgi_requests": {"django", "msgspec", "orjson", "pydantic", "pydantic_core", "trio", "typing_extensions"},
    "asgi_middleware": set(),
    "asgi_routing": set(),
    "asgi_framework": set(),
}
OURS = {"asgi_requests", "asgi_routing", "asgi_middleware", "asgi_testclient", "asgi_framework"}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute module name of every import of a file, TYPE_CHECKING blocks and import_module too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in {
            "import_module",
            "__import__",
            "find_spec",
        }:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value[:1] != ".":
                    yield node.lineno, argument.value


def distribution(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def declared(project: dict) -> set[str]:
    extras = project.get("optional-dependencies", {}).values()
    names = {distribution(r) for rs in [project.get("dependencies", []), *extras] for r in rs}
    return {module for name in names for module in MODULES.get(name, [name.replace("-", "_")])}


def strangers(files: list[Path], allowed: set[str]) -> list[str]:
    """The imports of these files that are neither allowed nor of the standard library."""
    return [
        f"{path.name}:{line} imports {name}"
        for path in files
        for line, name in imported(path)
        if name.partition(".")[0] not in allowed | set(sys.stdlib_module_names)
    ]


def test_a_package_imports_only_itself_the_standard_library_and_what_it_declares(package):
    allowed = {package.module} | declared(package.project) | USED_WHERE_PRESENT[package.module]
    assert strangers(package.files, allowed) == []


def test_the_four_packages_declare_nothing_of_each_other(package):
    ours = (declared(package.project) & OURS) - {package.module}
    assert ours == (OURS - {"asgi_framework"} if package.module == "asgi_framework" else set())


def test_a_package_imports_itself_relatively(package):
    own = [
        f"{p.name}:{line}" for p in package.files for line, name in imported(p) if name.split(".")[0] == package.module
    ]
    # A program that runs as a script or names modules for lazy import may need the whole name.
    assert [place for place in own if not place.startswith(("__main__.py", "__init__.py", "_modules.py"))] == []


def test_only_the_testclient_module_of_the_framework_imports_the_test_client(packages):
    framework = next(p for p in packages if p.name == "asgi-framework")
    for path in framework.files:
        if any(name.partition(".")[0] == "asgi_testclient" for _, name in imported(path)):
            assert path.relative_to(framework.source).as_posix() in {
                "testclient.py",
                "compat/_testclient.py",
                "__init__.py",
            }


def test_no_other_module_of_the_framework_imports_the_drop_in(packages):
    framework = next(p for p in packages if p.name == "asgi-framework")
    importing = []
    for path in framework.files:
        if "compat" in path.relative_to(framework.source).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                importing += [f"{path.name}:{node.lineno}" for name in names if "compat" in name.split(".")]
    assert importing == []


def test_no_private_name_crosses_a_distribution(packages):
    framework = next(p for p in packages if p.name == "asgi-framework")
    private = []
    for path in framework.files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] in OURS:
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                private += [f"{path.name}:{node.lineno} {name}" for name in names if re.match(r"_[a-z]", name)]
    assert private == []


@pytest.mark.parametrize("planted", ["import asgi_routing", "from asgi_middleware import cors", "import numpy"])
def test_a_planted_import_is_found(tmp_path, planted):
    file = tmp_path / "planted.py"
    file.write_text(f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {planted}\n")
    assert strangers([file], {"asgi_requests", "anyio"}) == [f"planted.py:3 imports {planted.split()[1]}"]


# Each module in a fork of an interpreter that has imported nothing: an interpreter of its own takes ten times as long.
ISOLATED = """
import os, sys
sys.path.insert(0, {source!r})
for module in {modules!r}:
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, module
        continue
    __import__(module)
    ours = {{*sys.stdlib_module_names, module.partition(".")[0], "__main__", "__mp_main__", "_distutils_hack"}}
    strangers = sorted({{name.partition(".")[0] for name in sys.modules}} - ours)
    assert not strangers, strangers
    sys.exit()
"""


def isolated_imports(python: str, source: Path, modules: list[str]) -> None:
    code = ISOLATED.format(source=str(source), modules=modules)
    result = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=110, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "needs_more"),
    [
        ("asgi-routing", set()),
        ("asgi-middleware", set()),
    ],
)
def test_every_module_of_a_package_without_dependencies_imports_on_the_standard_library_alone(
    packages, python, name, needs_more
):
    package = next(p for p in packages if p.name == name)
    modules = {
        ".".join(path.relative_to(package.source.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in package.files
        if path.name != "__main__.py"
    }
    isolated_imports(python, package.source.parent, sorted(modules - needs_more))


APPLICATION = "from asgi_framework import App, JSONResponse, Request, Route"
# docs/architecture.md, chapter Speed: these are imported by the functions that need them.
RARE = {"asyncio", "datetime", "decimal", "email", "http", "logging", "queue", "ssl", "threading", "traceback", "uuid"}
RARE |= {"jinja2", "python_multipart"}
RARE |= {
    f"asgi_requests.{name}" for name in ("_blocking", "_setcookie", "_threads", "_urlencoded", "_workers", "files")
}
RARE |= {"asgi_middleware._accept", "asgi_routing._split"}


@pytest.mark.parametrize(
    ("code", "rare"),
    [
        (APPLICATION, RARE),
        ("import asgi_routing", {*RARE, "inspect"}),
        ("import asgi_middleware", {*RARE, "inspect"}),
        ("import asgi_middleware.sessions", {"asyncio", "dataclasses", "logging", "sqlite3", "threading"}),
        (
            "from asgi_requests import BaseHTTPMiddleware, EventSourceResponse, StaticFiles",
            {"asyncio", "hashlib", "secrets"},
        ),
        (
            "import asgi_requests, asgi_framework, asgi_testclient",
            {*RARE, "anyio", "httpx", "inspect", "json", "urllib"},
        ),
    ],
)
def test_an_import_brings_nothing_that_few_applications_need(python, code, rare):
    # Without those of the interpreter's start, where coverage may be measured.
    code = f"import sys; started = {{*sys.modules}}; {code}; print(*(sys.modules.keys() - started))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not rare & {*done.stdout.split()}
