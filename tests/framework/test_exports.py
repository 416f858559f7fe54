from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import asgi_framework

SOURCE = Path(asgi_framework.__file__)


@pytest.mark.parametrize("name", sorted(set(asgi_framework._ORIGINS)))
def test_a_name_is_the_very_object_of_its_package(name):
    origin = importlib.import_module(asgi_framework._ORIGINS[name], "asgi_framework")
    assert getattr(asgi_framework, name) is getattr(origin, name)


def test_type_checkers_see_what_is_there():
    (block,) = [n for n in ast.parse(SOURCE.read_text()).body if isinstance(n, ast.If)]
    seen = {alias.name: "." * n.level + n.module for n in block.body for alias in n.names}
    assert seen == asgi_framework._ORIGINS
    assert {*seen, "__version__"} == set(asgi_framework.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'asgi_framework' has no attribute 'Flask'"):
        asgi_framework.Flask


def test_completion_sees_every_name_before_it_is_imported():
    assert {*asgi_framework.__all__} == {name for name in dir(asgi_framework) if name[:2] != "__"} | {"__version__"}
    assert "__doc__" in dir(asgi_framework)


def test_the_extras_are_those_of_the_packages():
    extras = metadata.metadata("asgi-framework").get_all("Provides-Extra", [])
    assert {"forms", "opentelemetry", "schemas", "sessions", "templates", "testclient", "wsgi", "full"} == {*extras}
    needs = {tuple(r.replace('"', "'").split("; extra == ")) for r in metadata.requires("asgi-framework") or []}
    everything = {need[0] for need in needs if need[1:]}
    assert {need[0] for need in needs if need[1:] == ("'full'",)} == everything


def loaded_by(code: str) -> set[str]:
    program = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    return set(subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60).split())


def test_importing_the_framework_imports_nothing_else():
    modules = loaded_by("import asgi_framework")
    assert not {m for m in modules if m.startswith(("asgi_", "anyio", "jinja2"))} - {"asgi_framework"}


def test_an_application_imports_no_optional_dependency():
    modules = loaded_by("from asgi_framework import App, Route, Request, JSONResponse, CORSMiddleware")
    assert not modules & {
        "jinja2",
        "python_multipart",
        "itsdangerous",
        "yaml",
        "httpx",
        "httpx2",
        "asgi_testclient",
        "asyncio",
    }
