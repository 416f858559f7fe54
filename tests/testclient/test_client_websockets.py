from __future__ import annotations

import sys
import types
from typing import Any, ClassVar

import anyio
import httpx
import pytest

import asgi_testclient.httpx
from asgi_testclient import (
    AppIgnoredDisconnect,
    AppTimeout,
    AsyncTestClient,
    ProtocolViolation,
    TestClient,
    WebSocketDenialResponse,
    WebSocketDenied,
    WebSocketDisconnect,
    WebSocketTestSession,
)

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
ACCEPT = {"type": "websocket.accept"}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive()) == {"type": "websocket.connect"}
    await send(ACCEPT)
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            scope["state"].setdefault("ends", []).append((message["code"], message["reason"]))
            return
        await send({**message, "type": "websocket.send"})


class Script:
    """Does the steps of its list on a WebSocket: messages are sent, the rest is named."""

    def __init__(self, *steps: Any) -> None:
        self.steps = steps

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for step in self.steps:
            match step:
                case "receive":
                    await receive()
                case "sleep":
                    await anyio.sleep(100)
                case Exception():
                    raise step
                case _:
                    await send(step)


@BACKENDS
def test_text_bytes_and_json_go_there_and_back(backend: Any) -> None:
    ends: list[Any] = []
    client = TestClient(echo, backend=backend, state={"ends": ends})
    with client.websocket_connect("/") as websocket:
        websocket.send_text("text")
        assert websocket.receive_text() == "text"
        websocket.send_bytes(b"bytes")
        assert websocket.receive_bytes() == b"bytes"
        websocket.send_json({"é": 1})
        assert websocket.receive() == {"type": "websocket.send", "text": '{"é":1}'}
        websocket.send_json([1], mode="binary")
        assert websocket.receive_json(mode="binary") == [1]
        websocket.send_json([2])
        assert websocket.receive_json() == [2]
        websocket.send({"type": "websocket.receive", "text": "raw"})
        assert websocket.receive_text() == "raw"
        assert not websocket.closed
        assert (websocket.close_code, websocket.close_reason) == (None, None)
        assert websocket.messages[0] == ("receive", {"type": "websocket.connect"})
    assert ends == [(1000, "")]
    assert (websocket.closed, websocket.close_code, websocket.close_reason) == (True, 1000, "")
    client.close()


async def test_the_async_session_has_the_same_names() -> None:
    ends: list[Any] = []
    client = AsyncTestClient(echo, state={"ends": ends})
    async with client.websocket_connect("/") as websocket:
        await websocket.send_text("text")
        assert await websocket.receive_text() == "text"
        await websocket.send_bytes(b"bytes")
        assert await websocket.receive_bytes() == b"bytes"
        await websocket.send_json({"é": 1})
        assert await websocket.receive() == {"type": "websocket.send", "text": '{"é":1}'}
        await websocket.send_json([1], mode="binary")
        assert await websocket.receive_json(mode="binary") == [1]
        assert await websocket.receive_nothing(0.01)
        await websocket.send({"type": "websocket.disconnect", "code": 4001, "reason": "bye"})
        await websocket.wait_closed()
    assert ends == [(4001, "bye")]
    websocket = await client.websocket_connect("/")
    await websocket.disconnect()
    await websocket.__aexit__(None, None, None)
    assert ends[1:] == [(1006, "")]


def test_the_session_tells_of_the_handshake() -> None:
    accept = {**ACCEPT, "subprotocol": "chat", "headers": [(b"x-name", b"1"), (b"set-cookie", b"a=b")]}
    app = Script("receive", accept, "receive")
    client = TestClient(app)
    with client.websocket_connect(
        "/ws?x=1", ["chat", "other"], headers={"x-mine": "2"}, params={"y": "3"}
    ) as websocket:
        assert websocket.accepted_subprotocol == "chat"
        assert websocket.extra_headers == [(b"x-name", b"1"), (b"set-cookie", b"a=b")]
        assert (websocket.response.status_code, websocket.headers["x-name"]) == (101, "1")
        assert websocket.denial is None
        assert websocket.app is app
        scope = websocket.scope
    assert client.cookies["a"] == "b"
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/ws")
    assert scope["query_string"] in (b"x=1&y=3", b"y=3")
    assert scope["subprotocols"] == ["chat", "other"]
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert "method" not in scope
    headers = dict(scope["headers"])
    assert headers[b"sec-websocket-protocol"] == b"chat, other"
    assert (headers[b"connection"], headers[b"sec-websocket-version"]) == (b"upgrade", b"13")
    assert headers[b"x-mine"] == b"2"


