"""Bodies in pieces, slow readers, clients that leave, and the shape of HTTP/2."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx
import pytest

from asgi_testclient import (
    AppIgnoredDisconnect,
    AppTimeout,
    AsyncTestClient,
    Lint,
    ProtocolViolation,
    TestClient,
    WebSocketDenied,
)
from asgi_testclient.httpx import ASGITransport

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class Recorder:
    """Reads its request to the end, or to the disconnect, and answers in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces or (b"ok",)
        self.received: list[tuple[bytes, bool]] = []
        self.left = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left = True
                return
            self.received.append((message["body"], message["more_body"]))
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.left = (await receive())["type"] == "http.disconnect"


SPLITS: list[Any] = [
    (2, b"hello", [(b"he", True), (b"ll", True), (b"o", False)]),
    (5, b"hello", [(b"hello", False)]),
    (9, b"hello", [(b"hello", False)]),
    (1, b"", [(b"", False)]),
    ([3, 2], b"hello", [(b"hel", True), (b"lo", False)]),
    ([3], b"hello", [(b"hel", True), (b"lo", False)]),
    ([0, 3, 0, 2, 0], b"hello", [(b"", True), (b"hel", True), (b"", True), (b"lo", True), (b"", False)]),
    ([9], b"hello", [(b"hello", False)]),
    ([], b"hello", [(b"hello", False)]),
    ((1,), b"", [(b"", False)]),
]


@BACKENDS
@pytest.mark.parametrize(("chunks", "body", "messages"), SPLITS)
def test_a_body_is_sent_in_pieces_of_the_sizes_that_are_asked_for(
    chunks: Any, body: bytes, messages: Any, backend: Any
) -> None:
    app = Recorder()
    TestClient(app, backend=backend).post("/", content=body, extensions={"chunks": chunks})
    assert app.received == messages


async def test_the_asynchronous_client_sends_pieces_too() -> None:
    app = Recorder()
    await AsyncTestClient(app, chunks=3).post("/", content=b"hello")
    assert app.received == [(b"hel", True), (b"lo", False)]


def test_a_body_of_every_kind_is_split() -> None:
    def body() -> Iterator[bytes]:
        yield b"ab"
        yield b"cdefg"

    app = Recorder()
    client = TestClient(app, chunks=3)
    client.post("/", content=body())
    assert app.received == [(b"abc", True), (b"def", True), (b"g", False)]
    app.received.clear()
    client.post("/", files={"report": b"x" * 100_000})
    assert {len(body) for body, more in app.received if more} == {3}


@BACKENDS
def test_an_iterator_is_sent_as_it_comes(backend: Any) -> None:
    app = Recorder()
    TestClient(app, backend=backend).post("/", content=iter([b"he", b"", b"llo"]))
    assert app.received == [(b"he", True), (b"", True), (b"llo", True), (b"", False)]


async def test_an_asynchronous_iterator_is_sent_as_it_comes() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"he"
        yield b"llo"

    app = Recorder()
    await AsyncTestClient(app).post("/", content=body())
    assert app.received == [(b"he", True), (b"llo", True), (b"", False)]


@BACKENDS
def test_the_client_leaves_at_the_start_of_the_response(backend: Any) -> None:
    app = Recorder(b"hello")
    response = TestClient(app, backend=backend, disconnect_after="start").get("/")
    assert (response.status_code, response.content) == (200, b"")
    assert app.left
    assert response.asgi.done


@BACKENDS
@pytest.mark.parametrize(("size", "body"), [(0, b""), (1, b"h"), (5, b"hello"), (7, b"hello w"), (99, b"hello world")])
def test_the_client_leaves_after_some_bytes_of_the_response(size: int, body: bytes, backend: Any) -> None:
    app = Recorder(b"hello", b"", b" world")
    response = TestClient(app, backend=backend).get("/", extensions={"disconnect_after": size})
    assert response.content == body
    assert app.left


async def test_the_asynchronous_client_leaves_too() -> None:
    app = Recorder(b"hello")
    response = await AsyncTestClient(app).get("/", extensions={"disconnect_after": 4})
    assert response.content == b"hell"
    assert app.left


def test_a_stream_ends_where_the_client_leaves() -> None:
    app = Recorder(b"hello", b" world")
    with TestClient(app, disconnect_after=7).stream("GET", "/") as response:
        assert [*response.iter_raw()] == [b"hello", b" w"]
    assert app.left


@BACKENDS
@pytest.mark.parametrize(
    ("after", "received"),
    [
        ("request", [(b"hello", False)]),
        (("request", 2), [(b"he", True)]),
        (("request", 5), [(b"hello", True)]),
        (("request", 0), []),
    ],
)
def test_the_client_leaves_in_its_request(after: Any, received: Any, backend: Any) -> None:
    app = Recorder()
    client = TestClient(app, backend=backend)
    response = client.post("/", content=b"hello", extensions={"disconnect_after": after})
    assert app.received == received
    assert (response.status_code, response.content, response.asgi.done) == (499, b"", True)


def test_the_client_leaves_between_pieces() -> None:
    app = Recorder()
    TestClient(app, chunks=2, disconnect_after=("request", 3)).post("/", content=b"hello")
    assert app.received == [(b"he", True), (b"l", True)]
    assert app.left


def test_a_client_that_would_leave_after_more_than_its_request_stays() -> None:
    app = Recorder()
    assert TestClient(app, disconnect_after=("request", 6)).post("/", content=b"hello").text == "ok"


