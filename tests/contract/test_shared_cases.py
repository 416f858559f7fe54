"""Helpers that stand in several packages, each copy run through one table of cases: what they share, they agree on."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

import asgi_middleware._authority
import asgi_middleware._headers
import asgi_middleware._replies
import asgi_requests._authority
import asgi_requests._fields
import asgi_routing._replies
import asgi_routing._scope
from wire import Reply, http_scope, run, websocket_scope

# Where the copies of a helper stand, for the count of lines.
COPIES = {
    "the host of a request": [
        asgi_middleware._authority.requested_host,
        asgi_routing._scope.requested_host,
        asgi_requests._authority.request_netloc,
    ],
    "headers by name": [
        asgi_middleware._headers.first_value,
        asgi_middleware._headers.all_values,
        asgi_requests._fields.find_any_case,
        asgi_requests._fields.find_all,
    ],
    "Vary": [asgi_middleware._headers.merge_vary, asgi_requests._fields.merge_vary],
    "plain answers": [
        asgi_middleware._replies.send_text,
        asgi_middleware._replies.reject,
        asgi_routing._replies.send_response,
        asgi_routing._replies.reject,
    ],
}
MOST_LINES = 150  # ARCHITECTURE, "Seams": about so many in the whole repository


def lines_of(function: Callable[..., Any]) -> int:
    """The lines of code of a function, without its docstring and blank lines."""
    tree = ast.parse(inspect.getsource(function))
    node = tree.body[0]
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    if ast.get_docstring(node) is not None:
        del node.body[0]
    return len(ast.unparse(node).splitlines())


def test_what_stands_in_several_packages_is_small() -> None:
    assert sum(lines_of(function) for copies in COPIES.values() for function in copies) <= MOST_LINES


def test_every_copy_is_short() -> None:
    for copies in COPIES.values():
        for function in copies:
            assert lines_of(function) <= 20, function.__qualname__


def test_no_helper_has_a_copy_that_is_not_compared(packages: Any) -> None:
    """A function of some length whose code stands in two packages belongs into the tables here."""
    places = defaultdict(set)
    for package in packages:
        for path in package.files:
            if path.name in ("types.py", "_host.py"):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and len(ast.unparse(node)) > 300:
                    node.name, node.returns, node.decorator_list = "f", None, []
                    if ast.get_docstring(node) is not None:
                        del node.body[0]
                    places[ast.unparse(node)].add(package.module)
    known = {function.__module__.partition(".")[0] for copies in COPIES.values() for function in copies}
    assert [sorted(modules) for modules in places.values() if len(modules) > 1 and not modules <= known] == []


HOSTS: list[tuple[str, str | None]] = [
    ("example.org", "example.org"),
    ("EXAMPLE.org", "example.org"),
    ("example.org:80", "example.org"),
    ("example.org:", "example.org"),
    ("a_b.example.org", "a_b.example.org"),
    ("127.0.0.1:8000", "127.0.0.1"),
    ("[::1]", "[::1]"),
    ("[::1]:8000", "[::1]"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("", None),
    (" ", None),
    ("example.org ", None),
    (" example.org", None),
    ("example.org/path", None),
    ("example.org?query", None),
    ("example.org#fragment", None),
    ("user@example.org", None),
    ("example.org\\", None),
    ("example.org:80:80", None),
    ("example.org:port", None),
    ("example.org:-1", None),
    ("example.org:٣", None),
    ("::1", None),
    ("[::1", None),
    ("::1]", None),
    ("[evil.example]", None),
    ("[::1]evil.example", None),
    ("[::1]@evil.example", None),
    ("a\nb", None),
    ("a\0b", None),
    ("bücher.example", None),
]


def _middleware_host(headers: Any) -> str | None:
    found = asgi_middleware._authority.requested_host(headers)
    return None if found is None else found.name


def _routing_host(headers: Any) -> str | None:
    found = asgi_routing._scope.requested_host({"headers": headers})
    return None if found is None else found.name


def _requests_host(headers: Any) -> str | None:
    netloc = asgi_requests._authority.request_netloc({"headers": list(headers), "server": None}).lower()
    return (netloc if netloc[-1:] == "]" else netloc.rpartition(":")[0] or netloc) or None


HOST_READERS = {"middleware": _middleware_host, "routing": _routing_host, "requests": _requests_host}
each_host_reader = pytest.mark.parametrize("read", HOST_READERS.values(), ids=HOST_READERS)


@each_host_reader
@pytest.mark.parametrize(("host", "name"), HOSTS)
def test_hosts_are_read_alike(read: Callable[[Any], str | None], host: str, name: str | None) -> None:
    assert read([(b"accept", b"*/*"), (b"Host", host.encode("utf-8"))]) == name


# Host, what most read, and who reads it otherwise: asgi-requests as Starlette does.
DIFFERENCES: list[tuple[str, str | None, str, str | None]] = [
    ("example.org:65536", "example.org", "requests", None),
]


@pytest.mark.parametrize(("host", "name", "package", "otherwise"), DIFFERENCES)
def test_hosts_are_read_differently_where_that_is_known(
    host: str, name: str | None, package: str, otherwise: str | None
) -> None:
    readings = {other: read([(b"host", host.encode())]) for other, read in HOST_READERS.items()}
    assert readings == dict.fromkeys(HOST_READERS, name) | {package: otherwise}


@each_host_reader
def test_a_missing_host_is_none(read: Callable[[Any], str | None]) -> None:
    assert read([(b"accept", b"*/*")]) is None
    assert read([]) is None


HEADERS = [(b"Set-Cookie", b"a=1"), (b"x-empty", b""), (b"SET-COOKIE", b"b=2"), (b"x-\xe9", b"\xff"), [b"list", b"1"]]
LOOKUPS: list[tuple[bytes, list[bytes]]] = [
    (b"set-cookie", [b"a=1", b"b=2"]),
    (b"x-empty", [b""]),
    (b"x-\xe9", [b"\xff"]),
    (b"list", [b"1"]),
    (b"missing", []),
    (b"set-cooki", []),
    (b"", []),
]
FIRST = {"middleware": asgi_middleware._headers.first_value, "requests": asgi_requests._fields.find_any_case}
ALL = {"middleware": asgi_middleware._headers.all_values, "requests": asgi_requests._fields.find_all}


@pytest.mark.parametrize(("name", "values"), LOOKUPS)
def test_headers_are_found_alike(name: bytes, values: list[bytes]) -> None:
    for find_all, find_first in zip(ALL.values(), FIRST.values(), strict=True):
        assert find_all(HEADERS, name) == values
        assert find_first(HEADERS, name) == (values or [None])[0]


VARIES: list[tuple[list[str], str, str]] = [
    ([], "Origin", "Origin"),
    (["Accept"], "Origin", "Accept, Origin"),
    (["origin"], "Origin", "origin"),
    (["Accept, Origin"], "ORIGIN", "Accept, Origin"),
    (["Accept", "Cookie,accept"], "Origin", "Accept, Cookie, Origin"),
    (["*"], "Origin", "*"),
    (["Accept", " * "], "Origin", "*"),
    ([" , ,Accept\t,"], "Origin", "Accept, Origin"),
    ([""], "Origin", "Origin"),
    (["X-Origin"], "Origin", "X-Origin, Origin"),
]


@pytest.mark.parametrize(("present", "added", "merged"), VARIES)
def test_vary_is_merged_alike(present: list[str], added: str, merged: str) -> None:
    assert asgi_requests._fields.merge_vary(present, added) == merged
    pairs = asgi_middleware._headers.merge_vary([(b"vary", line.encode()) for line in present], added.encode())
    assert pairs == [(b"vary", merged.encode())]


async def _routing_refusal(scope: Any, receive: Any, send: Any) -> None:
    await asgi_routing._replies.reject(scope, receive, send)


async def _middleware_refusal(scope: Any, receive: Any, send: Any) -> None:
    await asgi_middleware._replies.reject(scope, receive, send, 404, "Not Found")


REFUSALS = {"middleware": _middleware_refusal, "routing": _routing_refusal}
HEAD = [(b"content-length", b"9"), (b"content-type", b"text/plain; charset=utf-8")]
CASES: dict[str, tuple[dict, list[dict], list[dict]]] = {
    "get": (
        http_scope("GET"),
        [],
        [
            {"type": "http.response.start", "status": 404, "headers": HEAD},
            {"type": "http.response.body", "body": b"Not Found"},
        ],
    ),
    "head": (
        http_scope("HEAD"),
        [],
        [
            {"type": "http.response.start", "status": 404, "headers": HEAD},
            {"type": "http.response.body", "body": b""},
        ],
    ),
    "denial": (
        websocket_scope(),
        [{"type": "websocket.connect"}],
        [
            {"type": "websocket.http.response.start", "status": 404, "headers": HEAD},
            {"type": "websocket.http.response.body", "body": b"Not Found"},
        ],
    ),
    "close": (
        websocket_scope(extensions={}),
        [{"type": "websocket.connect"}],
        [{"type": "websocket.close", "code": 1000, "reason": ""}],
    ),
    "no extensions": (
        websocket_scope(extensions=None),
        [{"type": "websocket.connect"}],
        [{"type": "websocket.close", "code": 1000, "reason": ""}],
    ),
    "gone": (websocket_scope(), [{"type": "websocket.disconnect", "code": 1006}], []),
}


@pytest.mark.parametrize("refuse", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("case", CASES)
async def test_requests_and_websockets_are_refused_alike(refuse: Any, case: str) -> None:
    scope, messages, expected = CASES[case]
    reply: Reply = await run(refuse, dict(scope), messages)
    assert reply.messages == expected