@pytest.mark.parametrize(
    ("base", "url", "scheme", "host", "port", "path"),
    [
        ("http://testserver", "/ws", "ws", "testserver", 80, "/ws"),
        ("https://example.org/prefix", "ws", "wss", "example.org", 443, "/prefix/ws"),
        ("https://example.org:8443", "/ws", "wss", "example.org", 8443, "/ws"),
        ("http://testserver", "wss://other.org/ws", "wss", "other.org", 443, "/ws"),
        ("http://testserver", "ws://other.org/ws", "ws", "other.org", 80, "/ws"),
    ],
)
def test_the_base_url_counts_for_websockets(base: str, url: str, scheme: str, host: str, port: int, path: str) -> None:
    with TestClient(echo, base).websocket_connect(url) as websocket:
        scope = websocket.scope
    assert (scope["scheme"], scope["server"], scope["path"]) == (scheme, (host, port), path)
    assert dict(scope["headers"])[b"host"].decode().partition(":")[0] == host


def test_cookies_of_the_base_url_are_sent_with_websockets() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            return await echo(scope, receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"s=1; Secure; Path=/")]})
        await send({"type": "http.response.body"})

    client = TestClient(app, "https://example.org")
    client.get("/")
    with client.websocket_connect("/ws", auth=("me", "secret")) as websocket:
        headers = dict(websocket.scope["headers"])
    assert headers[b"cookie"] == b"s=1"
    assert headers[b"authorization"].startswith(b"Basic ")


def test_a_close_by_the_application_is_a_disconnect_with_its_code() -> None:
    close = {"type": "websocket.close", "code": 4001, "reason": "enough"}
    client = TestClient(Script("receive", ACCEPT, {"type": "websocket.send", "text": "last"}, close, "receive"))
    with client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "last"
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_text()
        assert (caught.value.code, caught.value.reason) == (4001, "enough")
        with pytest.raises(WebSocketDisconnect):
            websocket.receive_text()
        assert (websocket.close_code, websocket.close_reason) == (4001, "enough")
    with client.websocket_connect("/") as websocket:
        assert list(websocket) == ["last"]
    with client.websocket_connect("/") as websocket:
        websocket.receive()
        assert websocket.receive() == close


async def test_an_async_session_is_iterated_until_the_close() -> None:
    close = {"type": "websocket.close"}
    sent = [{"type": "websocket.send", "text": "a"}, {"type": "websocket.send", "bytes": b"b", "text": None}]
    client = AsyncTestClient(Script("receive", ACCEPT, *sent, close))
    async with client.websocket_connect("/") as websocket:
        assert [message async for message in websocket] == ["a", b"b"]
        assert websocket.close_code == 1000
    async with client.websocket_connect("/") as websocket:
        async for message in websocket:
            assert message == "a"
            break


def test_the_wrong_kind_of_message_is_explained() -> None:
    sent = [{"type": "websocket.send", "text": "a"}, {"type": "websocket.send", "bytes": b"b"}]
    with TestClient(Script("receive", ACCEPT, *sent, "receive")).websocket_connect("/") as websocket:
        with pytest.raises(AssertionError, match="the application sent the text 'a': use receive_text"):
            websocket.receive_bytes()
        with pytest.raises(AssertionError, match="the application sent 1 bytes: use receive_bytes"):
            websocket.receive_text()
        with pytest.raises(ValueError, match="mode is 'text' or 'binary'"):
            websocket.send_json({}, mode="else")  # type: ignore[arg-type]


