"""Every rule about servers: the scopes they build, and the messages their receive returns."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_testclient import ProtocolViolation
from asgi_testclient._checks import RULES
from asgi_testclient._checks.server import (
    HTTPServerChecks,
    LifespanServerChecks,
    ServerChecks,
    WebSocketServerChecks,
)
from raw_asgi import http_scope, websocket_scope


def lifespan_scope(**extra: Any) -> dict:
    return {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}} | extra


KINDS: dict[str, tuple[Any, type[ServerChecks]]] = {
    "http": (http_scope, HTTPServerChecks),
    "websocket": (websocket_scope, WebSocketServerChecks),
    "lifespan": (lifespan_scope, LifespanServerChecks),
}


def without(kind: str, key: str) -> tuple[str, dict]:
    scope = KINDS[kind][0]()
    del scope[key]
    return kind, scope


def having(kind: str, **values: Any) -> tuple[str, dict]:
    return kind, KINDS[kind][0]() | values


BROKEN_SCOPES = [
    *(("S02", *without("http", key)) for key in ("asgi", "http_version", "method", "path", "query_string", "headers")),
    *(("S02", *without("websocket", key)) for key in ("asgi", "path", "headers")),
    ("S02", *without("lifespan", "asgi")),
    ("S03", *having("http", asgi="3.0")),
    ("S03", *having("http", asgi={})),
    ("S03", *having("http", asgi={"version": "3.0", "spec_version": 2.3})),
    ("S03", *having("http", http_version="HTTP/1.1")),
    ("S03", *having("http", method="get")),
    ("S03", *having("http", method=b"GET")),
    ("S03", *having("http", method="")),
    ("S03", *having("http", scheme=b"http")),
    ("S03", *having("http", scheme="")),
    ("S03", *having("http", path=b"/")),
    ("S03", *having("http", raw_path="/")),
    ("S03", *having("http", query_string="a=b")),
    ("S03", *having("http", query_string=None)),
    ("S03", *having("http", root_path=None)),
    ("S03", *having("http", client="127.0.0.1")),
    ("S03", *having("http", client=("127.0.0.1",))),
    ("S03", *having("http", client=("127.0.0.1", "80"))),
    ("S03", *having("http", server=(b"localhost", 80))),
    ("S03", *having("http", state=None)),
    ("S03", *having("http", extensions=["http.response.debug"])),
    ("S03", *having("http", extensions={1: {}})),
    ("S03", *having("websocket", http_version="1.0")),
    ("S03", *having("websocket", scheme="")),
    ("S03", *having("websocket", subprotocols="chat")),
    ("S03", *having("websocket", subprotocols=[b"chat"])),
    ("S03", *having("lifespan", state=[])),
    ("S04", *having("http", headers=b"a: b")),
    ("S04", *having("http", headers=None)),
    ("S04", *having("http", headers=1)),
    ("S04", *having("http", headers=iter([(b"a", b"b")]))),
    ("S04", *having("http", headers=[("a", "b")])),
    ("S04", *having("http", headers=[(b"a", b"b", b"c")])),
    ("S04", *having("http", headers=[(b"Host", b"a")])),
    ("S04", *having("http", headers=[(b"", b"a")])),
    ("S04", *having("http", headers=[(b":path", b"/")])),
    ("S04", *having("websocket", headers=[(b"a", b"b\r\n")])),
]

LEGAL_SCOPES = [
    having("http"),
    having("http", http_version="2", method="M-SEARCH", scheme="https", client=None, server=None),
    having("http", headers=((b"cookie", b"a=b"), [b"x", b""]), client=["::1", 1], server=["/run/app.sock", None]),
    having("http", app=object(), extensions=None, raw_path=None, **{"asgi_x.key": 1}),
    without("http", "scheme"),
    without("http", "raw_path"),
    without("http", "root_path"),
    without("http", "client"),
    without("http", "server"),
    without("http", "state"),
    without("http", "extensions"),
    having("http", asgi={"version": "3.0"}),
    having("websocket", subprotocols=("chat",)),
    without("websocket", "http_version"),
    without("websocket", "query_string"),
    without("websocket", "subprotocols"),
    having("lifespan"),
    without("lifespan", "state"),
]


@pytest.mark.parametrize(("code", "kind", "scope"), BROKEN_SCOPES, ids=[case[0] for case in BROKEN_SCOPES])
def test_a_broken_scope_is_named(code: str, kind: str, scope: dict) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        KINDS[kind][1](scope).check_scope()
    assert (caught.value.violation.code, caught.value.violation.hint) == (code, RULES[code])
    KINDS[kind][1](scope, strict="off").check_scope()
    KINDS[kind][1](scope, ignore=frozenset({code})).check_scope()


@pytest.mark.parametrize(("kind", "scope"), LEGAL_SCOPES)
def test_a_legal_scope_is_not_flagged(kind: str, scope: dict) -> None:
    KINDS[kind][1](scope, strict="all").check_scope()


REQUEST = {"type": "http.request"}
MORE = {"type": "http.request", "body": b"a", "more_body": True}
GONE = {"type": "http.disconnect"}
CONNECT = {"type": "websocket.connect"}
ACCEPT = object()
TEXT = {"type": "websocket.receive", "text": "a"}
CLOSED = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}
UP, DOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}

BROKEN_MESSAGES = [
    ("S05", "http", [None]),
    ("S05", "http", [{}]),
    ("S05", "http", [{"type": 1}]),
    ("S06", "http", [{"type": "http.response.start"}]),
    ("S06", "http", [CONNECT]),
    ("S06", "websocket", [REQUEST]),
    ("S06", "lifespan", [{"type": "lifespan.startup.complete"}]),
    ("S07", "http", [REQUEST | {"body": "a"}]),
    ("S07", "http", [REQUEST | {"body": bytearray(b"a")}]),
    ("S07", "http", [REQUEST | {"more_body": 1}]),
    ("S07", "websocket", [CONNECT, ACCEPT, TEXT | {"text": b"a"}]),
    ("S07", "websocket", [CONNECT, ACCEPT, TEXT | {"bytes": "a"}]),
    ("S07", "websocket", [CONNECT, ACCEPT, TEXT | {"bytes": b"a"}]),
    ("S07", "websocket", [CONNECT, ACCEPT, {"type": "websocket.receive"}]),
    ("S07", "websocket", [CONNECT, CLOSED | {"code": "1000"}]),
    ("S07", "websocket", [CONNECT, CLOSED | {"code": True}]),
    ("S07", "websocket", [CONNECT, CLOSED | {"reason": b"bye"}]),
    ("S08", "http", [REQUEST, REQUEST]),
    ("S08", "http", [MORE, GONE, REQUEST]),
    ("S08", "websocket", [CONNECT, CONNECT]),
    ("S08", "websocket", [CONNECT, TEXT]),
    ("S08", "websocket", [CONNECT, ACCEPT, CLOSED, TEXT]),
    ("S08", "websocket", [CONNECT, CLOSED, CONNECT]),
    ("S08", "websocket", [CLOSED]),
    ("S08", "lifespan", [UP, UP]),
    ("S08", "lifespan", [DOWN]),
    ("S08", "lifespan", [UP, DOWN, DOWN]),
    ("S08", "lifespan", [UP, DOWN, UP]),
]

LEGAL_MESSAGES = [
    ("http", [REQUEST, GONE, GONE]),
    ("http", [MORE, MORE, REQUEST | {"body": b"", "more_body": False, "extra": 1}]),
    ("http", [GONE]),
    ("http", [MORE, GONE]),
    ("websocket", [CONNECT, ACCEPT, TEXT, {"type": "websocket.receive", "bytes": b"", "text": None}, CLOSED, CLOSED]),
    ("websocket", [CONNECT, {"type": "websocket.disconnect"}]),
    ("websocket", [CONNECT, CLOSED | {"reason": None}]),
    ("lifespan", [UP, DOWN]),
]


def play(kind: str, events: list, **options: Any) -> ServerChecks:
    make_scope, cls = KINDS[kind]
    checks = cls(make_scope(), **options)
    for event in events:
        if event is ACCEPT:
            checks.accepted = True
        else:
            checks.gave(event)
    return checks


@pytest.mark.parametrize(("code", "kind", "events"), BROKEN_MESSAGES, ids=[case[0] for case in BROKEN_MESSAGES])
def test_a_broken_message_is_named(code: str, kind: str, events: list) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        play(kind, events)
    assert (caught.value.violation.code, caught.value.violation.hint) == (code, RULES[code])
    assert play(kind, events, strict="off").violations == []
    assert play(kind, events, ignore=frozenset({code})).violations == []


@pytest.mark.parametrize(("kind", "events"), LEGAL_MESSAGES)
def test_a_legal_message_is_not_flagged(kind: str, events: list) -> None:
    assert play(kind, events, strict="all").violations == []
