"""WebSockets that are saved, and an application that plays its side of them from the file."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from asgi_testclient import (
    AsyncTestClient,
    Lint,
    LiveServer,
    Replay,
    ReplayMismatch,
    TestClient,
    WebSocketDenied,
    WebSocketDisconnect,
    save,
)

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def chat(scope: Any, receive: Any, send: Any) -> None:
    """Answers text with text and bytes with bytes, greets before it is spoken to, and closes at "bye"."""
    await receive()
    headers = [(b"set-cookie", b"id=secret; Path=/"), (b"x-name", b"Zo\xeb")]
    subprotocol = next(iter(scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
    await send({"type": "websocket.send", "text": "hällo"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": message["bytes"] + b"\xff", "text": None})
        elif message["text"] == "bye":
            return await send({"type": "websocket.close", "code": 3001, "reason": "bye"})
        else:
            await send({"type": "websocket.send", "text": message["text"].upper()})
            await send({"type": "websocket.send", "bytes": b"read"})
    return None


def talk(client: Any) -> Any:
    with client.websocket_connect("/chat?room=1", ["chat", "other"], headers={"x-a": "b"}) as session:
        assert session.accepted_subprotocol == "chat"
        assert session.headers["x-name"] == "Zoë"
        assert session.receive_text() == "hällo"
        session.send_text("a")
        session.send_bytes(b"\x00\xfe")
        assert session.receive_text() == "A"
        assert session.receive_bytes() == b"read"
        assert session.receive_bytes() == b"\x00\xfe\xff"
        session.send_text("bye")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
        assert (caught.value.code, caught.value.reason) == (3001, "bye")
    return session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.json"


@BACKENDS
def test_a_websocket_is_replayed_message_by_message(path: Path, backend: Any) -> None:
    session = talk(TestClient(chat, backend=backend))
    session.save(path)
    replay = Replay(path)
    assert replay.unused == ["WebSocket /chat?room=1"]
    again = talk(TestClient(Lint(replay), backend=backend))
    assert replay.unused == []
    assert again.headers["set-cookie"] == "id=redacted; Path=/"
    kinds = [(way, message["type"], {*message} & {"text", "bytes"}) for way, message in again.messages]
    assert kinds == [(way, m["type"], {k for k in ("text", "bytes") if m.get(k)}) for way, m in session.messages]


async def test_a_websocket_is_replayed_on_the_loop_of_the_test(path: Path) -> None:
    async def talks(app: Any) -> Any:
        async with AsyncTestClient(app).websocket_connect("/") as session:
            assert await session.receive_text() == "hällo"
            await session.send_bytes(b"a")
            assert await session.receive_bytes() == b"a\xff"
            await session.close(3002, "enough")
        return session

    session = await talks(chat)
    await to_thread.run_sync(session.save, path)
    replay = await to_thread.run_sync(Replay, path)
    again = await talks(replay)
    assert again.messages[-1] == ("receive", {"type": "websocket.disconnect", "code": 3002, "reason": "enough"})


def test_the_file_is_stable_readable_and_without_secrets(path: Path) -> None:
    texts = []
    for secret in ("one", "two"):
        talk(TestClient(chat, cookies={"session": secret}, headers={"sec-websocket-key": secret})).save(path)
        texts.append(path.read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    (exchange,) = json.loads(texts[0])["exchanges"]
    request, messages = exchange["request"], exchange["messages"]
    assert (request["method"], request["path"], request["query"]) == ("WebSocket", "/chat", "room=1")
    assert messages[0] == {"from": "client", "type": "websocket.connect"}
    assert messages[2] == {"from": "application", "type": "websocket.send", "text": "hällo"}
    assert {"from": "client", "type": "websocket.receive", "bytes": {"base64": "AP4="}} in messages
    assert messages[-1] == {"from": "application", "type": "websocket.close", "code": 3001, "reason": "bye"}


def acts(client: Any, act: Callable[[Any], object]) -> None:
    """Have a client read the greeting, act, and wait for the end."""
    with client.websocket_connect("/") as session:
        session.receive_text()
        act(session)
        session.wait_closed()


def recorded(path: Path) -> Replay:
    with TestClient(chat).websocket_connect("/") as session:
        session.receive_text()
        session.send_text("a")
        session.receive_text()
        session.receive_bytes()
    save(path, session)
    return Replay(path)


@BACKENDS
@pytest.mark.parametrize(
    ("depart", "words"),
    [
        (
            lambda session: session.send_text("b"),
            "in message 4:\n  recorded {'type': 'websocket.receive', 'text': 'a'}, received "
            "{'type': 'websocket.receive', 'text': 'b'}",
        ),
        (
            lambda session: session.send_bytes(b"a"),
            "in message 4:\n  recorded {'type': 'websocket.receive', 'text': 'a'}, received "
            "{'type': 'websocket.receive', 'bytes': b'a'}",
        ),
        (
            lambda session: session.close(),
            "in message 4:\n  recorded {'type': 'websocket.receive', 'text': 'a'}, received "
            "{'type': 'websocket.disconnect', 'code': 1000, 'reason': ''}",
        ),
        (
            lambda session: (session.send_text("a"), session.send_text("a")),
            "in message 7:\n  recorded {'type': 'websocket.disconnect', 'code': 1000, 'reason': ''}, received "
            "{'type': 'websocket.receive', 'text': 'a'}",
        ),
        (
            lambda session: (session.send_text("a"), session.close(3000)),
            "in message 7:\n  recorded {'type': 'websocket.disconnect', 'code': 1000, 'reason': ''}, received "
            "{'type': 'websocket.disconnect', 'code': 3000, 'reason': ''}",
        ),
    ],
)
def test_a_client_that_departs_from_the_record_is_shown_where(
    path: Path, backend: Any, depart: Callable[[Any], object], words: str
) -> None:
    client = TestClient(recorded(path), backend=backend)
    with pytest.raises(ReplayMismatch) as caught:
        acts(client, depart)
    assert f"{path}: WebSocket / differs from the record {words}" in str(caught.value)


@BACKENDS
def test_a_websocket_that_is_saved_while_it_is_open_is_replayed_so_far(path: Path, backend: Any) -> None:
    with TestClient(chat, backend=backend).websocket_connect("/") as session:
        session.receive_text()
        session.save(path)
    client = TestClient(Replay(path, repeat=True), backend=backend)
    for code in (1000, 3000):
        with client.websocket_connect("/") as session:
            assert session.receive_text() == "hällo"
            session.close(code)
    with pytest.raises(ReplayMismatch, match=r"which ends with message 3: received .*'more'"):
        acts(client, lambda session: session.send_text("more"))


@BACKENDS
def test_a_refusal_is_replayed(path: Path, backend: Any) -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/closes":
            return await send({"type": "websocket.close", "code": 1008})
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"too ", "more_body": True})
        return await send({"type": "websocket.http.response.body", "body": b"many"})

    client = TestClient(refuses, backend=backend)
    sessions = [client.websocket_connect("/denies"), client.websocket_connect("/closes")]
    for session in sessions:
        with pytest.raises(WebSocketDenied), session:
            raise AssertionError
    save(path, *sessions)
    client = TestClient(Replay(path), backend=backend)
    with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/closes"):
        raise AssertionError
    assert caught.value.response.status_code == 403
    with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/denies"):
        raise AssertionError
    assert (caught.value.response.status_code, caught.value.response.text) == (429, "too many")


def test_websockets_of_one_path_are_replayed_in_their_order(path: Path) -> None:
    def said(app: Any, text: str) -> Any:
        with TestClient(app).websocket_connect("/") as session:
            session.receive_text()
            session.send_text(text)
            assert session.receive_text() == text.upper()
            session.receive_bytes()
        return session

    save(path, said(chat, "a"), said(chat, "b"))
    replay = Replay(path)
    said(replay, "a")
    said(replay, "b")
    with pytest.raises(ReplayMismatch, match=r"WebSocket / was recorded 2 time\(s\), and is asked for once more"):
        said(replay, "a")


def test_a_websocket_and_a_request_never_answer_each_other(path: Path) -> None:
    recorded(path)
    client = TestClient(Replay(path, match=["path"]))
    with pytest.raises(ReplayMismatch, match="method: recorded 'WebSocket', asked 'GET'"):
        client.get("/")

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    TestClient(page).get("/").asgi.save(path)
    client = TestClient(Replay(path, match=["path"]))
    with (
        pytest.raises(ReplayMismatch, match="method: recorded 'GET', asked 'WebSocket'"),
        client.websocket_connect("/"),
    ):
        raise AssertionError


async def test_a_scope_of_another_type_is_refused(path: Path) -> None:
    await to_thread.run_sync(recorded, path)
    replay = await to_thread.run_sync(Replay, path)
    with pytest.raises(ReplayMismatch, match="asked for a telnet"):
        await replay({"type": "telnet"}, lambda: None, lambda message: None)  # type: ignore[arg-type, return-value]


def test_what_cannot_be_replayed_is_not_saved(path: Path) -> None:
    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(1000):
            await send({"type": "websocket.send", "text": "x"})
        await send({"type": "websocket.close"})

    with TestClient(endless).websocket_connect("/") as session:
        session.wait_closed()
    with pytest.raises(ValueError, match="1000 messages or more"):
        session.save(path)
    with TestClient(chat, record=False).websocket_connect("/") as session:
        pass
    with pytest.raises(ValueError, match="the client has record=False"):
        session.save(path)
    assert not path.exists()


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("uvicorn", "websockets")),
    reason="needs uvicorn, websockets",
)
def test_a_server_replays_a_websocket_to_a_client_over_a_socket(path: Path) -> None:
    talk(TestClient(chat, headers={"host": "a.example"})).save(path)
    with LiveServer(Replay(path, repeat=True), "uvicorn") as server:
        talk(server.client())
        with server.client().websocket_connect("/chat?room=1", ["chat"]) as session:
            assert session.receive_text() == "hällo"
            session.send_text("b")
            session.wait_closed()
        assert session.close_code in (1006, 1011)