@BACKENDS
def test_a_close_before_the_accept_is_a_denial_with_403(backend: Any) -> None:
    client = TestClient(Script("receive", {"type": "websocket.close", "code": 1008, "reason": "no"}), backend=backend)
    session = client.websocket_connect("/")
    with pytest.raises(WebSocketDisconnect) as caught, session:
        pass
    assert isinstance(caught.value, WebSocketDenied)
    assert (caught.value.code, caught.value.reason) == (1008, "no")
    assert caught.value.response.status_code == 403
    assert session.denial is caught.value.response
    client.close()


async def test_a_close_before_the_accept_is_a_denial_for_the_async_client() -> None:
    client = AsyncTestClient(Script("receive", {"type": "websocket.close"}))
    with pytest.raises(WebSocketDenied) as caught:
        await client.websocket_connect("/")
    assert (caught.value.code, caught.value.reason) == (1000, "")


DENIAL = (
    "receive",
    {
        "type": "websocket.http.response.start",
        "status": 401,
        "headers": [(b"content-type", b"application/json"), (b"set-cookie", b"a=b")],
    },
    {"type": "websocket.http.response.body", "body": b'{"a":', "more_body": True},
    {"type": "websocket.http.response.body", "body": b"1}"},
)


def test_a_denial_response_is_a_response_and_an_exception() -> None:
    client = TestClient(Script(*DENIAL))
    with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect("/"):
        pass
    denial = caught.value
    assert isinstance(denial, WebSocketDenied)
    assert isinstance(denial, WebSocketDisconnect)
    assert (denial.status_code, denial.json(), denial.code) == (401, {"a": 1}, 401)
    assert denial.response is denial
    assert denial.headers["content-type"] == "application/json"
    assert denial.request.url.path == "/"
    assert "401 Unauthorized" in str(denial)
    assert client.cookies["a"] == "b"


async def test_a_denial_response_reaches_the_async_client() -> None:
    with pytest.raises(asgi_testclient.httpx.WebSocketDenialResponse) as caught:
        async with asgi_testclient.httpx.AsyncTestClient(Script(*DENIAL)).websocket_connect("/"):
            pass
    assert isinstance(caught.value, httpx.Response)
    assert caught.value.json() == {"a": 1}


@pytest.mark.parametrize(
    ("steps", "kind", "words"),
    [
        (("receive",), ProtocolViolation, "E20|returned"),
        (("receive", LookupError("early")), LookupError, "early"),
        (("receive", "sleep"), AppTimeout, "neither websocket.accept nor websocket.close after"),
        (DENIAL[:2], ProtocolViolation, "E26"),
        ((*DENIAL[:2], "sleep"), AppTimeout, "no end of the denial response"),
        (("receive", {"type": "websocket.send", "text": "x"}), ProtocolViolation, "E20"),
        (("receive", {"type": "http.response.start", "status": 404}), ProtocolViolation, "E02|E20"),
        (("sleep",), AppTimeout, "Received: nothing"),
        (("receive", {"type": "websocket.close"}, LookupError("after")), LookupError, "after"),
    ],
)
def test_a_handshake_that_goes_wrong_is_an_error_and_no_hang(steps: Any, kind: Any, words: str) -> None:
    timeout = 0.05 if kind is AppTimeout else 30
    with pytest.raises(kind, match=words), TestClient(Script(*steps), timeout=timeout).websocket_connect("/"):
        pass


async def test_a_handshake_that_never_ends_is_an_error_of_the_async_client() -> None:
    with pytest.raises(AppTimeout, match="WebSocket /: neither"):
        await AsyncTestClient(Script("sleep"), timeout=0.02).websocket_connect("/")
    with pytest.raises(LookupError, match="early"):
        await AsyncTestClient(Script("receive", LookupError("early"))).websocket_connect("/")


