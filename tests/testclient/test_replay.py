"""Exchanges that are saved, and an application that answers from the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from asgi_testclient import AsyncTestClient, Lint, Replay, ReplayMismatch, TestClient, save

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
EXTRA = {"http.response.trailers": {}, "http.response.early_hint": {}}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with its body in two pieces, and everything that a server may be sent."""
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    headers = [
        (b"content-type", b"text/plain"),
        (b"date", b"Sat, 28 Nov 2026 12:00:00 GMT"),
        (b"set-cookie", b"session=c2VjcmV0; Path=/; HttpOnly"),
        (b"set-cookie", b"bare"),
        (b"x-name", "Zo\xeb".encode("latin-1")),
    ]
    await send({"type": "http.response.debug", "info": {"template": object()}})
    await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
    await send({"type": "http.response.start", "status": 201, "headers": headers, "trailers": True})
    await send({"type": "http.response.body", "body": b"got \xff: ", "more_body": True})
    await send({"type": "http.response.body", "body": body})
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchange.json"


@BACKENDS
def test_a_response_is_replayed_message_by_message(path: Path, backend: Any) -> None:
    client = TestClient(app, backend=backend)
    first = client.post("/a%20b?c=d", content="häll".encode(), headers={"authorization": "Bearer secret"})
    first.asgi.save(path)
    replay = Replay(path)
    with TestClient(Lint(replay), backend=backend) as other:
        again = other.post("/a%20b?c=d", content="häll".encode())
    assert (again.status_code, again.content) == (201, first.content)
    assert again.asgi.trailers == first.asgi.trailers
    assert again.asgi.early_hints == first.asgi.early_hints
    sent = [message for way, message in again.asgi.messages if way == "send"]
    assert [m["body"] for m in sent if m["type"] == "http.response.body"] == [b"got \xff: ", "häll".encode()]
    assert again.headers["x-name"] == "Zoë"
    assert again.headers["date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert again.headers.get_list("set-cookie") == ["session=redacted; Path=/; HttpOnly", "bare=redacted"]
    assert replay.unused == []


def test_the_file_is_stable_readable_and_without_secrets(path: Path) -> None:
    texts = []
    for secret in ("one", "two"):
        client = TestClient(app, cookies={"session": secret}, headers={"authorization": secret, "x-api-key": secret})
        client.post("/", json={"name": "ada"})
        assert client.last_exchange is not None
        client.last_exchange.save(path)
        texts.append(path.read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert texts[0].endswith("}\n")
    assert "one" not in texts[0].replace("connection", "")
    (exchange,) = json.loads(texts[0])["exchanges"]
    assert (exchange["request"]["method"], exchange["request"]["body"]) == ("POST", '{"name":"ada"}')
    assert exchange["response"][2]["body"] == {"base64": "Z290IP86IA=="}
    assert not any(message["type"] == "http.response.debug" for message in exchange["response"])


def test_other_headers_are_redacted_on_demand(path: Path) -> None:
    response = TestClient(app).get("/", headers={"x-own": "secret"})
    response.asgi.save(path, redact={"X-Own"})
    text = path.read_text(encoding="utf-8")
    assert "c2VjcmV0" in text
    assert '"secret"' not in text


def recorded(path: Path, *requests: tuple[str, str, bytes]) -> None:
    client = TestClient(app)
    exchanges = [client.request(method, url, content=body).asgi for method, url, body in requests]
    save(path, *exchanges)


def test_requests_are_answered_once_in_any_order(path: Path) -> None:
    recorded(path, ("GET", "/a", b""), ("POST", "/b", b"1"), ("POST", "/b", b"1"))
    replay = Replay(path)
    client = TestClient(replay)
    assert replay.unused == ["GET /a", "POST /b", "POST /b"]
    client.post("/b", content=b"1")
    assert replay.unused == ["GET /a", "POST /b"]
    client.get("/a")
    client.post("/b", content=b"1")
    with pytest.raises(ReplayMismatch, match=r"POST /b was recorded 2 time\(s\), and is asked for once more"):
        client.post("/b", content=b"1")
    repeating = TestClient(Replay(path, repeat=True))
    assert [repeating.get("/a").status_code for _ in range(3)] == [201, 201, 201]


async def test_a_request_that_differs_raises_with_the_difference(path: Path) -> None:
    await to_thread.run_sync(recorded, path, ("GET", "/a?b=c", b""), ("POST", "/b", b"one"))
    client = AsyncTestClient(Replay(path))
    with pytest.raises(ReplayMismatch) as caught:
        await client.post("/b", content=b"two")
    expected = "POST /b was not recorded; the nearest is POST /b:\n  body: recorded 'one', asked 'two'"
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    with pytest.raises(ReplayMismatch) as caught:
        await client.delete("/a?b=d")
    assert "method: recorded 'GET', asked 'DELETE'" in str(caught.value)
    assert "query: recorded 'b=c', asked 'b=d'" in str(caught.value)


def test_parts_that_do_not_matter_are_left_out_and_headers_taken_in(path: Path) -> None:
    save(path, TestClient(app).post("/", content=b"one", headers={"x-a": "b", "authorization": "secret"}).asgi)
    assert TestClient(Replay(path, match=["method", "path"])).post("/", content=b"two").status_code == 201
    headers = TestClient(Replay(path, match=["headers"]))
    with pytest.raises(ReplayMismatch, match=r"header x-a: recorded \['b'\], asked \['c'\]"):
        headers.post("/", content=b"one", headers={"x-a": "c"})
    assert headers.post("/", content=b"one", headers={"x-a": "b"}).status_code == 201
    with pytest.raises(ValueError, match="not colour, size$"):
        Replay(path, match=["size", "colour"])


def test_a_body_that_the_application_did_not_read_is_not_compared(path: Path) -> None:
    async def unread(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body"})

    save(path, TestClient(unread).post("/", content=b"one").asgi)
    assert TestClient(Replay(path)).post("/", content=b"two", extensions={"chunks": 1}).status_code == 413


def test_a_file_that_is_sent_by_its_path_is_saved_with_its_content(path: Path, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"page")

    async def sends_a_path(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": str(tmp_path / "page")})

    save(path, TestClient(sends_a_path).get("/").asgi)
    (tmp_path / "page").unlink()
    assert TestClient(Replay(path)).get("/").content == b"page"


def test_what_cannot_be_replayed_is_not_saved(path: Path, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"page")

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    async def zero_copies(scope: Any, receive: Any, send: Any) -> None:
        with (tmp_path / "page").open("rb") as file:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.zerocopysend", "file": file})

    for wrong, words in (
        (endless, "1000 messages or more"),
        (silent, "did not respond"),
        (zero_copies, "zerocopysend cannot be saved: record with TestClient"),
    ):
        client = TestClient(wrong, strict="off", raise_server_exceptions=False)
        client.get("/")
        with pytest.raises(ValueError, match=words):
            save(path, client.last_exchange)
    with pytest.raises(ValueError, match="no exchange to save"):
        save(path, TestClient(app, record=False).last_exchange)
    assert not path.exists()


def test_a_request_that_no_exchange_is_there_for_is_named(path: Path) -> None:
    save(path)
    with pytest.raises(ReplayMismatch, match="GET / was not recorded, nor was anything else"):
        TestClient(Replay(path)).get("/")
    with (
        pytest.raises(ReplayMismatch, match="WebSocket / was not recorded, nor was anything else"),
        TestClient(Replay(path)).websocket_connect("/"),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is not a recording"), ("[]", "is not a recording"), ("{}", "is not a recording"), ('{"version": 2, "exchanges": []}', "version 2")],
)  # fmt: skip
def test_a_file_of_another_kind_is_named(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        Replay(path)


def test_a_file_that_is_not_there_says_how_it_is_made(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"write it with asgi_testclient.save"):
        Replay(path)


@BACKENDS
def test_a_client_that_leaves_in_its_request_asks_for_nothing(path: Path, backend: Any) -> None:
    recorded(path, ("POST", "/", b"one"))
    replay = Replay(path)
    client = TestClient(replay, backend=backend, disconnect_after=("request", 2))
    assert client.post("/", content=b"two").status_code == 499
    assert replay.unused == ["POST /"]
