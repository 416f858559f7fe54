"""Helpers that stand in several packages, each copy run through one table of cases: what they share, they agree on."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import anyio
import pytest

import asgi_middleware._authority
import asgi_middleware._headers
import asgi_middleware._host
import asgi_middleware._replies
import asgi_requests._authority
import asgi_requests._fields
import asgi_requests._host
import asgi_routing._host
import asgi_routing._replies
import asgi_routing._scope
from asgi_framework.compat._hosts import parse_host_header
from asgi_middleware.opentelemetry._attributes import server_of
from asgi_middleware.trustedhost import TrustedHostMiddleware
from asgi_requests import Request
from asgi_routing import Host, Match
from raw_asgi import Reply, http_scope, run, websocket_scope

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
        asgi_routing._replies.send_text,
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


class Parsed(NamedTuple):
    """Return the reading of a Host by the one grammar: its name to compare with, and the port, None where it is not a number."""

    name: str
    port: int | None = None
    has_valid_port: bool = True


HOSTS: list[tuple[str, Parsed | None]] = [
    ("example.org", Parsed("example.org")),
    ("EXAMPLE.org", Parsed("example.org")),
    ("example.org.", Parsed("example.org")),
    ("example.org.:80", Parsed("example.org", 80)),
    ("example.org:80", Parsed("example.org", 80)),
    ("example.org:", Parsed("example.org")),
    ("example.org:0", Parsed("example.org", 0)),
    ("example.org:000080", Parsed("example.org", 80)),
    ("example.org:65535", Parsed("example.org", 65535)),
    ("example.org:65536", Parsed("example.org", None, False)),
    ("example.org:" + "9" * 5000, Parsed("example.org", None, False)),
    ("example.org:" + "0" * 5000, Parsed("example.org", 0)),
    ("a_b.example.org", Parsed("a_b.example.org")),
    ("my_host!x", Parsed("my_host!x")),
    ("-example.org", Parsed("-example.org")),
    ("a..b", Parsed("a..b")),
    ("%41.example", Parsed("%41.example")),
    ("127.0.0.1:8000", Parsed("127.0.0.1", 8000)),
    ("[::1]", Parsed("[::1]")),
    ("[::1]:", Parsed("[::1]")),
    ("[::1]:8000", Parsed("[::1]", 8000)),
    ("[0:0:0:0:0:0:0:1]", Parsed("[::1]")),
    ("[FD00::A]", Parsed("[fd00::a]")),
    ("[::ffff:1.2.3.4]", Parsed("[::ffff:102:304]")),
    ("[v1.foo]", Parsed("[v1.foo]")),
    ("[v1F.a:b]:80", Parsed("[v1f.a:b]", 80)),
    ("[V1.FOO]", Parsed("[v1.foo]")),
    ("xn--bcher-kva.example", Parsed("xn--bcher-kva.example")),
    ("", None),
    (" ", None),
    (".", None),
    (":80", None),
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
    ("[]", None),
    ("[1:2]", None),
    ("[:::::]", None),
    ("[::1%25eth0]", None),
    ("[v1.]", None),
    ("[v.foo]", None),
    ("[vx.foo]", None),
    ("[evil.example]", None),
    ("[::1]evil.example", None),
    ("[::1]@evil.example", None),
    ("a\nb", None),
    ("a\0b", None),
    ("bücher.example", None),
]
each_host = pytest.mark.parametrize(("host", "parsed"), HOSTS, ids=[ascii(host[:40]) for host, _ in HOSTS])


@pytest.mark.parametrize(
    "package", [asgi_middleware, asgi_requests, asgi_routing], ids=lambda package: package.__name__
)
@each_host
def test_a_host_is_parsed_alike(package: Any, host: str, parsed: Parsed | None) -> None:
    found = package._host.parse_host(host)
    assert (found and Parsed(found.name, found.port_number, found.has_valid_port)) == parsed


Reader = Callable[[dict[str, Any]], str | None]


def _middleware_host(scope: dict[str, Any]) -> str | None:
    found = asgi_middleware._authority.requested_host(scope["headers"])
    return None if found is None else found.name


def _trusted_host(scope: dict[str, Any]) -> str | None:
    """The one of the table's names for which TrustedHostMiddleware lets the request in."""
    for name in {parsed.name for _, parsed in HOSTS if parsed is not None}:
        reply = anyio.run(run, TrustedHostMiddleware(_empty, [name]), scope)
        if reply.status == 204:
            return name
    return None


async def _empty(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def _telemetry_host(scope: dict[str, Any]) -> str | None:
    address, _ = server_of(scope)
    return f"[{address}]" if address and (":" in address or address.startswith("v1")) else address


def _route_host(scope: dict[str, Any]) -> str | None:
    match, found = Host("{name}", app=_empty).matches(scope)
    return found["path_params"]["name"] if match is Match.FULL else None


def _request_host(scope: dict[str, Any]) -> str | None:
    netloc = Request(scope).url.netloc.lower()
    found = asgi_requests._host.parse_host(netloc)
    return None if found is None else found.name


def _drop_in_host(scope: dict[str, Any]) -> str | None:
    values = [value for name, value in scope["headers"] if name.lower() == b"host"]
    found = parse_host_header(values[0].decode("latin-1") if values else None)
    return None if found is None else found.host.lower().removesuffix(".")


HOST_READERS: dict[str, Reader] = {
    "asgi_middleware": _middleware_host,
    "trusted host": _trusted_host,
    "telemetry": _telemetry_host,
    "asgi_routing": _route_host,
    "asgi_requests": _request_host,
    "drop-in": _drop_in_host,
}
"""Who reads a Host, through what a program calls."""

# Who reads a Host otherwise, and why.
NO_SUCH_PORT = "a URL with such a port cannot be read: it is the server's own, as in Starlette"
DIFFERENCES: dict[tuple[str, str], tuple[str | None, str]] = {
    ("asgi_requests", "example.org:65536"): (None, NO_SUCH_PORT),
    ("asgi_requests", "example.org:" + "9" * 5000): (None, NO_SUCH_PORT),
    ("asgi_requests", "[V1.FOO]"): (None, "the standard library refuses the capital V"),
    ("drop-in", "example.org:"): (None, "Starlette's own function refuses an empty port"),
    ("drop-in", "[::1]:"): (None, "Starlette's own function refuses an empty port"),
    ("drop-in", "."): ("", "Starlette's own function keeps a name as it is"),
    ("drop-in", "[V1.FOO]"): (None, "Starlette's own function knows the small v"),
    ("drop-in", "[0:0:0:0:0:0:0:1]"): ("[0:0:0:0:0:0:0:1]", "Starlette's own function keeps an address as it is"),
    ("drop-in", "[::ffff:1.2.3.4]"): ("[::ffff:1.2.3.4]", "Starlette's own function keeps an address as it is"),
}


@pytest.mark.parametrize("reader", HOST_READERS)
@each_host
def test_hosts_are_read_alike(reader: str, host: str, parsed: Parsed | None) -> None:
    scope = http_scope(headers=[(b"accept", b"*/*"), (b"Host", host.encode())], server=None)
    expected = None if parsed is None else parsed.name
    expected, _ = DIFFERENCES.get((reader, host), (expected, ""))
    assert HOST_READERS[reader](scope) == expected


@pytest.mark.parametrize("reader", HOST_READERS)
def test_a_missing_host_is_none(reader: str) -> None:
    for headers in ([(b"accept", b"*/*")], []):
        assert HOST_READERS[reader](http_scope(headers=headers, server=None)) is None


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
