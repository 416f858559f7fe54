"""Texts of clients are read in linear time: shown by the expressions themselves, and by counting instructions."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import BuiltinMethodType, ModuleType
from typing import Any

import pytest

from ambiguity import superlinear
from asgi_middleware.cors import CORSMiddleware
from asgi_routing._patterns import compile_extract
from asgi_routing.convertors import CONVERTOR_TYPES
from asgi_routing.paths import compile_path

PACKAGES = ["asgi_requests", "asgi_routing", "asgi_middleware", "asgi_testclient", "asgi_framework"]
METHODS = ("match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
MADE_ELSEWHERE = {
    "asgi_middleware.cors._middleware": "allow_origin_regex of the configuration",
    "asgi_middleware.cors._origins": "the same, and wildcards: below",
    "asgi_middleware.opentelemetry._middleware": "excluded_urls of the configuration",
    "asgi_middleware.request_id": "a name of the configuration is checked",
    "asgi_middleware.security_headers": "a policy of the configuration is checked",
    "asgi_middleware.access_log._middleware": "the names of parameters that the application wants hidden, as they are",
    "asgi_requests._preamble": "the boundary of a form, as it is; blanks behind it, a bounded number",
    "asgi_requests.staticfiles._globs": "globs of the configuration, compared with names of the application's own files",
    "asgi_requests.staticfiles._manifests": "the names in a manifest of the application's own build",
    "asgi_routing.check": "the application's own templates and convertors, before it serves",
    "asgi_routing.paths": "templates and convertors: below",
    "asgi_routing._mistakes": "the application's own templates",
    "asgi_routing._params": "convertors: below",
    "asgi_routing._patterns": "templates: below",
    "asgi_routing._split": "classes of characters, repeated; convertors of the application, a bounded number of times",
}
"""The functions that make expressions, of what, and the checks of those that a client's text meets."""
BOUNDED = {
    "asgi_middleware.csrf._form._DISPOSITION": "reads the first 1,000 bytes of a part",
    "asgi_requests.staticfiles._globs._TOKEN": "reads globs of the configuration",
    "asgi_requests.staticfiles._manifests._ENDS_IN_HASH": "reads a manifest of the application's own build",
    "asgi_framework.config._LINE": "reads the application's own env file",
    "asgi_routing._split._REPEATED": "reads the application's own convertors",
}


def modules() -> list[ModuleType]:
    """Every module of the five packages."""
    names = [
        info.name
        for package in PACKAGES
        for info in pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
        if not info.name.endswith("__main__")
    ]
    return [import_module(name) for name in [*PACKAGES, *names]]


