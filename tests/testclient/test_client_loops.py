"""The event loop of a client: the one of its block, and the tasks that an application leaves on it."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from asgi_testclient import AsyncTestClient, Clock, LifespanManager, TestClient, UnfinishedTasks
from asgi_testclient._loops import tasks
from asgi_testclient._loops.backends import CALL


async def answer(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})


class Leaves:
    """An application that starts tasks and does not await them; `gate` holds them back."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.gate = asyncio.Event()
        self.done: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.tasks += [asyncio.create_task(self._work(name), name=name) for name in self.names]
            await answer(send)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            self.tasks += [asyncio.create_task(self._work(name), name=name) for name in self.names]
            await receive()

    async def _work(self, name: str) -> None:
        if name.startswith("held"):
            await self.gate.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        self.done.append(name)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_tasks_that_an_application_leaves_finish_before_an_awaited_request_returns() -> None:
    app = Leaves("mail", "log")
    await AsyncTestClient(app).get("/")
    assert sorted(app.done) == ["log", "mail"]


async def test_so_do_those_of_a_stream_and_of_a_websocket() -> None:
    app = Leaves("mail")
    client = AsyncTestClient(app)
    async with client.stream("GET", "/") as response:
        assert await response.aread() == b"ok"
    assert app.done == ["mail"]
    async with client.websocket_connect("/"):
        pass
    assert app.done == ["mail", "mail"]


async def test_a_task_that_goes_on_is_named_with_its_request_and_its_line() -> None:
    app = Leaves("held by a gate")
    text = r"GET /report: .* go on after its response: 'held by a gate'\. .*test_client_loops.py:\d+ in _work"
    with pytest.warns(UnfinishedTasks, match=text) as caught:
        await AsyncTestClient(app, disconnect_grace=0.01).get("/report")
    assert caught[0].filename == __file__
    app.gate.set()
    await asyncio.gather(*app.tasks)


@pytest.mark.parametrize("options", [{"wait_for_app": False}, {"disconnect_grace": 0}])
async def test_they_are_not_waited_for_where_that_is_not_wanted(options: dict[str, Any]) -> None:
    app = Leaves("held")
    await AsyncTestClient(app, **options).get("/")
    assert app.done == []
    app.gate.set()
    await asyncio.gather(*app.tasks)


async def test_inside_the_block_they_go_on() -> None:
    app = Leaves("held")
    async with AsyncTestClient(app) as client:
        await client.get("/")
        assert not await client.wait_idle(0.01)
        app.gate.set()
        assert await client.wait_idle()
        assert app.done == ["held"]
        assert await client.wait_idle(None)


async def test_a_task_of_the_test_is_none_of_the_applications() -> None:
    own = asyncio.create_task(asyncio.sleep(3600))
    app = Leaves("mail")
    client = AsyncTestClient(app)
    await client.get("/")
    assert await client.wait_idle(0)
    own.cancel()


async def test_a_task_of_another_client_is_none_of_this_ones() -> None:
    app = Leaves("held")
    async with AsyncTestClient(app) as client, AsyncTestClient(app) as other:
        await other.get("/")
        assert await client.wait_idle(0)
        app.gate.set()


def test_the_call_of_a_task_is_found_on_every_python() -> None:
    call: Any = object()
    context = contextvars.copy_context()
    context.run(CALL.set, call)
    since_3_12: Any = SimpleNamespace(get_context=lambda: context)
    before: Any = [context]  # as the garbage collector sees a task
    assert tasks._call_of(since_3_12) is tasks._call_of(before) is call


def test_a_client_used_on_another_loop_than_its_own_raises() -> None:
    client = AsyncTestClient(Leaves())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.__aenter__())
    with pytest.raises(RuntimeError, match=r"entered on another event loop .*\(loop_scope=\"session\""):
        asyncio.run(client.get("/"))
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(client.__aexit__())
    assert loop.run_until_complete(client.get("/")).status_code == 200
    loop.run_until_complete(client.aclose())
    loop.close()


def test_a_lifespan_manager_left_on_another_loop_raises() -> None:
    manager = LifespanManager(Leaves())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(manager.__aenter__())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(manager.__aexit__(None, None, None))
    loop.run_until_complete(manager.__aexit__(None, None, None))
    loop.close()


def test_outside_its_block_a_client_goes_along_with_each_loop() -> None:
    client = AsyncTestClient(Leaves())
    for _ in range(2):
        assert asyncio.run(client.get("/")).status_code == 200


def test_without_a_loop_the_client_says_which_one_to_use() -> None:
    request = AsyncTestClient(Leaves()).get("/")
    with pytest.raises(RuntimeError, match="outside an event loop: use TestClient here"):
        request.send(None)


def test_on_trio_every_task_is_awaited() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)

    async def main() -> None:
        client = AsyncTestClient(app)
        await client.get("/")
        assert await client.wait_idle()

    anyio.run(main, backend="trio")


def test_background_work_of_a_request_with_a_loop_of_its_own_ends_with_the_client() -> None:
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await anyio.sleep(0.01)
        done.append(scope["path"])

    client = TestClient(app, loop="per-request", wait_for_app=False, lifespan="off")
    assert client.get("/").text == "ok"
    client.close()
    assert done == ["/"]


def test_the_portal_of_a_client_is_anyios() -> None:
    for backend in ("asyncio", "trio"):
        client: Any = TestClient(Leaves(), backend=backend)
        assert client.portal is None
        with client:
            assert client.portal.call(anyio.sleep, 0) is None
            assert client.portal is client.portal
            assert client.wait_idle(0)
        assert client.portal is None


def test_to_be_idle_is_to_have_no_background_work() -> None:
    gate = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)
        await anyio.to_thread.run_sync(gate.wait)

    client = TestClient(app, wait_for_app=False, lifespan="off")
    client.get("/")
    assert not client.wait_idle(0.01)
    gate.set()
    assert client.wait_idle(None)
    client.close()


def test_without_trio_its_backend_says_what_to_install(monkeypatch):
    async def app(scope, receive, send):
        await answer(send)

    monkeypatch.setitem(sys.modules, "trio", None)
    for use in (lambda: TestClient(app, backend="trio").get("/"), lambda: Clock().backend("trio")):
        with pytest.raises(ImportError, match="pip install trio"):
            use()
