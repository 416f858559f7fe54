"""Without a grace, a client that leaves is a cancellation: at once, silently, sparing what the application shields."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from asgi_testclient import AppTimeout, AsyncTestClient, TestClient, WebSocketDisconnect

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
LEAVING: dict[str, Any] = {"disconnect_grace": 0, "lifespan": "off"}


class Endless:
    """Goes on forever, and tells how it ended; with `hears`, it ends by itself when it hears of the disconnect."""

    def __init__(self, hears: bool = False) -> None:
        self.hears = hears
        self.ended: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
        try:
            if self.hears:
                message = await receive()
                for _ in range(5):
                    await anyio.sleep(0)
                self.ended.append(message["type"])
            else:
                await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
            self.ended.append("cancelled, and cleaned up")
            raise


ENDS = pytest.mark.parametrize(("hears", "ended"), [(True, ".disconnect"), (False, "cancelled, and cleaned up")])


@ENDS
@BACKENDS
def test_a_stream_that_is_left(hears: bool, ended: str, backend: Any) -> None:
    app = Endless(hears)
    with TestClient(app, backend=backend, **LEAVING).stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"one"
    assert [end.endswith(ended) for end in app.ended] == [True]


@ENDS
@BACKENDS
def test_a_websocket_that_is_left(hears: bool, ended: str, backend: Any) -> None:
    app = Endless(hears)
    with TestClient(app, backend=backend, timeout=None, **LEAVING).websocket_connect("/"):
        pass
    assert [end.endswith(ended) for end in app.ended] == [True]


@ENDS
async def test_a_stream_that_is_left_by_an_asynchronous_client(hears: bool, ended: str) -> None:
    app = Endless(hears)
    response = await AsyncTestClient(app, **LEAVING).send(_request(), stream=True)
    assert app.ended == []
    await response.aclose()
    assert [end.endswith(ended) for end in app.ended] == [True]


@ENDS
async def test_a_websocket_that_is_left_by_an_asynchronous_client(hears: bool, ended: str) -> None:
    app = Endless(hears)
    async with AsyncTestClient(app, timeout=None, **LEAVING).websocket_connect("/"):
        pass
    assert [end.endswith(ended) for end in app.ended] == [True]


def _request() -> Any:
    return TestClient(Endless()).build_request("GET", "/")


class Closing:
    """Closes its WebSocket, and goes on until `released`; then it fails."""

    def __init__(self) -> None:
        self.released = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1011, "reason": "oh"})
        await anyio.to_thread.run_sync(self.released.wait)
        raise LookupError("after the close")


@BACKENDS
def test_a_close_arrives_though_the_application_goes_on(backend: Any) -> None:
    app = Closing()
    session = TestClient(app, backend=backend, lifespan="off").websocket_connect("/").__enter__()
    with pytest.raises(WebSocketDisconnect, match="1011"):
        session.receive_text()
    app.released.set()
    with pytest.raises(LookupError, match="^after the close$"):
        session.wait_closed()
    session.__exit__(None, None, None)


async def test_a_close_arrives_in_the_asynchronous_client_though_the_application_goes_on() -> None:
    app = Closing()
    session = await AsyncTestClient(app, lifespan="off").websocket_connect("/")
    with pytest.raises(WebSocketDisconnect, match="1011"):
        await session.receive_text()
    app.released.set()
    with pytest.raises(LookupError, match="^after the close$"):
        await session.wait_closed()
    await session.__aexit__(None, None, None)


async def failing(scope: Any, receive: Any, send: Any) -> None:
    """Closes its WebSocket as a framework does for an unhandled exception, and raises it."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 1011, "reason": ""})
    raise LookupError("in the endpoint")


@BACKENDS
def test_the_exception_behind_a_close_is_raised_instead_of_it(backend: Any) -> None:
    client = TestClient(failing, backend=backend, lifespan="off")
    with pytest.raises(LookupError, match="^in the endpoint$"), client.websocket_connect("/") as session:
        session.receive_text()
    quiet = TestClient(failing, backend=backend, raise_server_exceptions=False)
    with quiet.websocket_connect("/") as session, pytest.raises(WebSocketDisconnect, match="1011"):
        session.receive_text()


async def test_the_exception_behind_a_close_is_raised_in_the_asynchronous_client_too() -> None:
    async with AsyncTestClient(failing, lifespan="off").websocket_connect("/") as session:
        with pytest.raises(LookupError, match="^in the endpoint$"):
            await session.receive_text()


@BACKENDS
def test_no_response_is_a_500_where_exceptions_of_the_server_are_not_raised(backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    client = TestClient(app, backend=backend, raise_server_exceptions=False, strict="off", lifespan="off")
    assert (client.get("/").status_code, client.get("/").content) == (500, b"")


@BACKENDS
def test_a_test_that_gives_up_does_not_wait_for_what_is_shielded(backend: Any) -> None:
    gate = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.to_thread.run_sync(gate.wait)

    client = TestClient(app, backend=backend, timeout=None, **LEAVING)
    with pytest.raises(AppTimeout, match=r"no http.response.start after 0\.01 s"):
        client.get("/", timeout=0.01)
    gate.set()
    assert client.wait_idle()
    client.close()


def test_a_stream_that_was_read_waits_for_the_application_as_long_as_the_limit_says() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"all"})
        await anyio.sleep_forever()

    with TestClient(app, lifespan="off", timeout=0.2) as client:
        stream = client.stream("GET", "/")
        with pytest.raises(AppTimeout), stream as response:
            assert response.read() == b"all"


def ask(client: Any, body: Any) -> None:
    client.post("/", content=body)


def stream(client: Any, body: Any) -> None:
    client.stream("POST", "/", content=body).__enter__()


@pytest.mark.parametrize("send_body", [ask, stream])
def test_a_body_that_fails_is_a_client_that_leaves(send_body: Any) -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            heard.append(message["body"])
        heard.append(message["type"])

    def body() -> Any:
        yield b"one"
        raise ValueError("no more")

    with TestClient(app, **LEAVING) as client, pytest.raises(ValueError, match="^no more$"):
        send_body(client, body())
    assert heard[-1] == "http.disconnect"