def test_no_answer_to_the_handshake_is_a_denial_where_nothing_is_checked() -> None:
    with pytest.raises(WebSocketDenied) as caught:
        TestClient(Script("receive"), strict="off").websocket_connect("/").__enter__()
    assert caught.value.code == 1006


def test_an_application_that_returns_without_a_close_is_a_disconnect_with_1006() -> None:
    with TestClient(Script("receive", ACCEPT)).websocket_connect("/") as websocket:
        with pytest.raises(WebSocketDisconnect, match=r"returned without websocket\.close") as caught:
            websocket.receive()
        assert caught.value.code == 1006
        assert (websocket.close_code, websocket.closed) == (1006, True)
        assert "returned without" in str(websocket.close_reason)


def test_what_the_application_raises_is_raised_where_the_test_receives() -> None:
    app = Script("receive", ACCEPT, "receive", LookupError("in the middle"))
    with TestClient(app).websocket_connect("/") as websocket:
        websocket.send_text("x")
        with pytest.raises(LookupError, match="in the middle"):
            websocket.receive_text()
    with TestClient(app, raise_server_exceptions=False).websocket_connect("/") as websocket:
        websocket.send_text("x")
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_text()
        assert caught.value.code == 1011


def test_a_session_of_another_kind_may_ask_what_the_application_raised() -> None:
    class Session(WebSocketTestSession):
        pass

    class Client(TestClient):
        session_type = Session

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await receive()
        raise type("WebSocketDisconnect", (Exception,), {})("left")

    with Client(app).websocket_connect("/") as session:
        assert isinstance(session, Session)
        assert session.app_exception is None
    assert str(session.app_exception) == "left"


def test_what_the_application_raises_after_the_close_is_raised_when_the_block_ends() -> None:
    app = Script("receive", ACCEPT, "receive", LookupError("in cleanup"))
    with pytest.raises(LookupError, match="in cleanup"), TestClient(app).websocket_connect("/"):
        pass
    with pytest.raises(AssertionError, match="of the test") as caught, TestClient(app).websocket_connect("/"):
        raise AssertionError("of the test")
    assert any("in cleanup" in note for note in caught.value.__notes__)


async def test_what_the_application_raises_after_the_close_is_raised_when_the_async_block_ends() -> None:
    client = AsyncTestClient(Script("receive", ACCEPT, "receive", LookupError("in cleanup")))
    with pytest.raises(LookupError, match="in cleanup"):
        async with client.websocket_connect("/"):
            pass


def test_an_endpoint_that_lets_the_disconnect_through_is_not_an_error() -> None:
    class WebSocketDisconnect(Exception):
        pass

    app = Script("receive", ACCEPT, "receive", WebSocketDisconnect(1000))
    with TestClient(app).websocket_connect("/"):
        pass


def test_both_sides_waiting_is_explained() -> None:
    with TestClient(echo).websocket_connect("/") as websocket:
        with pytest.raises(AppTimeout, match="both sides wait") as caught:
            websocket.receive_text(timeout=0.02)
        assert "no message from the application after 0.02 s" in str(caught.value)
        assert websocket.receive_nothing(0.01)
        websocket.send_text("still open")
        assert websocket.receive_text(timeout=None) == "still open"
        websocket.send_text("again")
        assert not websocket.receive_nothing(5)


def test_waiting_for_the_close_has_a_limit() -> None:
    with TestClient(echo).websocket_connect("/") as websocket:
        with pytest.raises(AppTimeout, match="has not returned"):
            websocket.wait_closed(0.02)
        websocket.close(3000, "done")
        websocket.wait_closed()
        assert (websocket.close_code, websocket.close_reason) == (3000, "done")


