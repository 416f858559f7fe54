from __future__ import annotations

import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

import httpx
import pytest

import asgi_testclient
import asgi_testclient.httpx
from asgi_testclient import AppTimeout, TestClient
from asgi_testclient._django import OpenConnections
from asgi_testclient._logs import LogWatcher
from asgi_testclient.httpx import ASGITransport, AsyncASGITransport


class App:
    """Answers with its lifespan's state and the scope's client, in chunks."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                self.notes.append((await receive())["type"])
                scope["state"]["phase"] = phase
                await send({"type": f"lifespan.{phase}.complete"})
            return
        await send({"type": "http.response.start", "status": 200})
        for part in (str(scope["state"]), str(scope["client"])):
            await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
        await send({"type": "http.response.body"})


def test_a_plain_client_drives_an_application_and_its_block_the_lifespan() -> None:
    app = App()
    with httpx.Client(transport=ASGITransport(app, client=("me", 1)), base_url="http://testserver") as client:
        assert client.get("/").text == "{'phase': 'startup'}('me', 1)"
        with client.stream("GET", "/") as response:
            assert list(response.iter_raw()) == [b"{'phase': 'startup'}", b"('me', 1)"]
        assert response.extensions["asgi"].done
    assert app.notes == ["lifespan.startup", "lifespan.shutdown"]


async def test_a_plain_async_client_drives_an_application_and_its_block_the_lifespan() -> None:
    app = App()
    async with httpx.AsyncClient(transport=AsyncASGITransport(app), base_url="http://testserver") as client:
        assert (await client.get("/")).text == "{'phase': 'startup'}('testclient', 50000)"
    assert app.notes == ["lifespan.startup", "lifespan.shutdown"]


def test_a_plain_client_may_be_mounted_beside_others() -> None:
    mounts = {"http://one": ASGITransport(App(), client=("one", 1)), "http://two": ASGITransport(App(), client=None)}
    client = httpx.Client(mounts=mounts)
    assert client.get("http://one/").text == "{}('one', 1)"
    assert client.get("http://two/").text == "{}None"
    client.close()


def test_a_plain_clients_own_limit_counts() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            await receive()
            if scope["type"] == "http":
                await receive()

    with pytest.raises(AppTimeout, match=r"0\.02 s"):
        httpx.Client(transport=ASGITransport(app), timeout=0.02).get("http://testserver/")


def test_a_request_that_names_no_limit_has_the_transports() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    transport = ASGITransport(app, timeout=0.03)
    with pytest.raises(AppTimeout, match=r"0\.03 s"):
        transport.handle_request(httpx.Request("GET", "http://testserver/"))
    transport.close()
    transport.close()


def test_a_response_of_the_transport_is_read_chunk_by_chunk() -> None:
    chunks = iter(ASGITransport(App()).handle_request(httpx.Request("GET", "http://testserver/")).stream)
    assert b"".join(chunks) == b"{}('testclient', 50000)"


async def test_a_response_of_the_asynchronous_transport_is_read_chunk_by_chunk() -> None:
    response = await AsyncASGITransport(App()).handle_async_request(httpx.Request("GET", "http://testserver/"))
    chunks: Any = response.stream
    assert [chunk async for chunk in chunks.__aiter__()] == [b"{}", b"('testclient', 50000)"]


def test_the_clients_of_httpx_have_what_those_of_httpx2_have() -> None:
    client = asgi_testclient.httpx.TestClient(App())
    assert client.portal is None
    with client:
        assert client.portal is not None
        response = client.get("/")
        assert client.last_exchange is response.asgi
    assert asgi_testclient.httpx.AsyncTestClient(App()).last_exchange is None


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_module_whose_httpx_is_missing_says_what_to_install(name: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None; import asgi_testclient.{name}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert f"asgi_testclient.{name} needs {name}: pip install {name}" in result.stderr


def test_an_asynchronous_body_is_refused_by_the_transport_too() -> None:
    async def chunks() -> Any:
        yield b""

    with pytest.raises(RuntimeError, match="AsyncTestClient"):
        ASGITransport(App()).handle_request(httpx.Request("POST", "http://testserver/", content=chunks()))


def run_cold(code: str) -> str:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_the_package_imports_nothing_until_it_is_asked() -> None:
    code = (
        "import sys, asgi_testclient; print([n for n in ('httpx', 'httpx2', 'anyio', 'asyncio') if n in sys.modules])"
    )
    assert run_cold(code) == "[]"


def test_lint_needs_no_httpx() -> None:
    code = "import sys; from asgi_testclient import Lint; print([n for n in ('httpx', 'httpx2') if n in sys.modules])"
    assert run_cold(code) == "[]"


def test_a_client_of_one_httpx_does_not_import_the_other() -> None:
    code = "import sys; from asgi_testclient.httpx import TestClient; print('httpx2' in sys.modules)"
    assert run_cold(code) == "False"


def test_a_client_imports_no_event_loop_until_it_is_used() -> None:
    code = """
import sys, httpx
known = set(sys.modules)
from asgi_testclient.httpx import AsyncTestClient, TestClient
TestClient(None), AsyncTestClient(None)
print([name for name in ("asyncio", "anyio", "trio", "concurrent.futures") if name in set(sys.modules) - known])
"""
    assert run_cold(code) == "[]"


def test_a_process_ends_quietly_with_clients_left_open() -> None:
    code = """
