"""The words that a test sees: names, places, and tracebacks without the frames of the client."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asgi_testclient
from asgi_testclient import (
    AsyncTestClient,
    LifespanFailed,
    Lint,
    ProtocolViolation,
    TestClient,
    WebSocketDenied,
    WebSocketDisconnect,
    _texts,
)

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("name", sorted(set(asgi_testclient.__all__) - {"__version__"}))
def test_what_is_public_is_shown_by_a_public_name(name: str) -> None:
    assert "._" not in getattr(asgi_testclient, name).__module__


def test_exceptions_are_shown_by_the_name_that_tests_import() -> None:
    assert ProtocolViolation.__module__ == WebSocketDenied.__module__ == LifespanFailed.__module__ == "asgi_testclient"


@pytest.mark.parametrize(
    "exc",
    [LifespanFailed("startup", "no database"), LifespanFailed("startup", ""), WebSocketDisconnect(4000, "bye")],
)
def test_an_exception_survives_the_way_from_another_process(exc: Exception) -> None:
    copy = pickle.loads(pickle.dumps(exc))
    assert (type(copy), str(copy), vars(copy)) == (type(exc), str(exc), vars(exc))


async def broken(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "chat"})
    await send({"type": "http.response.start", "status": "200"})


def test_a_violation_names_its_request() -> None:
    with pytest.raises(ProtocolViolation, match="\n  in GET /orders\n") as caught:
        TestClient(broken).get("/orders?page=1")
    assert caught.value.violation.request == "GET /orders"
    with pytest.raises(ProtocolViolation, match="\n  in WebSocket /ws\n"):
        TestClient(broken).websocket_connect("/ws").__enter__()


def test_lint_keeps_a_violation_once_though_it_came_with_several_requests() -> None:
    lint = Lint(broken)
    for path in ("/a", "/b"):
        with pytest.raises(ProtocolViolation):
            TestClient(lint, strict="off").get(path)
    assert [(violation.code, violation.request) for violation in lint.violations] == [("E08", "GET /a")]


def test_a_refused_handshake_names_its_status_its_url_and_its_close() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4001, "reason": "no token"})

    async def quiet(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    url = "http://testserver/ws"
    with pytest.raises(WebSocketDenied) as caught:
        TestClient(app).websocket_connect("/ws").__enter__()
    assert str(caught.value) == f"the handshake was refused: 403 for {url} (websocket.close 4001 'no token')"
    with pytest.raises(WebSocketDenied) as caught:
        TestClient(quiet).websocket_connect("/ws").__enter__()
    assert str(caught.value) == f"the handshake was refused: 403 for {url} (websocket.close 1000)"
    assert str(WebSocketDenied(1000)) == "the handshake was refused: (websocket.close 1000)"


async def test_a_denial_names_its_status_and_its_url() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 404})
        await send({"type": "websocket.http.response.body"})

    with pytest.raises(WebSocketDenied) as caught:
        await AsyncTestClient(app).websocket_connect("/nowhere")
    assert str(caught.value) == "the handshake was denied: 404 Not Found for http://testserver/nowhere"


def test_a_long_list_of_messages_is_shown_from_both_ends() -> None:
    assert _texts.listed([]) == "nothing"
    assert _texts.listed(list("abcdef")) == "a, b, c, d, e, f"
    assert _texts.listed(list("abcdefg")) == "a, b, c, ... 2 more ..., f, g"


FAILING = """
from asgi_testclient import TestClient

async def raises(scope, receive, send):
    raise LookupError("no such order")

async def breaks_a_rule(scope, receive, send):
    await send({"type": "http.response.body"})

def test_raised():
    TestClient(raises).get("/")

def test_broken():
    TestClient(breaks_a_rule).get("/")
"""


def test_a_traceback_of_pytest_shows_no_frame_of_the_client(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pytester.makepyfile(FAILING)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", str(file)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    assert "LookupError: no such order" in output
    assert "asgi_testclient.ProtocolViolation: E04" in output
    assert ": in raises" in output
    assert ": in breaks_a_rule" in output
    package = str(Path(asgi_testclient.__file__).parent)
    assert [line for line in output.splitlines() if package in line or "asgi_testclient/_" in line] == []