def test_a_body_whose_client_has_left_ends_in_a_disconnect() -> None:
    def body() -> Iterator[bytes]:
        yield b"ab"
        raise LookupError("no more")

    app = Recorder()
    with pytest.raises(LookupError, match="no more"):
        TestClient(app, chunks=3).post("/", content=body())
    assert app.left


def test_an_application_that_does_not_notice_is_named() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await anyio.sleep_forever()

    with pytest.warns(AppIgnoredDisconnect, match="the client left"):
        response = TestClient(app, disconnect_grace=0.01).get("/", extensions={"disconnect_after": "start"})
    assert response.status_code == 200


def test_what_the_application_raises_after_the_client_left_is_raised() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError("in the clean-up")

    with pytest.raises(LookupError):
        TestClient(app, disconnect_after="start").get("/")


@BACKENDS
def test_a_slow_reader_holds_the_application_back(backend: Any) -> None:
    times: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun = anyio.current_time()
        await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
        await send({"type": "http.response.body", "body": b"x" * 10})
        times.append(anyio.current_time() - begun)

    response = TestClient(app, backend=backend, bandwidth=1000).get("/")
    assert len(response.content) == 20
    assert times[0] >= 0.02


def test_a_slow_reader_may_leave() -> None:
    app = Recorder(b"x" * 100, b"y" * 100)
    response = TestClient(app, bandwidth=0.001, disconnect_after=100).get("/")
    assert response.content == b"x" * 100
    assert app.left


def test_an_application_that_a_slow_reader_holds_is_named() -> None:
    with pytest.raises(AppTimeout, match=r"reads 0.001 bytes a second"):
        TestClient(Recorder(), bandwidth=0.001, timeout=0.05).get("/")
    with pytest.raises(AppTimeout, match="only a disconnect can follow"):
        TestClient(waits_in_receive, bandwidth=1000, timeout=0.05).get("/")


async def waits_in_receive(scope: Any, receive: Any, send: Any) -> None:
    while True:
        await receive()


def test_a_stream_without_a_buffer_waits_for_its_reader() -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            sent.append(number)
        await send({"type": "http.response.body"})

    client = TestClient(app, stream_buffer=0)
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert client.portal_call(sent.copy) == []
        next(chunks)
        next(chunks)
        assert 2 not in client.portal_call(sent.copy)
        assert len([*chunks]) == 1
    assert sent == [0, 1, 2]


def test_a_plain_client_of_httpx_has_them_too() -> None:
    app = Recorder()
    with httpx.Client(transport=ASGITransport(app), base_url="http://testserver") as client:
        client.post("/", content=b"abc", extensions={"chunks": 2})
    assert app.received == [(b"ab", True), (b"c", False)]


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": 0}, {"chunks": True}, {"chunks": [-1]}, {"chunks": "ab"}, {"chunks": [b"ab"]},
        {"disconnect_after": -1}, {"disconnect_after": "end"}, {"disconnect_after": ("request",)},
        {"disconnect_after": ("request", -1)}, {"disconnect_after": 1.5},
        {"bandwidth": 0}, {"bandwidth": "fast"},
    ],
)  # fmt: skip
def test_an_impossible_value_is_named(options: Any) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} is .*, not "):
        TestClient(Recorder(), **options)
    with pytest.raises(ValueError, match=f"{name} is .*, not "):
        TestClient(Recorder()).get("/", extensions=options)


def scopes(**options: Any) -> Any:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.accept"})
        await send({"type": "http.response.start", "status": 404, "headers": []})
        return await send({"type": "http.response.body"})

    return TestClient(app, http_version="2", **options), seen


def test_a_request_of_http2_has_no_headers_of_the_connection_and_begins_with_its_authority() -> None:
    client, seen = scopes()
    headers = {"connection": "keep-alive", "te": "trailers", "upgrade": "h2c", "a": "b"}
    response = client.post("https://example.org:8443/", headers=headers, content=iter([b"x"]))
    names = [name for name, _ in seen[0]["headers"]]
    assert seen[0]["http_version"] == "2"
    assert seen[0]["headers"][0] == (b"host", b"example.org:8443")
    assert {b"te", b"a"} <= {*names}
    assert not {b"connection", b"upgrade", b"transfer-encoding", b"keep-alive"} & {*names}
    assert (response.http_version, response.reason_phrase) == ("HTTP/2", "")


def test_a_websocket_of_http2_is_an_extended_connect() -> None:
    client, seen = scopes()
    with client.websocket_connect("/") as session:
        assert session.response.status_code == 200
        assert session.response.http_version == "HTTP/2"
    names = {name for name, _ in seen[0]["headers"]}
    assert b"sec-websocket-version" in names
    assert not {b"connection", b"upgrade", b"sec-websocket-key"} & names


def test_a_refused_websocket_of_http2_is_still_a_403() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    with pytest.raises(WebSocketDenied) as caught, TestClient(app, http_version="2").websocket_connect("/"):
        raise AssertionError
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("name", ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"])
def test_a_header_of_the_connection_is_an_error_over_http2(name: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(name.encode(), b"x")]})
        await send({"type": "http.response.body"})

    for application in (app, Lint(app)):
        with pytest.raises(ProtocolViolation) as caught:
            TestClient(application, http_version="2").get("/")
        assert caught.value.violation.code == "E31"


def test_upgrade_is_fine_over_http1() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 426, "headers": [(b"upgrade", b"websocket")]})
        await send({"type": "http.response.body"})

    response = TestClient(app).get("/")
    assert (response.reason_phrase, response.asgi.violations) == ("Upgrade Required", [])
