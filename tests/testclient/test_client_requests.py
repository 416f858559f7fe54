from __future__ import annotations

import contextvars
import json
import sys
import threading
from http.cookiejar import CookieJar
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import httpx
import pytest

import asgi_testclient.httpx
from asgi_testclient import (
    AppTimeout,
    AsyncTestClient,
    BlockedEventLoop,
    ProtocolViolation,
    TestClient,
    UnfinishedTasks,
)


@pytest.fixture(params=["httpx", "httpx2"])
def flavour(request: pytest.FixtureRequest) -> Any:
    """The name of a client library, itself, and our module of the same name."""
    module = pytest.importorskip(request.param, reason=f"needs {request.param}: pip install {request.param}")
    return module, import_module(f"asgi_testclient.{request.param}")


async def reply(send: Any, body: bytes = b"", status: int = 200, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was called with."""
    assert scope["type"] == "http"
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "root_path": scope["root_path"],
        "scheme": scope["scheme"],
        "http_version": scope["http_version"],
        "asgi": scope["asgi"],
        "client": scope["client"],
        "server": scope["server"],
        "server_is_a_tuple": isinstance(scope["server"], tuple),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "extensions": sorted(scope["extensions"]),
        "state": scope["state"],
        "body": (await read(receive)).decode("latin-1"),
        "thread": threading.get_ident(),
    }
    await reply(send, json.dumps(seen).encode(), headers=[(b"content-type", b"application/json")])


def test_a_request_has_the_scope_a_server_makes() -> None:
    seen = TestClient(mirror).get("/a%20b/c%252Fd?x=1&y=%20", headers={"X-Name": "value"}).json()
    assert seen["method"] == "GET"
    assert (seen["path"], seen["raw_path"], seen["query"]) == ("/a b/c%2Fd", "/a%20b/c%252Fd", "x=1&y=%20")
    assert (seen["scheme"], seen["http_version"], seen["root_path"]) == ("http", "1.1", "")
    assert seen["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert seen["client"] == ["testclient", 50000]
    assert (seen["server"], seen["server_is_a_tuple"]) == (["testserver", 80], True)
    assert ["host", "testserver"] in seen["headers"]
    assert ["x-name", "value"] in seen["headers"]
    assert ["user-agent", "testclient"] in seen["headers"]
    assert seen["state"] == {}


def test_the_scope_is_what_the_client_was_given() -> None:
    client = TestClient(
        mirror,
        "https://example.org:8443/prefix",
        root_path="/mounted",
        client=("10.0.0.1", 1),
        server=("inside", 9),
        spec_version="2.5",
        http_version="2",
        extensions={"http.response.push": {}, "http.response.debug": None, "tls": {"version": 1}},
        state={"started": True},
        params={"always": "1"},
        auth=("me", "secret"),
    )
    seen = client.get("/items").json()
    assert (seen["path"], seen["scheme"], seen["query"]) == ("/prefix/items", "https", "always=1")
    assert (seen["root_path"], seen["client"], seen["server"]) == ("/mounted", ["10.0.0.1", 1], ["inside", 9])
    assert (seen["asgi"]["spec_version"], seen["http_version"]) == ("2.5", "2")
    assert "http.response.push" in seen["extensions"]
    assert "tls" in seen["extensions"]
    assert "http.response.debug" not in seen["extensions"]
    assert seen["state"] == {"started": True}
    assert ["authorization", "Basic bWU6c2VjcmV0"] in seen["headers"]


def test_the_server_is_taken_from_the_url() -> None:
    assert TestClient(mirror, "https://example.org").get("/").json()["server"] == ["example.org", 443]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("lifespan", "maybe", "lifespan is one of 'auto', 'on', 'off'"),
        ("strict", "very", "strict is one of"),
        ("backend", "twisted", "backend is one of 'asyncio', 'trio'"),
        ("loop", "mine", "loop is one of"),
        ("sync_on_caller", "no", "sync_on_caller is one of"),
        ("raise_server_exceptions", "some", "raise_server_exceptions is one of"),
        ("spec_version", "two", "spec_version is two numbers"),
        ("ignore", ["E99"], "no such code to ignore: E99"),
    ],
)
def test_a_wrong_option_is_refused_with_the_right_ones(option: str, value: Any, words: str) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=words):
        TestClient(mirror, **options)


def test_nothing_of_the_callers_is_changed() -> None:
    headers = {"x-mine": "1"}
    state = {"a": 1}
    jar = CookieJar()
    options = {"debug": False}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["b"] = 2
        await reply(send, headers=[(b"set-cookie", b"a=b")])

    client = TestClient(app, headers=headers, state=state, cookies=jar, backend_options=options)
    client.get("/", headers=headers)
    assert client.cookies["a"] == "b"
    assert (headers, state, len(jar), options) == ({"x-mine": "1"}, {"a": 1}, 0, {"debug": False})
    assert client.app_state == {"a": 1}


def test_cookies_given_in_a_jar_are_sent() -> None:
    source = httpx.Cookies()
    source.set("name", "value", domain="testserver.local")
    assert ["cookie", "name=value"] in TestClient(mirror, cookies=source.jar).get("/").json()["headers"]


def test_redirects_are_followed_unless_configured_otherwise() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/old":
            return await reply(send, status=307, headers=[(b"location", b"/new")])
        return await reply(send, scope["path"].encode())

    assert TestClient(app).get("/old").text == "/new"
    assert TestClient(app, follow_redirects=False).get("/old").status_code == 307


def test_headers_are_latin_1_both_ways() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        [value] = [value for name, value in scope["headers"] if name == b"x-name"]
        await reply(send, headers=[(b"x-name", value)])

    response = TestClient(app).get("/", headers=[(b"X-Name", b"caf\xe9")])
    assert response.headers["x-name"] == "caf\xe9"
    assert response.headers.raw == [(b"x-name", b"caf\xe9")]


def test_a_head_request_gets_no_body() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await reply(send, b"hello", headers=[(b"content-length", b"5")])

    response = TestClient(app).head("/")
    assert (response.content, response.headers["content-length"]) == (b"", "5")


def test_json_forms_and_files_arrive() -> None:
    client = TestClient(mirror)
    assert client.post("/", json={"a": 1}).json()["body"] in ('{"a":1}', '{"a": 1}')
    assert client.post("/", data={"a": "1"}).json()["body"] == "a=1"
    assert "hello" in client.post("/", files={"file": b"hello"}).json()["body"]
    assert len(client.post("/", files={"file": b"x" * 200_000}).json()["body"]) > 200_000


def test_a_large_upload_comes_in_blocks_as_from_a_server() -> None:
    client = TestClient(mirror)
    client.post("/", files={"file": b"x" * 200_000})
    exchange = client.last_exchange
    assert exchange is not None
    sizes = [len(m["body"]) for direction, m in exchange.messages if m["type"] == "http.request"]
    assert max(sizes) == 65536
    assert len(sizes) == 5


def test_a_plain_callable_that_gives_an_awaitable_is_asgi_3() -> None:
    class App:
        def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
            return reply(send, b"called")

    def variadic(*args: Any) -> Any:
        return reply(args[2], b"variadic")

    class Strange:
        __signature__ = "none at all"

        def __call__(self, *args: Any) -> Any:
            return reply(args[2], b"strange")

    assert TestClient(App()).get("/").text == "called"
    assert TestClient(variadic).get("/").text == "variadic"
    assert TestClient(Strange()).get("/").text == "strange"


def test_an_application_of_the_wrong_shape_is_named() -> None:
    def app() -> None: ...

    with pytest.raises((ProtocolViolation, TypeError), match="app"):
        TestClient(app).get("/")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_loop_serves_all_requests_of_a_client(backend: Any) -> None:
    client = TestClient(mirror, backend=backend)
    first = client.get("/").json()["thread"]
    assert client.get("/").json()["thread"] == first
    assert first != threading.get_ident()


def test_a_loop_per_request_is_there_for_those_who_want_it() -> None:
    import asyncio

    loops: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        if scope["path"] == "/fail":
            raise RuntimeError("no")
        await reply(send, b"x")

    client = TestClient(app, loop="per-request", lifespan="off")
    client.get("/")
    with client.stream("GET", "/") as response:
        assert response.read() == b"x"
    with pytest.raises(RuntimeError, match="no"):
        client.get("/fail")
    with client:
        client.get("/")
        client.get("/")
    assert len({id(loop) for loop in loops[:3]}) == 3
    assert loops[0].is_closed()
    assert loops[1].is_closed()
    assert loops[2].is_closed()
    assert loops[3] is loops[4]


def test_a_task_an_application_leaves_goes_on_between_requests() -> None:
    import asyncio

    done = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(0.01)
            done.set()

        scope["state"]["task"] = tasks[:] = [asyncio.create_task(later())]
        await reply(send)

    tasks: list[Any] = []
    client = TestClient(app)
    client.get("/")
    assert client.wait_idle(5)
    assert done.is_set()


def test_a_task_that_never_ends_is_reported_when_the_client_closes() -> None:
    import asyncio

    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(100), name="the worker"))
        await reply(send)

    client = TestClient(app)
    client.get("/")
    assert not client.wait_idle(0.02)
    with pytest.warns(UnfinishedTasks, match="'the worker'"):
        client.close()
    assert tasks[0].cancelled()


def test_many_threads_may_use_one_client() -> None:
    import asyncio

    together = threading.Barrier(4)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.01)
        await reply(send, scope["path"].encode())

    client = TestClient(app)
    answers: list[str] = []

    def work(number: int) -> None:
        together.wait()
        answers.extend(client.get(f"/{number}").text for _ in range(3))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted([f"/{number}" for number in range(4)] * 3)


def test_context_variables_go_to_the_application_and_never_come_back() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        before = variable.get()
        variable.set("of the application")
        await reply(send, before.encode())

    client = TestClient(app)
    variable.set("of the test")
    assert client.get("/").text == "of the test"
    assert client.get("/").text == "of the test"
    assert variable.get() == "of the test"


async def test_context_variables_go_to_the_application_of_an_async_client_and_never_come_back() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        before = variable.get()
        variable.set("of the application")
        await reply(send, before.encode())

    async with AsyncTestClient(app, lifespan="off") as client:
        variable.set("of the test")
        assert (await client.get("/")).text == "of the test"
        assert (await client.get("/")).text == "of the test"
        assert variable.get() == "of the test"


async def test_the_sync_client_works_inside_a_running_loop_but_says_what_is_wrong() -> None:
    client = TestClient(mirror)
    with pytest.warns(BlockedEventLoop, match="AsyncTestClient"):
        assert client.get("/").status_code == 200
    assert client.get("/").status_code == 200
    client.close()


def test_the_portal_runs_functions_on_the_applications_loop() -> None:
    import asyncio

    async def whose() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    def fail() -> None:
        raise KeyError("mine")

    with TestClient(mirror, lifespan="off") as client:
        loop = client.get("/").json()["thread"]
        assert client.portal_call(whose) == loop
        assert client.portal is not None
        assert client.portal.call(whose) == loop
        assert client.portal.start_task_soon(threading.get_ident).result() == loop
        with pytest.raises(KeyError, match="mine"):
            client.portal_call(fail)
    assert client.portal is None
    client.close()


def test_a_client_may_be_closed_from_its_own_loop() -> None:
    client = TestClient(mirror)
    assert client.get("/").status_code == 200
    client.portal_call(client.close)
    with pytest.raises(RuntimeError, match="closed"):
        client.get("/")


def test_a_call_through_the_portal_has_a_time_limit() -> None:
    import asyncio

    with (
        pytest.warns(UnfinishedTasks),
        TestClient(mirror, lifespan="off", timeout=0.02) as client,
        pytest.raises(AppTimeout, match=r"portal_call: asyncio\.tasks\.sleep"),
    ):
        client.portal_call(asyncio.sleep, 100)


async def test_the_portal_of_the_async_client_is_the_loop_itself() -> None:
    async def later() -> int:
        return 2

    client = AsyncTestClient(mirror)
    assert await client.portal_call(later) == 2
    assert await client.portal_call(lambda: 3) == 3
    await client.aclose()


def test_the_trio_client_has_no_stray_tasks() -> None:
    with TestClient(mirror, backend="trio", lifespan="off") as client:
        assert client.get("/").status_code == 200
        assert client.wait_idle(1)


def test_options_of_the_loop_are_passed() -> None:
    import asyncio

    made: list[Any] = []

    def factory() -> Any:
        made.append(asyncio.new_event_loop())
        return made[-1]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        await reply(send, f"{loop is made[0]} {loop.get_debug()}".encode())

    client = TestClient(app, backend_options={"loop_factory": factory, "debug": True})
    assert client.get("/").text == "True True"
    assert client.async_backend == {"backend": "asyncio", "backend_options": {"loop_factory": factory, "debug": True}}
    client.close()


def test_uvloop_is_used_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio
    import types

    made: list[Any] = []
    module: Any = types.ModuleType("uvloop")

    def new_event_loop() -> Any:
        made.append(asyncio.new_event_loop())
        return made[-1]

    module.new_event_loop = new_event_loop
    monkeypatch.setitem(sys.modules, "uvloop", module)
    with TestClient(mirror, backend_options={"use_uvloop": True}, lifespan="off") as client:
        assert client.get("/").status_code == 200
    assert len(made) == 1


def test_uvloop_itself_runs_requests_and_websockets() -> None:
    uvloop: Any = pytest.importorskip("uvloop")
    loops: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        loops.append(asyncio.get_running_loop())
        if scope["type"] == "http":
            return await reply(send, b"x")
        await receive()
        await send({"type": "websocket.accept"})
        return await send({"type": "websocket.send", "text": "y"})

    with TestClient(app, backend_options={"use_uvloop": True}, lifespan="off") as client:
        assert client.get("/").text == "x"
        with client.websocket_connect("/") as session:
            assert session.receive_text() == "y"
    assert all(isinstance(loop, uvloop.Loop) for loop in loops)


def test_uvloop_that_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ImportError, match="^use_uvloop needs uvloop: pip install uvloop$"):
        TestClient(mirror, backend_options={"use_uvloop": True}).get("/")
    with (
        pytest.raises(ImportError, match="pip install uvloop"),
        TestClient(mirror, backend_options={"use_uvloop": True}, lifespan="off"),
    ):
        raise AssertionError


def test_wrong_options_for_trio_are_an_error_and_not_a_hang() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        TestClient(mirror, backend="trio", backend_options={"nonsense": 1}).get("/")


def test_a_client_that_is_never_closed_ends_its_loop_when_it_is_collected() -> None:
    import asyncio

    loops: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        await reply(send, b"x")

    response = TestClient(app).get("/")
    assert loops[0].is_closed()
    response.asgi.wait_closed()
    assert response.asgi.done


async def test_a_response_may_outlive_its_async_client() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await reply(send, b"x")

    response = await AsyncTestClient(app).get("/")
    await response.asgi.wait_closed()
    assert response.asgi.done


def test_the_clients_are_those_of_the_httpx_that_was_named(flavour: Any) -> None:
    module, ours = flavour
    client = ours.TestClient(mirror)
    assert isinstance(client, module.Client)
    assert isinstance(client.get("/"), module.Response)
    assert client.post("/", content=iter([b"a", b"b"])).json()["body"] == "ab"
    with client.stream("GET", "/") as response:
        assert response.read()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get("/")


async def test_the_async_clients_are_those_of_the_httpx_that_was_named(flavour: Any) -> None:
    module, ours = flavour
    async with ours.AsyncTestClient(mirror, lifespan="off") as client:
        assert isinstance(client, module.AsyncClient)
        assert isinstance(await client.get("/"), module.Response)
        async with client.stream("GET", "/") as response:
            assert await response.aread()
    await client.aclose()


def test_the_preferred_client_is_that_of_httpx2_where_it_is_installed() -> None:
    name = "httpx2" if find_spec("httpx2") else "httpx"
    assert TestClient is import_module(f"asgi_testclient.{name}").TestClient
    assert issubclass(TestClient, import_module(name).Client)


def test_errors_of_httpx_are_those_of_httpx() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await reply(send, status=404)

    with pytest.raises(httpx.HTTPStatusError, match="404"):
        asgi_testclient.httpx.TestClient(app).get("/").raise_for_status()


def test_without_recording_no_exchange_is_kept():
    async def hello(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})

    with TestClient(hello, record=False) as client:
        assert client.get("/").text == "hello"
        assert client.last_exchange is None
