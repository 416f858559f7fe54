"""An application on a real server in a thread: every server, its client, its failures and its end."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from asgi_testclient import (
    AppTimeout,
    LifespanFailed,
    LiveClient,
    LiveServer,
    UnfinishedTasks,
    WebSocketDenied,
    WebSocketDisconnect,
)
from asgi_testclient.server import RUNNERS

NAMES: list[Any] = ["uvicorn", "granian", "hypercorn", "hypercorn-trio"]
NEEDED = ("uvicorn", "granian", "hypercorn", "trio", "websockets")

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}"
)
SERVERS = pytest.mark.parametrize("name", NAMES)


class Site:
    """A lifespan, pages, a stream and a WebSocket."""

    def __init__(self, *, fails: str = "") -> None:
        self.fails = fails
        self.phases: list[str] = []
        self.entered = threading.Event()
        self.left = threading.Event()
        self.go_on = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await getattr(self, scope["type"])(scope, receive, send)

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            self.phases.append(phase)
            if self.fails == f"{phase} hangs":
                await anyio.sleep_forever()
            if self.fails == f"{phase} raises":
                raise LookupError("no database")
            scope["state"]["name"] = "lifespan"
            outcome = "failed" if self.fails == phase else "complete"
            await send({"type": f"lifespan.{phase}.{outcome}", **({"message": "no"} if outcome == "failed" else {})})

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered.set()
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        if scope["path"] == "/slow":
            await anyio.sleep(0.3)
        if scope["path"] == "/blocks":
            self.go_on.wait(10)
        headers = [(b"set-cookie", b"seen=yes")]
        if scope["path"] == "/moved":
            headers.append((b"location", b"/state"))
        await send(
            {"type": "http.response.start", "status": 302 if scope["path"] == "/moved" else 200, "headers": headers}
        )
        if scope["path"] == "/stream":
            message = {"type": "http.request"}
            while message["type"] != "http.disconnect":
                await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
                with anyio.move_on_after(0.01):
                    message = await receive()
            return self.left.set()
        answer = scope["state"]["name"].encode() if scope["path"] == "/state" else body
        await send({"type": "http.response.body", "body": answer})

    async def websocket(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/refused":
            return await send({"type": "websocket.close"})
        await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
        cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "cookies":
                await send({"type": "websocket.send", "text": cookies})
            elif message.get("text") == "bye":
                return await send({"type": "websocket.close", "code": 3001, "reason": "bye"})
            else:
                echoed = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
                await send({"type": "websocket.send", **echoed})
        return self.left.set()


@pytest.fixture(scope="module", params=NAMES)
def live(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    with LiveServer(Site(), request.param) as server:
        yield server


@pytest.fixture
def client(live: LiveServer) -> LiveClient:
    return live.client()


def test_requests_have_a_base_url_redirects_and_cookies(live: LiveServer, client: LiveClient) -> None:
    assert live.url.startswith("http://127.0.0.1:")
    assert client.post("/", content=b"hello").text == "hello"
    assert client.get("/moved").text == "lifespan"
    assert client.cookies["seen"] == "yes"
    assert (client.app, client.app_state["name"]) == (live.app, "lifespan")
    assert not live.client().cookies


def test_a_stream_is_read_as_it_comes_and_left(live: LiveServer, client: LiveClient) -> None:
    live.app.left.clear()  # type: ignore[attr-defined]
    with client.stream("GET", "/stream") as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ["tick", "tick"]
    assert live.app.left.wait(5)  # type: ignore[attr-defined]


def test_a_websocket_has_the_methods_of_the_test_client(live: LiveServer, client: LiveClient) -> None:
    client.get("/")
    with client.websocket_connect("/", ["chat"]) as session:
        assert session.app is live.app
        assert session.accepted_subprotocol == "chat"
        assert session.response.status_code == 101
        assert session.headers["upgrade"].lower() == "websocket"
        session.send_text("a")
        assert session.receive_text(timeout=5) == "a"
        session.send_bytes(b"b")
        assert session.receive_bytes() == b"b"
        session.send_json({"c": 1})
        assert session.receive_json() == {"c": 1}
        session.send_json({"c": 1}, mode="binary")
        assert session.receive_json(mode="binary") == {"c": 1}
        session.send({"type": "websocket.receive", "text": "cookies"})
        assert session.receive() == {"type": "websocket.send", "text": "seen=yes"}
        assert session.receive_nothing(0.01)
        with pytest.raises(AppTimeout, match=r"WebSocket /: no message from the application after 0.01 s"):
            session.receive(timeout=0.01)
        session.send_text("d")
        assert not session.receive_nothing(5)
        assert not session.receive_nothing(5)
        assert (session.closed, session.close_code, session.close_reason) == (False, None, None)
        session.send_bytes(b"e")
        session.send_text("bye")
        session.wait_closed()
        assert (session.closed, session.close_code, session.close_reason) == (True, 3001, "bye")
        assert [*session] == ["d", b"e"]
        assert not session.receive_nothing(5)
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
        assert (caught.value.code, caught.value.reason) == (3001, "bye")
        session.send_text("too late")


def test_a_websocket_is_closed_or_dropped_by_the_client(live: LiveServer, client: LiveClient) -> None:
    app: Any = live.app
    for leave in (
        lambda session: session.close(3002, "enough"),
        lambda session: session.send({"type": "websocket.disconnect", "code": 3002}),
        lambda session: session.disconnect(),
        lambda session: None,
    ):
        app.left.clear()
        with client.websocket_connect("/") as session:
            leave(session)
        assert app.left.wait(5)
        assert session.closed


def test_a_websocket_that_is_refused_has_a_response(client: LiveClient) -> None:
    with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/refused"):
        raise AssertionError
    assert (caught.value.code, caught.value.response.status_code) == (403, 403)


@SERVERS
def test_the_lifespan_runs_around_the_block_and_requests_end_in_it(name: Any) -> None:
    app = Site()
    answers: list[str] = []
    server = LiveServer(app, name)
    for _ in range(2):
        app.phases.clear()
        app.entered.clear()
        answers.clear()
        with server:
            assert app.phases == ["startup"]
            with pytest.raises(RuntimeError, match="running already"):
                server.__enter__()
            client = LiveClient(server)
            thread = threading.Thread(target=lambda: answers.append(client.post("/slow", content=b"done").text))
            thread.start()
            assert app.entered.wait(5)
        thread.join()
        client.close()
        assert (answers, app.phases) == (["done"], ["startup", "shutdown"])


@SERVERS
@pytest.mark.parametrize(("fails", "error"), [("startup raises", LookupError), ("startup", LifespanFailed)])
def test_a_failed_startup_is_raised(name: Any, fails: str, error: Any) -> None:
    with pytest.raises(error) as caught, LiveServer(Site(fails=fails), name):
        raise AssertionError
    if error is LookupError:
        assert caught.traceback[-1].name == "lifespan"


@SERVERS
@pytest.mark.parametrize(("fails", "error"), [("shutdown raises", LookupError), ("shutdown", LifespanFailed)])
def test_a_failed_shutdown_is_raised(name: Any, fails: str, error: Any) -> None:
    with pytest.raises(error), LiveServer(Site(fails=fails), name):
        pass


def test_the_error_of_the_test_wins() -> None:
    with pytest.raises(ZeroDivisionError), LiveServer(Site(fails="shutdown raises"), "uvicorn"):
        _ = 1 / 0


@SERVERS
def test_a_startup_that_hangs_is_an_error(name: Any) -> None:
    late = pytest.raises(AppTimeout, match=rf"{name}: the application has not started up after 0.2 s. Its thread is at")
    with late, LiveServer(Site(fails="startup hangs"), name, startup_timeout=0.2, shutdown_timeout=0.1):
        raise AssertionError


@SERVERS
def test_an_application_without_a_lifespan_is_served(name: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError("http alone")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with LiveServer(app, name) as server:
        assert server.client(headers={"a": "b"}).get("/").text == "ok"


def test_a_server_that_does_not_stop_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asgi_testclient.server.LAST_CHANCE", 0.1)
    app = Site()
    server = LiveServer(app, "uvicorn", shutdown_timeout=0)
    server.__enter__()
    thread = server._thread
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /blocks HTTP/1.1\r\nhost: a\r\n\r\n")
        assert app.entered.wait(5)
        with pytest.warns(
            UnfinishedTasks, match=r"uvicorn did not stop, and is left behind. Its thread is at .* in wait"
        ):
            server.__exit__()
    app.go_on.set()  # after the client has left: a connection that is open as the loop ends is a ResourceWarning
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()


def test_a_server_that_stops_by_itself_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    async def run(self: Any, sockets: Any) -> None:
        raise OSError("no files left")

    monkeypatch.setattr(uvicorn.Server, "serve", run)
    with pytest.raises(RuntimeError, match="uvicorn has stopped before it listened") as caught:
        LiveServer(Site(), "uvicorn").__enter__()
    assert isinstance(caught.value.__cause__, OSError)


def test_a_server_that_does_not_listen_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import granian.server.embed

    async def serve(self: Any) -> None:
        await self.target({"type": "lifespan", "state": {}}, lambda: anyio.sleep(0), lambda message: anyio.sleep(0))
        await anyio.sleep_forever()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        return

    monkeypatch.setattr(granian.server.embed.Server, "serve", serve)
    with pytest.raises(AppTimeout, match=r"granian: it does not listen after 0.1 s"):
        LiveServer(app, "granian", startup_timeout=0.1, shutdown_timeout=0).__enter__()


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("uvicorn", "uvicorn", "uvicorn"),
        ("granian", "granian", "granian"),
        ("hypercorn", "hypercorn", "hypercorn"),
        ("hypercorn-trio", "hypercorn", "hypercorn"),
        ("hypercorn-trio", "trio", "hypercorn"),
    ],
)
def test_a_server_that_is_not_installed_says_how_to_install_it(
    name: Any, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"^{name} is not installed: pip install 'asgi-testclient\[{extra}\]>=1'$"):
        LiveServer(Site(), name)


def test_the_first_server_that_is_installed_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing, found in (("uvicorn", "granian"), ("granian", "hypercorn")):
        monkeypatch.setitem(sys.modules, missing, None)
        assert LiveServer(Site()).server == found
    monkeypatch.setitem(sys.modules, "hypercorn", None)
    with pytest.raises(ImportError, match=r"^no server is installed: pip install 'asgi-testclient\[uvicorn\]>=1'$"):
        LiveServer(Site())
    with pytest.raises(ValueError, match="server is one of 'uvicorn', .*, not 'gunicorn'"):
        LiveServer(Site(), "gunicorn")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("uvicorn", "uvicorn"),
        ("granian", "granian.server.embed"),
        ("hypercorn", "hypercorn.asyncio"),
        ("hypercorn-trio", "hypercorn.trio"),
    ],
)
def test_a_server_that_cannot_be_imported_is_named_and_leaves_no_socket(
    name: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LiveServer(Site(), name)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, broken, None)
        with pytest.raises(ImportError, match=rf"^{name} cannot be imported: pip install 'asgi-testclient\[") as caught:
            server.__enter__()
        assert isinstance(caught.value.__cause__, ImportError)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    with server:
        assert server.client().get("/").status_code == 200


def test_a_server_that_refuses_its_configuration_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    server = LiveServer(Site(), "uvicorn", shutdown_timeout=float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        server.__enter__()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))


def test_websockets_say_what_they_need(client: LiveClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "websockets.sync.client", None)
    with pytest.raises(ImportError, match="pip install websockets"), client.websocket_connect("/"):
        raise AssertionError


@SERVERS
def test_a_server_that_does_not_run_yet_may_be_stopped(name: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        runner = RUNNERS[name](Site(), listener, 1)
        runner.stop()
        runner.force()
