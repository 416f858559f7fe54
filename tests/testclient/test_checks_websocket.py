"""Every rule about WebSocket messages: what breaks it, and the nearest thing that does not."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from asgi_testclient import ProtocolViolation, ProtocolWarning
from asgi_testclient._checks import RULES, WebSocketChecks
from raw_asgi import websocket_scope

END = object()
CONNECT = {"type": "websocket.connect"}
GONE = {"type": "websocket.disconnect", "code": 1001}
ACCEPT = {"type": "websocket.accept"}
DENIAL = frozenset({"websocket.http.response"})


def accept(**fields: Any) -> dict:
    return {"type": "websocket.accept"} | fields


def send(**fields: Any) -> dict:
    return {"type": "websocket.send"} | fields


def close(**fields: Any) -> dict:
    return {"type": "websocket.close"} | fields


def deny(status: Any = 403, **fields: Any) -> dict:
    return {"type": "websocket.http.response.start", "status": status, "headers": []} | fields


def body(data: Any = b"", **fields: Any) -> dict:
    return {"type": "websocket.http.response.body", "body": data} | fields


def play(checks: WebSocketChecks, events: Any) -> WebSocketChecks:
    for event in events:
        if event is END:
            checks.returned(None)
        elif event is CONNECT or event is GONE:
            checks.received(event)
        else:
            checks.sent(event)
    return checks


def checks(*, strict: Any = "errors", ignore: Any = ()) -> WebSocketChecks:
    scope = websocket_scope(subprotocols=["chat", "superchat"])
    return WebSocketChecks(scope, offered=DENIAL, strict=strict, ignore=frozenset(ignore))


BROKEN = [
    ("E01", [CONNECT, "websocket.accept"]),
    ("E02", [CONNECT, {"type": "http.response.start", "status": 404}]),
    ("E02", [CONNECT, {"type": "websocket.connect", "text": ""}]),
    ("E02", [CONNECT, {"type": "websocket.http.response.trailers"}]),
    ("E05", [CONNECT, deny(), deny()]),
    ("E07", [CONNECT, END]),
    ("E07", [END]),
    ("E08", [CONNECT, deny("403")]),
    ("E08", [CONNECT, deny(101)]),
    ("E09", [CONNECT, accept(headers=[("a", "b")])]),
    ("E09", [CONNECT, accept(headers=None)]),
    ("E09", [CONNECT, deny(headers=[("a", "b")])]),
    ("E10", [CONNECT, accept(headers=[(b"a b", b"c")])]),
    ("E11", [CONNECT, accept(headers=[(b"a", b"b\r\nc: d")])]),
    ("E12", [CONNECT, deny(), body("no")]),
    ("E12", [CONNECT, deny(), body(b"no", more_body=1)]),
    ("E13", [CONNECT, deny(headers=[(b"content-length", b"3")]), body(b"no")]),
    ("E18", [CONNECT, ACCEPT, END, send(text="a")]),
    ("E20", [CONNECT, send(text="a")]),
    ("E20", [CONNECT, body()]),
    ("E21", [CONNECT, ACCEPT, ACCEPT]),
    ("E22", [CONNECT, ACCEPT, send()]),
    ("E22", [CONNECT, ACCEPT, send(text=None, bytes=None)]),
    ("E22", [CONNECT, ACCEPT, send(text="a", bytes=b"a")]),
    ("E22", [CONNECT, ACCEPT, send(text=b"a")]),
    ("E22", [CONNECT, ACCEPT, send(bytes="a")]),
    ("E22", [CONNECT, ACCEPT, send(text={"a": 1})]),
    ("E23", [CONNECT, ACCEPT, close(), send(text="a")]),
    ("E23", [CONNECT, ACCEPT, close(), close()]),
    ("E23", [CONNECT, ACCEPT, close(), ACCEPT]),
    ("E23", [CONNECT, close(), ACCEPT]),
    ("E23", [CONNECT, close(), close()]),
    ("E23", [CONNECT, close(), deny()]),
    ("E23", [CONNECT, close(), body()]),
    ("E24", [CONNECT, ACCEPT, close(code="4000")]),
    ("E24", [CONNECT, ACCEPT, close(code=None)]),
    ("E24", [CONNECT, ACCEPT, close(code=True)]),
    ("E24", [CONNECT, ACCEPT, close(code=999)]),
    ("E24", [CONNECT, ACCEPT, close(code=1004)]),
    ("E24", [CONNECT, ACCEPT, close(code=1005)]),
    ("E24", [CONNECT, ACCEPT, close(code=1006)]),
    ("E24", [CONNECT, ACCEPT, close(code=1015)]),
    ("E24", [CONNECT, ACCEPT, close(code=2999)]),
    ("E24", [CONNECT, ACCEPT, close(code=5000)]),
    ("E24", [CONNECT, ACCEPT, close(reason=b"bye")]),
    ("E24", [CONNECT, ACCEPT, close(reason="\u00e9" * 62)]),
    ("E25", [CONNECT, accept(subprotocol="other")]),
    ("E25", [CONNECT, accept(subprotocol="Chat")]),
    ("E25", [CONNECT, accept(subprotocol=b"chat")]),
    ("E25", [CONNECT, accept(subprotocol="")]),
    ("E25", [CONNECT, accept(subprotocol="chat", headers=[(b"sec-websocket-protocol", b"chat")])]),
    ("E26", [CONNECT, ACCEPT, deny()]),
    ("E26", [CONNECT, ACCEPT, body()]),
    ("E26", [CONNECT, deny(), ACCEPT]),
    ("E26", [CONNECT, deny(), send(text="a")]),
    ("E26", [CONNECT, deny(), close()]),
    ("E26", [CONNECT, deny(), body(), body()]),
    ("E26", [CONNECT, deny(), body(), deny()]),
    ("E26", [CONNECT, deny(), body(), close()]),
    ("E26", [CONNECT, deny(), END]),
    ("E26", [CONNECT, deny(), body(b"a", more_body=True), END]),
]

LEGAL = [
    ("E02", [CONNECT, accept(x=1), send(text="a", y=2), close(z=3)]),
    ("E07", [CONNECT, GONE, END]),
    ("E07", [CONNECT, ACCEPT, END]),
    ("E07", [CONNECT, close(), END]),
    ("E08", [CONNECT, deny(599), body(), END]),
    ("E09", [CONNECT, accept(headers=iter([(b"a", b"b")])), END]),
    ("E13", [CONNECT, deny(headers=[(b"content-length", b"2")]), body(b"n", more_body=True), body(b"o"), END]),
    ("E20", [CONNECT, close(code=4000), END]),
    ("E21", [CONNECT, ACCEPT, send(text="a")]),
    ("E22", [CONNECT, ACCEPT, send(text=""), send(bytes=b""), send(text=None, bytes=b"a"), send(text="a", bytes=None)]),
    ("E22", [CONNECT, ACCEPT, send(bytes=bytearray(b"a")), send(bytes=memoryview(b"a"))]),
    ("E23", [CONNECT, ACCEPT, GONE, send(text="a"), close(), END]),
    ("E24", [CONNECT, ACCEPT, close(code=1000, reason="x" * 123)]),
    ("E24", [CONNECT, ACCEPT, close(code=1007, reason=None)]),
    ("E24", [CONNECT, ACCEPT, close(code=1014, reason="")]),
    ("E24", [CONNECT, ACCEPT, close(code=3000)]),
    ("E24", [CONNECT, ACCEPT, close(code=4999)]),
    ("E25", [CONNECT, accept(subprotocol="superchat", headers=[(b"a", b"b")])]),
    ("E25", [CONNECT, accept(subprotocol=None)]),
    ("E26", [CONNECT, deny(), body(b"a", more_body=True), body(), END]),
    ("E26", [CONNECT, deny(), GONE, END]),
    ("E27", [CONNECT, ACCEPT]),
]


def cases(table: list) -> Any:
    return pytest.mark.parametrize(("code", "events"), table, ids=[code for code, _ in table])


@cases(BROKEN)
def test_a_broken_rule_is_named_where_it_is_broken(code: str, events: list) -> None:
    watched = checks()
    with pytest.raises(ProtocolViolation) as caught:
        play(watched, events)
    assert (caught.value.violation.code, caught.value.violation.hint) == (code, RULES[code])


@cases(LEGAL)
@pytest.mark.parametrize("strict", ["errors", "all"])
def test_what_is_legal_is_not_flagged(code: str, events: list, strict: str) -> None:
    assert play(checks(strict=strict), events).violations == []


def test_every_code_can_be_ignored() -> None:
    for code, events in BROKEN:
        watched = checks(ignore={code})
        with contextlib.suppress(ProtocolViolation):
            play(watched, events)
        assert code not in [violation.code for violation in watched.violations], events


@pytest.mark.parametrize("events", [[CONNECT, deny()], [CONNECT, body()]])
def test_a_denial_has_to_be_offered(events: list) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        play(WebSocketChecks(websocket_scope(extensions={})), events)
    assert caught.value.violation.code == "E03"


def test_accepting_before_the_connect_is_a_warning() -> None:
    watched = checks()
    with pytest.warns(ProtocolWarning, match="E27"):
        watched.sent(ACCEPT)
    assert watched.accepted
    with pytest.raises(ProtocolViolation) as caught:
        checks(strict="all").sent(ACCEPT)
    assert caught.value.violation.code == "E27"


def test_a_client_that_offers_nothing_gets_no_subprotocol() -> None:
    scope = websocket_scope()
    del scope["subprotocols"]
    with pytest.raises(ProtocolViolation, match="the client offers none"):
        play(WebSocketChecks(scope), [CONNECT, accept(subprotocol="chat")])


def test_a_refused_connection_was_never_accepted() -> None:
    assert not play(checks(), [CONNECT, close(), END]).accepted
    assert play(checks(), [CONNECT, ACCEPT, close(), END]).accepted