async def test_both_sides_waiting_is_explained_to_the_async_client() -> None:
    async with AsyncTestClient(echo).websocket_connect("/") as websocket:
        with pytest.raises(AppTimeout, match="both sides wait"):
            await websocket.receive_text(timeout=0.02)


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_an_abrupt_disconnect_is_1006_and_sending_after_it_does_what_the_version_says(version: str) -> None:
    notes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        notes.append((await receive())["code"])
        try:
            await send({"type": "websocket.send", "text": "x"})
            await send({"type": "websocket.close"})
        except OSError as exc:
            notes.append(type(exc).__name__)
            raise

    with TestClient(app, spec_version=version).websocket_connect("/") as websocket:
        websocket.disconnect()
        websocket.send_text("lost")
    assert notes == [1006] + (["ClientDisconnected"] if version == "2.4" else [])


@BACKENDS
def test_an_application_that_ignores_the_close_is_cancelled_with_a_warning(backend: Any) -> None:
    client = TestClient(Script("receive", ACCEPT, "sleep"), backend=backend, disconnect_grace=0.02)
    with pytest.warns(AppIgnoredDisconnect, match="WebSocket /: the client left"), client.websocket_connect("/"):
        pass
    client.close()


def test_sessions_may_be_nested() -> None:
    client = TestClient(echo)
    with client.websocket_connect("/a") as first, client.websocket_connect("/b") as second:
        first.send_text("1")
        second.send_text("2")
        assert (second.receive_text(), first.receive_text()) == ("2", "1")


def test_leaving_the_client_drops_its_open_sessions() -> None:
    ends: list[Any] = []
    with TestClient(echo, lifespan="off", state={"ends": ends}) as client:
        websocket = client.websocket_connect("/").__enter__()
    assert ends == [(1006, "")]
    websocket.send_text("too late")
    websocket.__exit__(None, None, None)


def test_a_session_of_a_loop_per_request_has_its_own_loop() -> None:
    with TestClient(echo, loop="per-request").websocket_connect("/") as websocket:
        websocket.send_text("x")
        assert websocket.receive_text() == "x"


def test_messages_that_make_no_sense_do_no_harm_where_nothing_is_checked() -> None:
    close = {"type": "websocket.close", "code": 4000}
    app = Script("receive", ACCEPT, ACCEPT, close, {**close, "code": 4001}, "receive")
    with TestClient(app, strict="off").websocket_connect("/") as websocket:
        assert list(websocket) == []
        assert websocket.close_code == 4000


def test_a_raw_disconnect_closes() -> None:
    ends: list[Any] = []
    with TestClient(echo, state={"ends": ends}).websocket_connect("/") as websocket:
        websocket.send({"type": "websocket.disconnect"})
    assert ends == [(1005, "")]


class TheirDisconnect(Exception):
    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason


def test_a_client_raises_the_disconnect_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "starlette.websockets", raising=False)

    class Client(TestClient):
        websocket_disconnect: ClassVar[type[Exception]] = TheirDisconnect

    with Client(Script("receive", ACCEPT, {"type": "websocket.close"})).websocket_connect("/") as websocket:
        with pytest.raises(TheirDisconnect) as caught:
            websocket.receive_text()
        assert type(caught.value) is TheirDisconnect
        assert list(websocket) == []
    for steps in (DENIAL, ("receive", {"type": "websocket.close", "code": 1008})):
        with pytest.raises(TheirDisconnect) as caught:
            Client(Script(*steps)).websocket_connect("/").__enter__()
        assert isinstance(caught.value, WebSocketDenied)
        assert caught.value.code in (401, 1008)


def test_suites_that_expect_starlettes_disconnect_catch_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("starlette.websockets")
    vars(module)["WebSocketDisconnect"] = TheirDisconnect
    monkeypatch.setitem(sys.modules, "starlette.websockets", module)
    client = TestClient(Script("receive", ACCEPT, {"type": "websocket.close", "code": 4000}))
    for kind in (TheirDisconnect, WebSocketDisconnect):
        with client.websocket_connect("/") as websocket, pytest.raises(kind) as caught:
            websocket.receive_text()
        assert (caught.value.code, caught.value.reason) == (4000, "")
    with pytest.raises(TheirDisconnect):
        TestClient(Script(*DENIAL)).websocket_connect("/").__enter__()
