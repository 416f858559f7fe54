"""The table of scope keys in README.md and the code say the same: each key of one is in the other."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asgi_framework import App, JSONResponse, Mount, Request, Route
from asgi_middleware import Middleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from raw_asgi import request as ask

# The connection scopes of the specification, HTTP and WebSocket.
ASGI = {
    *("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path"),
    *("headers", "client", "server", "subprotocols", "state", "extensions"),
}
SCOPES = {"scope", "_scope", "inner", "outer", "child_scope"}
"""The names that a scope has in the code; another mapping of one of these names has no keys that are strings."""


class Module:
    """A module of a package: its constants, the names it imports, and the keys it uses of a scope."""

    def __init__(self, path: Path, source: Path) -> None:
        self.name = ".".join(path.relative_to(source.parent).with_suffix("").parts).removesuffix(".__init__")
        self.package = self.name if path.stem == "__init__" else self.name.rpartition(".")[0]
        self.tree = ast.parse(path.read_text())
        self.names: dict[str, ast.expr] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.names[node.targets[0].id] = node.value
            elif isinstance(node, ast.ImportFrom):
                home = self._home(node)
                self.imported |= {alias.asname or alias.name: (home, alias.name) for alias in node.names}

    def _home(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def scope_keys(self) -> Iterator[ast.expr]:
        """The expressions that stand as a key of a scope."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Subscript(value=mapping, slice=key) if is_scope(mapping):
                    yield key
                case ast.Call(func=ast.Attribute(value=mapping, attr="get" | "pop" | "setdefault"), args=[key, *_]) if (
                    is_scope(mapping)
                ):
                    yield key
                case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[mapping]) if is_scope(mapping):
                    yield key
                case ast.Dict(keys=[None, *added], values=[mapping, *_]) if is_scope(mapping):  # {**scope, key: ...}
                    yield from (key for key in added if key is not None)


def is_scope(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id in SCOPES) or (
        isinstance(node, ast.Attribute) and node.attr in SCOPES
    )


def value_of(node: ast.expr, module: Module, modules: dict[str, Module]) -> str | None:
    """The string that an expression is, followed through constants and imports."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.Name):
        return None
    if node.id in module.names:
        return value_of(module.names[node.id], module, modules)
    home, name = module.imported.get(node.id, ("", ""))
    return value_of(ast.Name(name), modules[home], modules) if home in modules else None


@pytest.fixture(scope="module")
def used() -> dict[str, set[str]]:
    """Every scope key of the code, and the modules that use it."""
    from contract.conftest import PACKAGES

    paths = [(path, package.source) for package in PACKAGES for path in package.files]
    modules = {module.name: module for module in (Module(path, source) for path, source in paths)}
    found: dict[str, set[str]] = {}
    for module in modules.values():
        for node in module.scope_keys():
            if key := value_of(node, module, modules):
                found.setdefault(key, set()).add(module.name)
    return found


def section(root: Path) -> str:
    return (root / "README.md").read_text().split("## The contract")[1].split("\n## ")[0]


def rows(root: Path) -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in section(root).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines[1:]]


@pytest.fixture
def documented(root: Path) -> set[str]:
    """The keys in the table's first column, and those named as private below it."""
    private = section(root).split("\nPrivate")[1].split("\n")[0]
    return {
        *re.findall(r"`([^`]+)`", private),
        *(key for row in rows(root) for key in re.findall(r"`([^`]+)`", row[0])),
    }


def test_every_key_of_the_code_is_in_the_table(used: dict[str, set[str]], documented: set[str]) -> None:
    missing = {key: sorted(modules) for key, modules in used.items() if key not in documented | ASGI}
    assert not missing, f"README.md, The contract, has no row for {missing}"


def test_every_key_of_the_table_is_in_the_code(used: dict[str, set[str]], documented: set[str]) -> None:
    """`endpoint` and others stand in dictionaries that a route hands to a router: any string of the code will do."""
    from contract.conftest import PACKAGES

    strings = {
        node.value
        for package in PACKAGES
        for path in package.files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert documented - strings == set()
    assert len(documented & used.keys()) > 20


@pytest.mark.parametrize("name", ["requests", "routing", "middleware"])
def test_the_readme_of_a_package_has_the_keys_of_its_code(used: dict[str, set[str]], root: Path, name: str) -> None:
    table = (root / "packages" / f"asgi-{name}" / "README.md").read_text().split("## Scope keys")[1]
    cells = {key for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}
    of_the_package = {key for key, modules in used.items() if any(m.startswith(f"asgi_{name}.") for m in modules)}
    assert cells - ASGI == of_the_package - ASGI


def test_a_key_of_a_package_begins_with_its_name(used: dict[str, set[str]]) -> None:
    for key, modules in used.items():
        if "." in key and not key.startswith("starlette."):
            assert key.partition(".")[0] in {"asgi_requests", "asgi_routing", "asgi_middleware"}, (key, modules)


@pytest.fixture
def protocols(root: Path) -> dict[str, Any]:
    """The protocols of README.md, by name."""
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(re.findall(r"```python\n(.*?)```", section(root), re.DOTALL)[0], namespace)
    return {name: value for name, value in namespace.items() if inspect.isclass(value) and value.__module__ == "readme"}


KEYS = {
    "Application": "app",
    "Reverser": "router",
    "MatchedRoute": "route",
    "Bodies": "asgi_requests.body",
    "ExceptionResponder": "asgi_middleware.exceptions",
    "ErrorResponder": "asgi_middleware.errors",
    "Draining": "asgi_middleware.drain",
    "Trace": "asgi_middleware.trace_context",
}


async def test_the_objects_under_the_keys_have_what_their_protocols_say(root: Path, protocols: dict[str, Any]) -> None:
    in_table = {name: re.findall(r"`([^`]+)`", row[0]) for row in rows(root) for name in re.findall(r"`(\w+)`", row[4])}
    assert in_table.keys() == protocols.keys() == KEYS.keys()
    assert all(key in in_table[name] for name, key in KEYS.items())
    found: dict[str, Any] = {}

    async def endpoint(request: Request) -> JSONResponse:
        await request.body()
        found.update({name: request.scope[key] for name, key in KEYS.items()})
        return JSONResponse({})

    app = DrainMiddleware(
        App(
            routes=[Mount("/api", routes=[Route("/items/{id}", endpoint)])],
            middleware=[Middleware(RequestIDMiddleware), Middleware(CORSMiddleware)],
        )
    )
    traceparent = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert (await ask(app, path="/api/items/1", headers=[traceparent])).status == 200
    for name, value in found.items():
        check(name, value, protocols[name])


def check(name: str, value: Any, protocol: Any) -> None:
    """The object has each attribute, and takes what each method of the protocol takes."""
    for attribute in inspect.get_annotations(protocol):
        assert hasattr(value, attribute), (name, attribute)
    for method, function in vars(protocol).items():
        if inspect.isfunction(function) and not method.startswith("_"):
            promised = list(inspect.signature(function).parameters.values())[1:]
            positional = [p for p in promised if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
            inspect.signature(getattr(value, method)).bind(*range(len(positional)))