from asgi_testclient import TestClient
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})
clients = [TestClient(app), TestClient(app, backend="trio")]
print(*[client.get("/").text for client in clients])
"""
    assert run_cold(code) == "ok ok"


def test_httpx_is_used_where_httpx2_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from asgi_testclient import _preferred_httpx

    pytest.importorskip("httpx2", reason="needs httpx2: pip install httpx2")
    assert _preferred_httpx() == "httpx2"
    monkeypatch.setitem(sys.modules, "httpx2", None)
    assert _preferred_httpx() == "httpx"


def test_every_public_name_is_there_and_no_other() -> None:
    for name in asgi_testclient.__all__:
        assert getattr(asgi_testclient, name) is not None
    assert set(asgi_testclient.__all__) <= set(dir(asgi_testclient))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        asgi_testclient.Nothing


def test_threads_are_used_again_by_the_next_client_and_end_when_they_are_not_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from asgi_testclient._loops import workers

    pool = workers.Pool()
    monkeypatch.setattr(workers, "POOL", pool)
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.02)
    idents: list[int] = []
    first = pool.take()
    first.submit(lambda: idents.append(threading.get_ident())).wait(5)
    second = pool.take()
    assert second is first
    others = [pool.take() for _ in range(workers.KEPT + 1)]
    for worker in [second, *others]:
        worker.submit(lambda: idents.append(threading.get_ident())).wait(5)
    assert idents[0] == idents[1] == first.ident
    for worker in [second, *others]:
        worker.join(5)
    assert not pool.retire(first)


@pytest.fixture(params=["new", "old"])
def asgiref(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """asgiref, as it is and as it was before it took an executor."""
    sync: Any = pytest.importorskip("asgiref.sync", reason="needs asgiref: pip install asgiref")
    if request.param == "old":

        class ThreadSensitiveContext:
            """That of asgiref before 3.13, which takes no executor."""

        monkeypatch.setattr(sync, "ThreadSensitiveContext", ThreadSensitiveContext)
    return sync


def test_synchronous_code_runs_on_the_thread_of_the_test(asgiref: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await asgiref.sync_to_async(threading.get_ident)() == threading.main_thread().ident
        with pytest.raises(KeyError):
            await asgiref.sync_to_async({}.__getitem__)("missing")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    assert TestClient(app).get("/").status_code == 200


def test_it_stays_where_it_was_if_asked_to(asgiref: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await asgiref.sync_to_async(threading.get_ident)() != threading.main_thread().ident
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    assert TestClient(app, sync_on_caller=False).get("/").status_code == 200


def test_work_that_was_cancelled_before_its_turn_is_not_done() -> None:
    from asgi_testclient._django import TestThreadExecutor
    from asgi_testclient._loops.backends import ThreadWaiter

    caller = ThreadWaiter()
    done: list[int] = []
    future = TestThreadExecutor(caller).submit(done.append, 1)
    assert future.cancel()
    assert not caller.until(lambda: False, 0.01)
    assert done == []


class Signal:
    """As much of Django's signals as a test client touches."""

    def __init__(self) -> None:
        self.receivers: list[Any] = []

    def connect(self, receiver: Any) -> None:
        self.receivers.append(receiver)

    def disconnect(self, receiver: Any) -> bool:
        if receiver not in self.receivers:
            return False
        self.receivers.remove(receiver)
        return True


@pytest.fixture
def django(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of Django that are looked at where Django is in use; nothing else of this process uses it."""
    monkeypatch.setattr("asgi_testclient._django.OPEN_CONNECTIONS", OpenConnections())
    monkeypatch.setattr("asgi_testclient._logs.LOG_WATCHER", LogWatcher())
    signals: Any = ModuleType("django.core.signals")
    signals.request_started, signals.request_finished, signals.got_request_exception = Signal(), Signal(), Signal()
    database: Any = ModuleType("django.db")
    database.close_old_connections = lambda **_: None
    monkeypatch.setitem(sys.modules, "django.core.signals", signals)
    monkeypatch.setitem(sys.modules, "django.db", database)
    signals.request_started.connect(database.close_old_connections)
    return signals, database


async def test_a_request_within_a_request_leaves_the_connections_alone_too(django: Any) -> None:
    signals, database = django

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/outer":
            assert (await asgi_testclient.AsyncTestClient(app).get("/inner")).status_code == 200
            assert signals.request_started.receivers == []
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    await asgi_testclient.AsyncTestClient(app).get("/outer")
    assert signals.request_started.receivers == [database.close_old_connections]


def test_no_request_closes_the_connection_of_a_tests_transaction(django: Any) -> None:
    signals, database = django
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(list(signals.request_started.receivers))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    TestClient(app).get("/")
    assert seen == [[]]
    assert signals.request_started.receivers == [database.close_old_connections]
    assert signals.request_finished.receivers == []


def test_what_django_caught_is_attached_where_the_client_looks_for_it(django: Any) -> None:
    signals, _ = django

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            raise LookupError("caught")
        except LookupError:
            for receiver in signals.got_request_exception.receivers:
                receiver(sender=None)
        await send({"type": "http.response.start", "status": 500})
        await send({"type": "http.response.body"})

    response = TestClient(app, raise_server_exceptions="logged").get("/")
    assert isinstance(response.asgi.exception, LookupError)
    assert signals.got_request_exception.receivers == []