def held(value: Any) -> Iterator[tuple[re.Pattern[Any], set[str]]]:
    """The patterns in a value, and the methods of those of which it holds one."""
    if isinstance(value, re.Pattern):
        yield value, set()
    elif isinstance(value, BuiltinMethodType) and isinstance(value.__self__, re.Pattern):
        yield value.__self__, {value.__name__}
    elif isinstance(value, (list, tuple, set, frozenset, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from held(item) if isinstance(item, (re.Pattern, BuiltinMethodType)) else ()


def patterns() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """The module or class that holds a pattern, the pattern, and each method that it is used by."""
    found = modules()
    everything = "\n".join(Path(module.__file__).read_text() for module in found if module.__file__)
    calls = {*re.findall(rf"\b(\w+)\.({'|'.join(METHODS)})\(", everything)}
    for module in found:
        spaces = [vars(module), *(vars(value) for value in vars(module).values() if isinstance(value, type))]
        for name, value in [(name, value) for space in spaces for name, value in space.items()]:
            for pattern, methods in held(value):
                used = methods | {method for method in METHODS if (name, method) in calls}
                for method in sorted(used) or ["fullmatch", "search"]:
                    yield f"{module.__name__}.{name}", pattern, method


FOUND = {f"{name}.{method}": (pattern, method) for name, pattern, method in patterns() if name not in BOUNDED}


@pytest.mark.parametrize("name", FOUND)
def test_no_expression_reads_a_text_in_many_ways(name: str) -> None:
    assert superlinear(*FOUND[name]) is None


def test_every_expression_is_found() -> None:
    made = set()
    for module in modules():
        tree = ast.parse(Path(module.__file__ or "").read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for node in (inner for function in functions for inner in ast.walk(function)):
            if isinstance(node, ast.Call) and (
                found := re.fullmatch(rf"re\.(compile|{'|'.join(METHODS)})", ast.unparse(node.func))
            ):
                if isinstance(node.args[0], ast.Constant):  # made when it is first needed
                    for method in ("fullmatch", "search") if found[1] == "compile" else (found[1],):
                        assert superlinear(re.compile(node.args[0].value), method) is None, module.__name__
                else:
                    made.add(module.__name__)
    assert made <= set(MADE_ELSEWHERE)


@pytest.mark.parametrize("name", CONVERTOR_TYPES)
def test_no_convertor_reads_a_text_in_many_ways(name: str) -> None:
    assert superlinear(re.compile(CONVERTOR_TYPES[name].regex), "fullmatch") is None


TEMPLATES = [
    *("/users/{id:int}", "/a/{b}/c/{d:uuid}/{e:float}", "/files/{path:path}", "/{a}-x", "/{a:path}/{b:path}"),
    *("/{name}.{ext}", "/{a}-{b}-{c}", "/{a}{b}", "/{a:int}.{b:int}", "/{a:float}.{b:float}", "/{a:path}/edit/{b}"),
    *("{sub}.example.org", "{a}.{b}.example.org", "/{a:int}{b}", "/{a}/{b:path}", "/{a:uuid}{b:uuid}"),
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_that_an_expression_reads_is_read_in_one_way(template: str) -> None:
    pattern, path_format, convertors = compile_path(template)
    by_expression = compile_extract(path_format, convertors).__qualname__.startswith("by_pattern")
    assert not by_expression or superlinear(pattern, "match") is None


def test_wildcards_of_origins_are_read_in_one_way() -> None:
    cors = CORSMiddleware(print, ["https://*.shop.example", "http://localhost:*", "https://*.a.example:*"])
    assert [superlinear(regex, "fullmatch") for regex in cors._origins.regexes] == [None] * 3


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"[ \t]*([0-9]*)[ \t]*-", "fullmatch"),
        (r"(a*)*b", "match"),
        (r"(a+)+b", "match"),
        (r"(?:ab|a|b)*c", "match"),
        (r"(?:a?b?)*c", "match"),
        (r"[^/]+\.[^/]+\Z", "match"),
        (r"a*b?a*c", "match"),
        (r"a*a*", "fullmatch"),
        (r"a+b", "search"),
        (r"(\d+)\.(\d+)", "sub"),
        (r"a{1,99}a{1,99}b", "match"),
        (r"(?i)k*K+x", "match"),
        (r"\w*\d*x", "match"),
        (r"(?s:.*)\n*x", "match"),
        (r"(?:x(?=.*y))*z", "match"),
        (r"x(?=.*y)", "search"),
        (r"(a)\1", "match"),
        (rb"[^a]*[^b]*c", "match"),
        (r"(?>a+)+b", "match"),
        (r"(?:a+c)+", "search"),
    ],
)
def test_an_expression_that_reads_a_text_in_many_ways_is_known(pattern: str | bytes, method: str) -> None:
    assert superlinear(re.compile(pattern), method) is not None


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"[ \t]*(?:([0-9]+)[ \t]*)?-[ \t]*(?:([0-9]+)[ \t]*)?", "fullmatch"),
        (r"(?:[a-z0-9_-]+\.)+shop\.example", "fullmatch"),
        (r"(?:[^,]*,)*[^,]*x", "match"),
        (r"a*a*", "match"),
        (r'"[^"]*"', "findall"),
        (r"(^|&)sig=[^&]*", "sub"),
        (r":\w+}", "sub"),
        (r"\D*\d+x", "match"),
        (r"(?m)^a$", "search"),
        (r"(?:ab)*a?c", "match"),
        (r"a{0,3}a{0,3}b", "match"),
        (r"(?!\.)[a.]+x", "match"),
        (r"x(?=.*y)", "match"),
        (rb"a+?b", "match"),
        (r"a++b", "match"),
        (r"(?:%[0-9A-F]{2})+", "sub"),
        (r"(?:ab+c)+", "search"),
    ],
)
def test_an_expression_that_reads_a_text_in_one_way_is_known(pattern: str | bytes, method: str) -> None:
    assert superlinear(re.compile(pattern), method) is None
