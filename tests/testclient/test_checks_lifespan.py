"""Every rule about lifespan messages: what breaks it, and the nearest thing that does not."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_testclient import ProtocolViolation, ProtocolWarning
from asgi_testclient._checks import LifespanChecks

END = object()
STARTUP = {"type": "lifespan.startup"}
SHUTDOWN = {"type": "lifespan.shutdown"}


def answer(name: str, **fields: Any) -> dict:
    return {"type": f"lifespan.{name}"} | fields


UP, DOWN = answer("startup.complete"), answer("shutdown.complete")


def play(events: Any, **options: Any) -> LifespanChecks:
    checks = LifespanChecks({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, **options)
    for event in events:
        if event is END:
            checks.returned(None)
        elif event is STARTUP or event is SHUTDOWN:
            checks.received(event)
        else:
            checks.sent(event)
    return checks


BROKEN = [
    ("E01", [STARTUP, None]),
    ("E02", [STARTUP, answer("started")]),
    ("E02", [STARTUP, {"type": "http.response.start", "status": 200}]),
    ("E18", [STARTUP, UP, SHUTDOWN, END, DOWN]),
    ("E28", [UP]),
    ("E28", [answer("startup.failed")]),
    ("E28", [STARTUP, UP, UP]),
    ("E28", [STARTUP, UP, answer("startup.failed")]),
    ("E28", [STARTUP, answer("startup.failed"), UP]),
    ("E28", [STARTUP, UP, DOWN]),
    ("E28", [STARTUP, DOWN]),
    ("E28", [STARTUP, UP, SHUTDOWN, DOWN, DOWN]),
    ("E28", [STARTUP, answer("startup.failed"), answer("shutdown.failed")]),
    ("E28", [STARTUP, answer("startup.failed", message=None)]),
    ("E28", [STARTUP, answer("startup.failed", message=ValueError("no"))]),
    ("E28", [STARTUP, UP, SHUTDOWN, answer("shutdown.failed", message=b"no")]),
]

LEGAL = [
    ("E28", [STARTUP, UP, SHUTDOWN, DOWN, END]),
    ("E28", [STARTUP, UP, SHUTDOWN, answer("shutdown.failed", message="no"), END]),
    ("E28", [STARTUP, answer("startup.failed"), END]),
    ("E28", [STARTUP, answer("startup.failed", message="no", more=1), END]),
    ("E07", [END]),
    ("E07", [STARTUP, END]),
]


def cases(table: list) -> Any:
    return pytest.mark.parametrize(("code", "events"), table, ids=[code for code, _ in table])


@cases(BROKEN)
def test_a_broken_rule_is_named_where_it_is_broken(code: str, events: list) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        play(events)
    assert caught.value.violation.code == code


@cases(LEGAL)
@pytest.mark.parametrize("strict", ["errors", "all"])
def test_what_is_legal_is_not_flagged(code: str, events: list, strict: Any) -> None:
    assert play(events, strict=strict).violations == []


def test_every_code_can_be_ignored() -> None:
    for code, events in BROKEN:
        assert play(events, ignore=frozenset({code})).violations == [], events


def test_a_message_without_a_type_asks_for_nothing() -> None:
    checks = play([])
    checks.received({})
    assert checks.violations == []


def test_returning_a_value_is_a_warning() -> None:
    with pytest.warns(ProtocolWarning, match="E29"):
        play([STARTUP, UP, SHUTDOWN, DOWN]).returned(1)
