"""Every rule about HTTP messages: what breaks it, and the nearest thing that does not."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from typing import Any

import pytest

from asgi_testclient import ProtocolViolation, ProtocolWarning
from asgi_testclient._checks import RULES, HTTPChecks
from raw_asgi import http_scope

ALL = frozenset(
    f"http.response.{name}" for name in ("debug", "trailers", "early_hint", "push", "pathsend", "zerocopysend")
)
END = object()
GONE = {"type": "http.disconnect"}
FILE = sys.__stdout__
PATH = __file__


def start(status: Any = 200, headers: Any = (), **extra: Any) -> dict:
    return {"type": "http.response.start", "status": status, "headers": headers} | extra


def body(data: Any = b"", more: Any = False, **extra: Any) -> dict:
    return {"type": "http.response.body", "body": data, "more_body": more} | extra


def message(name: str, **fields: Any) -> dict:
    return {"type": f"http.response.{name}"} | fields


def headers(*pairs: Any) -> list:
    return [start(headers=list(pairs)), body()]


def length(value: bytes, *events: Any, status: int = 200) -> list:
    return [start(status, [(b"content-length", value)]), *events]


def play(checks: HTTPChecks, events: Any) -> HTTPChecks:
    for event in events:
        if event is END:
            checks.returned(None)
        elif event is GONE:
            checks.received(event)
        else:
            checks.sent(event)
    return checks


def checks(events: Any = (), *, offered: frozenset[str] = ALL, strict: Any = "errors", ignore: Any = (), **scope: Any):
    watched = HTTPChecks(http_scope(**scope), offered=offered, strict=strict, ignore=frozenset(ignore))
    return play(watched, events)


BROKEN = [
    ("E01", [None]),
    ("E01", [[("type", "http.response.start")]]),
    ("E01", [{}]),
    ("E01", [{"type": None, "status": 200}]),
    ("E01", [{"type": b"http.response.start", "status": 200}]),
    ("E01", [{"type": ["http.response.start"]}]),
    ("E02", [{"type": "http.response.strat", "status": 200}]),
    ("E02", [{"type": "websocket.accept"}]),
    ("E02", [{"type": "lifespan.startup.complete"}]),
    ("E02", [{"type": "http.request"}]),
    ("E04", [body()]),
    ("E04", [message("trailers")]),
    ("E04", [message("push", path="/a.css", headers=[])]),
    ("E04", [message("pathsend", path=PATH)]),
    ("E04", [message("zerocopysend", file=FILE)]),
    ("E04", [start(), message("debug", info={})]),
    ("E05", [start(), start()]),
    ("E05", [start(), body(b"a", True), start()]),
    ("E06", [start(), body(), body()]),
    ("E06", [start(), body(), start()]),
    ("E06", [start(trailers=True), body(), body()]),
    ("E06", [start(), body(), message("early_hint", links=[])]),
    ("E06", [start(), body(), message("push", path="/", headers=[])]),
    ("E06", [start(), body(), message("pathsend", path=PATH)]),
    ("E06", [start(), body(), message("zerocopysend", file=FILE)]),
    ("E07", [END]),
    ("E07", [start(), END]),
    ("E07", [start(), body(b"a", True), body(b"b", True), END]),
    ("E07", [start(trailers=True), body(), END]),
    ("E07", [start(trailers=True), body(), message("trailers", headers=[], more_trailers=True), END]),
    ("E08", [{"type": "http.response.start"}]),
    ("E08", [start(None)]),
    ("E08", [start("200")]),
    ("E08", [start(True)]),
    ("E08", [start(200.0)]),
    ("E08", [start(99)]),
    ("E08", [start(103)]),
    ("E08", [start(101)]),
    ("E08", [start(600)]),
    ("E08", [start(1000)]),
    ("E09", [start(headers=None)]),
    ("E09", [start(headers=1)]),
    ("E09", [start(headers=b"a: b")]),
    ("E09", [start(headers={b"content-type": b"text/plain"})]),
    ("E09", headers(("content-type", "text/plain"))),
    ("E09", headers((b"content-type", "text/plain"))),
    ("E09", headers((b"content-length", 5))),
    ("E09", headers((bytearray(b"a"), b"b"))),
    ("E09", headers((b"a", b"b", b"c"))),
    ("E09", headers((b"a",))),
    ("E09", headers(b"ab")),
    ("E09", headers(None)),
    ("E09", [start(), message("push", path="/", headers=[("a", "b")])]),
    ("E09", [start(trailers=True), body(), message("trailers", headers=[("a", "b")])]),
    ("E10", headers((b"", b"a"))),
    ("E10", headers((b"x y", b"a"))),
    ("E10", headers((b":status", b"200"))),
    ("E10", headers((b"x-a:", b"a"))),
    ("E10", headers((b"x\r\ny", b"a"))),
    ("E10", headers((b"caf\xe9", b"a"))),
    ("E11", headers((b"location", b"/\r\nset-cookie: a=b"))),
    ("E11", headers((b"x-a", b"a\nb"))),
    ("E11", headers((b"x-a", b"a\0b"))),
    ("E11", [message("early_hint", links=[b"</a>\r\n"])]),
    ("E12", [start(), body("text")]),
    ("E12", [start(), body(None)]),
    ("E12", [start(), body([1, 2])]),
    ("E12", [start(), body(b"a", "false")]),
    ("E12", [start(), body(b"a", 1)]),
    ("E12", [start(), body(b"a", None)]),
    ("E12", [start(trailers="yes")]),
    ("E12", [start(trailers=True), body(), message("trailers", headers=[], more_trailers=0)]),
    ("E13", length(b"abc")),
    ("E13", length(b"-1")),
    ("E13", length(b"")),
    ("E13", length(b"5, 5")),
    ("E13", length("\u0665".encode())),
    ("E13", headers((b"content-length", b"1"), (b"content-length", b"2"))),
    ("E13", length(b"3", body(b"four"))),
    ("E13", length(b"3", body(b"ab", True), body(b"cd", True))),
    ("E13", length(b"3", body(b"ab"))),
    ("E13", length(b"1", body())),
    ("E13", length(b"1", message("pathsend", path=PATH))),
    ("E13", length(b"3", message("zerocopysend", file=FILE, count=4))),
    ("E14", [start(), body(), message("trailers", headers=[])]),
    ("E14", [start(trailers=False), body(), message("trailers", headers=[])]),
    ("E14", [start(trailers=True), message("trailers", headers=[])]),
    ("E14", [start(trailers=True), body(), message("trailers", headers=[]), message("trailers", headers=[])]),
    ("E15", [start(), message("pathsend", path=PATH), message("pathsend", path=PATH)]),
    ("E15", [start(), message("pathsend", path=PATH), body()]),
    ("E15", [start(), body(b"", True), message("pathsend", path=PATH)]),
    ("E15", [start(), message("pathsend", path="test_checks_http.py")]),
    ("E15", [start(), message("pathsend", path=PATH + ".missing")]),
    ("E15", [start(), message("pathsend", path=PATH.encode())]),
    ("E15", [start(), message("pathsend")]),
    ("E18", [start(), body(), END, body()]),
    ("E18", [start(), GONE, END, body()]),
    ("E30", [message("debug")]),
    ("E30", [message("early_hint", links=b"</a>")]),
    ("E30", [message("early_hint", links=None)]),
    ("E30", [message("early_hint", links=["</a>"])]),
    ("E30", [start(), message("push", headers=[])]),
    ("E30", [start(), message("zerocopysend", file=None)]),
    ("E30", [start(), message("zerocopysend", file=FILE, offset=-1)]),
    ("E30", [start(), message("zerocopysend", file=FILE, count="3")]),
]

LEGAL = [
    ("E01", [start(x=1, _private=object()), body(y=[])]),
    ("E01", [type("Message", (dict,), {})(start()), body()]),
    ("E04", [message("debug", info={}), start(), body()]),
    ("E04", [message("early_hint", links=[b"</a>; rel=preload"]), start(), message("early_hint"), body()]),
    ("E04", [start(), message("push", path="/a.css", headers=[(b"a", b"b")]), body()]),
    ("E06", [start(), body(b"a", True), body(b"b", True), body()]),
    ("E07", [start(), {"type": "http.response.body"}, END]),
    ("E07", [GONE, END]),
    ("E07", [start(), body(b"a", True), GONE, END]),
    ("E07", [start(trailers=True), body(), GONE, END]),
    ("E08", [start(200), body()]),
    ("E08", [start(599), body()]),
    ("E08", [start(299), body()]),
    ("E09", [{"type": "http.response.start", "status": 200}, body(), END]),
    ("E09", [start(headers=()), body()]),
    ("E09", [start(headers=([b"a", b"b"], (b"c", b"d"))), body()]),
    ("E09", [start(headers={b"content-type": b"text/plain"}.items()), body()]),
    ("E09", headers((type("Name", (bytes,), {})(b"x-a"), b"b"))),
    ("E10", headers((b"x!#$%&'*+-.^_`|~9", b""))),
    ("E11", headers((b"x-a", b"caf\xe9\tb \x7f"))),
    ("E12", [start(), body(bytearray(b"a"), True), body(memoryview(b"b"))]),
    ("E13", length(b"3", body(b"ab", True), body(b"c", True), body(), END)),
    ("E13", length(b"0", body(), END)),
    ("E13", headers((b"content-length", b"0"), (b"content-length", b"0"))),
    ("E13", length(b"10", body(), status=304)),
    ("E13", length(b"8", body(memoryview(b"12345678").cast("I")), END)),
    ("E13", length(b"3", message("zerocopysend", file=FILE, count=1, more_body=True), body(b"23"))),
    ("E13", length(b"3", message("zerocopysend", file=FILE))),
    (
        "E14",
        [start(trailers=True), body(), message("trailers", headers=[], more_trailers=True), message("trailers"), END],
    ),
    ("E15", [start(), message("pathsend", path=PATH), END]),
    ("E15", [start(trailers=True), message("pathsend", path=PATH), message("trailers", headers=[(b"a", b"b")]), END]),
    ("E30", [start(), message("zerocopysend", file=3, offset=0, count=2, more_body=True), body(), END]),
    ("E30", [start(), message("zerocopysend", file=FILE, offset=None, count=None), END]),
]

HABITS = [
    ("W01", headers((b"Content-Type", b"text/plain"), (b"Content-Length", b"0"))),
    ("W02", headers((b"transfer-encoding", b"chunked"))),
    ("W02", headers((b"connection", b"close"))),
    ("W03", [start(204), body(b"a")]),
    ("W03", [start(304), body(b"a")]),
    ("W04", headers((b"x-a", b" a"))),
    ("W04", headers((b"x-a", b"a\t"))),
]

CLEAN = [
    ("W01", headers((b"content-type", b"text/plain"))),
    ("W02", headers((b"te", b"trailers"), (b"upgrade", b"h2c"))),
    ("W03", [start(204), body()]),
    ("W03", [start(200), body(b"a")]),
    ("W04", headers((b"x-a", b"a b"), (b"x-b", b""))),
]


def cases(table: list) -> Any:
    return pytest.mark.parametrize(("code", "events"), table, ids=[code for code, _ in table])


@cases(BROKEN)
def test_a_broken_rule_is_named_where_it_is_broken(code: str, events: list) -> None:
    watched = checks()
    with pytest.raises(ProtocolViolation) as caught:
        play(watched, events)
    violation = caught.value.violation
    assert (violation.code, violation.hint) == (code, RULES[code])
    assert watched.violations == [violation]
    assert watched.first_error is violation


@cases(LEGAL + CLEAN)
@pytest.mark.parametrize("strict", ["errors", "all"])
def test_what_is_legal_is_not_flagged(code: str, events: list, strict: str) -> None:
    assert checks(events, strict=strict).violations == []


def test_every_code_can_be_ignored() -> None:
    for code, events in BROKEN:
        watched = checks(ignore={code}, strict="errors")
        with contextlib.suppress(ProtocolViolation):
            play(watched, events)
        assert code not in [violation.code for violation in watched.violations], events


def test_nothing_is_checked_when_strict_is_off() -> None:
    events = BROKEN[0][1]
    assert checks(events, strict="off").violations == []


@cases(HABITS)
def test_a_habit_of_frameworks_is_a_warning(code: str, events: list) -> None:
    with pytest.warns(ProtocolWarning) as caught:
        watched = checks(events)
    assert [warning.message.violation.code for warning in caught] == [code]
    assert caught[0].filename == __file__
    assert [violation.code for violation in watched.violations] == [code]
    assert watched.first_error is None


@cases(HABITS)
def test_a_habit_is_an_error_when_all_is_strict(code: str, events: list) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        checks(events, strict="all")
    assert caught.value.violation.code == code


def test_the_habits_of_installed_code_are_recorded_without_a_warning() -> None:
    namespace: dict[str, Any] = {"__name__": "django.core.handlers.asgi"}
    code = compile("def send(checks, event):\n    checks.sent(event)\n", "/venv/site-packages/django/asgi.py", "exec")
    exec(code, namespace)
    watched = checks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        namespace["send"](watched, start(headers=[(b"Content-Type", b"text/html"), (b"Vary", b"Cookie")]))
    (violation,) = watched.violations
    assert violation.message == "header names are not in lower case: b'Content-Type', b'Vary'"
    assert violation.where is not None
    assert violation.where.startswith("/venv/site-packages/django/asgi.py:2 in send, called from " + __file__)


def test_installed_code_may_stand_alone() -> None:
    namespace: dict[str, Any] = {"__name__": "django.core.handlers.asgi"}
    code = compile("def send(checks, event):\n    checks.sent(event)\n", "/venv/site-packages/django/asgi.py", "exec")
    exec(code, namespace)
    watched = checks()
    thread = threading.Thread(target=namespace["send"], args=(watched, start(headers=[(b"A", b"b")])))
    thread.start()
    thread.join()
    assert watched.violations[0].where == "/venv/site-packages/django/asgi.py:2 in send"


def test_head_responses_may_have_any_body_and_any_length() -> None:
    assert checks(length(b"10", body(b"hello"), END), method="HEAD").violations == []
    assert checks(length(b"10", body(), END), method="HEAD").violations == []
    assert checks(length(b"10", message("pathsend", path=PATH), END), method="HEAD").violations == []


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_extension_has_to_be_offered(name: str) -> None:
    event = {"type": name, "info": {}, "links": [], "path": PATH, "headers": [], "file": FILE}
    before = [] if name.endswith(("debug", "early_hint")) else [start()]
    with pytest.raises(ProtocolViolation, match=f"does not offer the extension '{name}'") as caught:
        checks([*before, event], offered=ALL - {name})
    assert caught.value.violation.code == "E03"
    if not name.endswith("trailers"):
        assert checks([*before, event]).violations == []


def test_announcing_trailers_that_are_not_offered_changes_nothing() -> None:
    assert checks([start(trailers=True), body(), END], offered=frozenset()).violations == []


def test_an_http_1_0_client_needs_a_content_length() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        checks([start()], strict="all", http_version="1.0")
    assert caught.value.violation.code == "W07"


@pytest.mark.parametrize(
    ("scope", "response"),
    [
        ({"http_version": "1.0"}, start(headers=[(b"a", b"b"), (b"content-length", b"0")])),
        ({"http_version": "1.0"}, start(204)),
        ({"http_version": "1.0", "method": "HEAD"}, start()),
        ({"http_version": "1.1"}, start()),
    ],
)
def test_other_clients_do_not(scope: dict, response: dict) -> None:
    assert checks([response], strict="all", **scope).violations == []


def test_broken_headers_do_not_hide_a_missing_length() -> None:
    with pytest.warns(ProtocolWarning, match="W07"):
        checks([start(headers=[(b"a",), (1, 2)])], http_version="1.0", ignore={"E09"})


@pytest.mark.parametrize(
    "spent",
    [
        lambda: (pair for pair in [(b"a", b"1"), (b"b", b"2")]),
        lambda: iter([[b"a", b"1"], [b"b", b"2"]]),
        lambda: [map(bytes, pair) for pair in [(b"a", b"1"), (b"b", b"2")]],
        lambda: (map(bytes, pair) for pair in [(b"a", b"1"), (b"b", b"2")]),
    ],
    ids=["generator", "iterator", "iterator pairs", "both"],
)
def test_headers_that_can_be_read_once_are_passed_whole(spent: Any) -> None:
    response = start(headers=spent())
    checks([response], strict="all")
    assert [tuple(pair) for pair in response["headers"]] == [(b"a", b"1"), (b"b", b"2")]
    assert [tuple(pair) for pair in response["headers"]] == [(b"a", b"1"), (b"b", b"2")]


def test_links_that_can_be_read_once_are_passed_whole() -> None:
    hint = message("early_hint", links=iter([b"</a>"]))
    checks([hint])
    assert list(hint["links"]) == [b"</a>"]


def test_other_containers_are_left_alone() -> None:
    for container in ([(b"a", b"b")], ([b"a", b"b"],), {b"a": b"b"}.items()):
        response = start(headers=container)
        checks([response])
        assert response["headers"] is container


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: sent[1].update(body=b"other"),
        lambda sent: sent[1].update(extra=1),
        lambda sent: sent[1].pop("more_body"),
        lambda sent: sent[1]["body"].__setitem__(0, 0),
        lambda sent: sent[0]["headers"].append((b"c", b"d")),
        lambda sent: sent[0]["headers"][0].__setitem__(0, b"x"),
    ],
)
def test_a_message_is_not_changed_after_sending_it(change: Any) -> None:
    sent = [start(headers=[[b"a", b"b"]]), body(bytearray(b"hello"))]
    watched = checks(sent, strict="all")
    change(sent)
    with pytest.raises(ProtocolViolation, match="a message after sending it") as caught:
        watched.returned(None)
    assert caught.value.violation.code == "W05"


def test_a_message_is_not_changed_for_the_next_send() -> None:
    chunk = body(b"a", True)
    watched = checks([start(), chunk], strict="all")
    chunk["body"] = b"b"
    with pytest.raises(ProtocolViolation, match="has another 'body'"):
        watched.sent(chunk)


def test_one_message_may_be_sent_forever() -> None:
    chunk = body(b"a", True)
    response = start(headers=[(b"a", b"b")])
    for _ in range(2):
        assert checks([response, chunk, chunk, chunk, body(), END], strict="all").violations == []


@pytest.mark.parametrize(
    "change",
    [
        lambda scope: scope.update(subprotocols=[]),
        lambda scope: scope.update(path="/other"),
        lambda scope: scope.pop("query_string"),
        lambda scope: scope["headers"].append((b"a", b"b")),
        lambda scope: scope["extensions"].update({"x": {}}),
    ],
)
def test_the_scope_is_not_changed(change: Any) -> None:
    scope = http_scope()
    watched = play(HTTPChecks(scope, strict="all"), [start(), body()])
    change(scope)
    with pytest.raises(ProtocolViolation, match="the scope it was given") as caught:
        watched.returned(None)
    assert caught.value.violation.code == "W05"


def test_keys_are_added_to_the_scope_in_place() -> None:
    scope = http_scope()
    watched = play(HTTPChecks(scope, strict="all"), [start(), body()])
    scope.update(app=1, session={}, path_params={"id": 1}, root_path="/mounted")
    scope["state"]["visits"] = 1
    watched.returned(None)
    assert watched.violations == []


def test_editing_the_scope_is_not_reported_by_default() -> None:
    scope = http_scope()
    watched = play(HTTPChecks(scope), [start(), body()])
    scope["app"] = 1
    watched.returned(None)
    assert watched.violations == []


def test_returning_a_value_is_a_warning() -> None:
    watched = checks([start(), body()])
    with pytest.warns(ProtocolWarning, match="the application returned 'done' \\(str\\) where None was expected"):
        watched.returned("done")
    with pytest.raises(ProtocolViolation) as caught:
        checks([start(), body()], strict="all").returned("done")
    assert caught.value.violation.code == "E29"


def test_an_exception_leaves_nothing_missing() -> None:
    watched = checks([start()])
    watched.raised(RuntimeError())
    assert watched.violations == []
    with pytest.raises(ProtocolViolation) as caught:
        watched.sent(body())
    assert caught.value.violation.code == "E18"


def test_what_follows_from_an_error_is_not_another_one() -> None:
    watched = checks()
    with pytest.raises(ProtocolViolation):
        watched.sent(start("200"))
    watched.returned(None)
    assert [violation.code for violation in watched.violations] == ["E08"]


def test_an_answer_after_a_refused_one_is_fine() -> None:
    watched = checks()
    with pytest.raises(ProtocolViolation):
        watched.sent(body())
    play(watched, [start(500), body(), END])
    assert [violation.code for violation in watched.violations] == ["E04"]


def test_the_text_says_what_came_and_where_and_what_to_do() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        checks([start("OK")])
    first, where, call, hint = str(caught.value).splitlines()
    assert first == "E08: the status of http.response.start is 'OK' (str); an int from 200 to 599 was expected"
    assert where.startswith(f"  at {__file__}:")
    assert where.endswith(" in play")
    assert call == "  in GET /"
    assert hint == "  " + RULES["E08"]


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        checks([start(), body("x" * 1000)])
    assert len(caught.value.violation.message) < 150


def test_a_warning_is_reported_even_where_no_code_is_to_be_named() -> None:
    watched = checks([start(), body()])
    watched.application = 3
    with pytest.warns(ProtocolWarning, match="at 3\n"):
        watched.returned(3)


def test_a_violation_found_twice_is_kept_once() -> None:
    watched = checks([], ignore=())
    for _ in range(2):
        with pytest.raises(ProtocolViolation):
            watched.sent(None)
    assert len(watched.violations) == 1


def test_a_violation_does_not_change() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        checks([None])
    with pytest.raises(AttributeError):
        caught.value.violation.code = "E02"


def test_an_unknown_code_or_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no such code to ignore: E99"):
        checks(ignore={"E99", "E01"})
    with pytest.raises(ValueError, match="not 'some'"):
        checks(strict="some")


def test_names_are_looked_up_in_a_table_that_stays_small() -> None:
    from asgi_testclient._checks import headers as module

    known = dict(module.KINDS)
    try:
        for number in range(module.MOST_KINDS + 10):
            checks(headers((b"x-%d" % number, b"a")))
        assert len(module.KINDS) == module.MOST_KINDS
        module.KINDS.clear()
        module._kind(b"x" * (module.LONGEST_KIND + 1))
        assert not module.KINDS
    finally:
        module.KINDS.clear()
        module.KINDS.update(known)
