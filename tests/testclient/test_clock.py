"""A clock of the client's own: hours pass in milliseconds, and nothing that happens is jumped over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest

from asgi_testclient import AppTimeout, AsyncTestClient, Clock, TestClient

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
HOUR = 3600.0


async def answer(send: Any, body: bytes = b"ok") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def sleeper(scope: Any, receive: Any, send: Any) -> None:
    await anyio.sleep(HOUR)
    await answer(send, b"%.1f" % anyio.current_time())


@BACKENDS
def test_an_hour_passes_while_the_test_waits(backend: Any) -> None:
    clock = Clock()
    client = TestClient(sleeper, backend=backend, clock=clock, timeout=5)
    assert client.get("/").text == "3600.0"
    assert client.get("/").text == "7200.0"
    assert clock.time() == 2 * HOUR


@BACKENDS
def test_a_timeout_of_the_application_passes(backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with anyio.move_on_after(HOUR) as scope:
            await anyio.sleep_forever()
        await answer(send, str(scope.cancelled_caught).encode())

    assert TestClient(app, backend=backend, clock=Clock(), timeout=5).get("/").text == "True"


class Heart:
    """A lifespan whose task beats every ten seconds, and a stream that beats every thirty."""

    def __init__(self) -> None:
        self.beats: list[float] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            async with anyio.create_task_group() as group:
                group.start_soon(self.beat)
                await send({"type": "lifespan.startup.complete"})
                await receive()
                group.cancel_scope.cancel()
            return await send({"type": "lifespan.shutdown.complete"})
        if scope["path"] == "/quick":
            return await answer(send)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with anyio.create_task_group() as group:
            group.start_soon(self.leave, receive, group)
            while True:
                await anyio.sleep(30)
                await send({"type": "http.response.body", "body": b"%g " % anyio.current_time(), "more_body": True})
        return None

    async def beat(self) -> None:
        while True:
            await anyio.sleep(10)
            self.beats.append(anyio.current_time())

    async def leave(self, receive: Any, group: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()


@BACKENDS
def test_time_stands_still_while_the_test_does_not_wait(backend: Any) -> None:
    clock, app = Clock(), Heart()
    with TestClient(app, backend=backend, clock=clock, timeout=5) as client:
        for _ in range(50):
            assert client.get("/quick").text == "ok"
        assert (clock.time(), app.beats) == (0, [])
        with client.stream("GET", "/") as response:
            chunks = response.iter_raw()
            for number in range(1, 20):
                assert next(chunks) == b"%d " % (30 * number)
                assert clock.time() == 30 * number
        assert clock.time() == 30 * 19
        assert app.beats == [10.0 * number for number in range(1, 58)]


@BACKENDS
def test_time_is_advanced_timer_by_timer(backend: Any) -> None:
    clock, app = Clock(), Heart()
    with TestClient(app, backend=backend, clock=clock) as client:
        clock.advance(9.5)
        assert (clock.time(), app.beats) == (9.5, [])
        clock.advance(0.5)
        assert app.beats == [10]
        clock.advance(25)
        assert (clock.time(), app.beats) == (35, [10, 20, 30])
        clock.advance(0)
        assert client.get("/quick").text == "ok"
    clock.advance(5)
    assert clock.time() == 40


@BACKENDS
def test_a_clock_that_is_not_automatic_moves_by_hand_alone(backend: Any) -> None:
    clock = Clock(auto=False)
    client = TestClient(Heart(), backend=backend, clock=clock, timeout=0.1)
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        with pytest.raises(AppTimeout):
            next(chunks)
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        clock.advance(30)
        assert next(chunks) == b"30 "


@BACKENDS
@pytest.mark.parametrize("kind", ["anyio", "own"])
def test_time_stands_still_while_a_worker_thread_runs(backend: Any, kind: str) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert go_on.wait(5)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun = anyio.current_time()
        with anyio.move_on_after(HOUR) as limit:
            if kind == "anyio":
                await anyio.to_thread.run_sync(work)
            elif backend == "asyncio":
                await asyncio.to_thread(work)
            else:
                import trio

                await trio.to_thread.run_sync(work)
        await answer(send, f"{limit.cancelled_caught} {anyio.current_time() - begun:g}".encode())

    def let_go() -> None:
        assert entered.wait(5)
        with pytest.raises(AppTimeout, match="a worker thread"):
            clock.advance(1, timeout=0.05)
        go_on.set()

    clock = Clock()
    client = TestClient(app, backend=backend, clock=clock, timeout=5)
    helper = threading.Thread(target=let_go)
    helper.start()
    assert client.get("/").text == "False 0"
    helper.join()
    assert clock.time() == 0


@BACKENDS
def test_time_is_held_for_what_is_real(backend: Any) -> None:
    clock = Clock()
    done = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # A thread that neither anyio nor the loop knows of, as of a driver of a database.
        with clock.hold(), anyio.move_on_after(HOUR) as limit:
            event = anyio.Event()
            token = backend == "trio" and __import__("trio").lowlevel.current_trio_token()
            post = token.run_sync_soon if token else asyncio.get_running_loop().call_soon_threadsafe
            threading.Thread(target=lambda: done.wait(0.05) or post(event.set)).start()
            await event.wait()
        await answer(send, str(limit.cancelled_caught).encode())

    assert TestClient(app, backend=backend, clock=clock, timeout=5).get("/").text == "False"
    held = pytest.raises(AppTimeout, match=r"at 0 s and has not come to 1 s after 0.05 s: hold\(\)")
    with clock.hold(), TestClient(sleeper, backend=backend, clock=clock, lifespan="off"), held:
        clock.advance(1, timeout=0.05)


def test_a_loop_that_is_never_idle_is_named() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await anyio.sleep(0)

    clock = Clock()
    client = TestClient(app, clock=clock, disconnect_grace=0)
    with client.stream("GET", "/"), pytest.raises(AppTimeout, match="never idle"):
        clock.advance(1, timeout=0.05)


@BACKENDS
def test_an_iterator_of_the_test_holds_the_clock(backend: Any) -> None:
    clock = Clock()
    times: list[float] = []

    def body() -> Iterator[bytes]:
        for _ in range(3):
            times.append(clock.time())
            yield b"x"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            await anyio.sleep(100)
        await answer(send)

    TestClient(app, backend=backend, clock=clock, timeout=5).post("/", content=body())
    assert times == [0, 100, 200]


@BACKENDS
def test_a_websocket_is_silent_for_seconds_of_the_clock(backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await anyio.sleep(20)
            await send({"type": "websocket.send", "text": "ping"})

    clock = Clock()
    client = TestClient(app, backend=backend, clock=clock, timeout=5, disconnect_grace=0)
    with client.websocket_connect("/") as websocket:
        assert websocket.receive_nothing(19)
        assert clock.time() == 19
        assert not websocket.receive_nothing(100)
        assert clock.time() == 20
        assert not websocket.receive_nothing(100)
        assert websocket.receive_text() == "ping"
        assert websocket.receive_text() == "ping"
        assert clock.time() == 40


@BACKENDS
def test_the_grace_of_a_client_that_left_is_one_of_the_clock(backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()
        await receive()
        await anyio.sleep(50)
        cleaned.append(True)

    cleaned: list[bool] = []
    client = TestClient(app, backend=backend, clock=Clock(), timeout=5, disconnect_grace=60)
    with client.stream("GET", "/"):
        pass
    assert cleaned


@BACKENDS
def test_functions_that_are_called_on_the_loop_may_sleep(backend: Any) -> None:
    clock = Clock()
    with TestClient(Heart(), backend=backend, clock=clock, timeout=5) as client:
        client.portal_call(anyio.sleep, 15)
        assert clock.time() == 15
        with pytest.raises(RuntimeError, match=r"await anyio.sleep\(3\)"):
            client.portal_call(clock.advance, 3)
        assert client.wait_idle()
        assert client.portal_call(anyio.current_time) == 15


@BACKENDS
def test_slow_readers_are_quick(backend: Any) -> None:
    clock = Clock()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await send({"type": "http.response.body", "body": b"x" * 500})

    TestClient(app, backend=backend, clock=clock, timeout=5, bandwidth=10).get("/")
    assert clock.time() == pytest.approx(150)


@BACKENDS
def test_a_clock_is_one_loops_at_a_time(backend: Any) -> None:
    clock = Clock()
    two = pytest.raises(RuntimeError, match="drives another event loop")
    with TestClient(Heart(), backend=backend, clock=clock), two:
        TestClient(sleeper, backend=backend, clock=clock).get("/")
    per_request = TestClient(sleeper, backend=backend, clock=clock, loop="per-request", timeout=5)
    assert (per_request.get("/").text, per_request.get("/").text) == ("3600.0", "7200.0")


@pytest.mark.parametrize("name", ["loop_factory", "use_uvloop", "clock"])
def test_a_clock_brings_its_loop(name: str) -> None:
    with pytest.raises(ValueError, match=f"leave out {name}$"):
        TestClient(sleeper, clock=Clock(), backend_options={name: None})


def test_options_of_the_loop_go_with_a_clock() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, str(asyncio.get_running_loop().get_debug()).encode())

    assert TestClient(app, clock=Clock(), backend_options={"debug": True}).get("/").text == "True"


@BACKENDS
def test_a_deadline_that_is_over_needs_no_time(backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        limit = anyio.CancelScope()

        async def shorten() -> None:
            limit.deadline = anyio.current_time() - 1

        async with anyio.create_task_group() as group:
            group.start_soon(shorten)
            with limit:
                await anyio.sleep_forever()
        await answer(send)

    clock = Clock(auto=False)
    with clock.hold():
        clock.advance(5)  # no loop follows it yet
    assert TestClient(app, backend=backend, clock=clock, timeout=5).get("/").text == "ok"
    assert clock.time() == 5


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_clock_does_not_go_back(seconds: float) -> None:
    with pytest.raises(ValueError, match="from 0, not"):
        Clock().advance(seconds)


async def test_the_asynchronous_client_says_whose_the_clock_is() -> None:
    with pytest.raises(ValueError, match=r"anyio_backend returns clock.backend\('asyncio'\)"):
        AsyncTestClient(sleeper, clock=Clock())


@BACKENDS
def test_a_test_may_run_on_the_clock_itself(backend: Any) -> None:
    clock = Clock()
    name, options = clock.backend(backend)

    async def test() -> None:
        async with AsyncTestClient(sleeper, timeout=None, lifespan="off") as client:
            assert (await client.get("/")).text == "3600.0"
            await anyio.sleep(HOUR)
            assert await anyio.to_thread.run_sync(clock.time) == 2 * HOUR

    anyio.run(test, backend=name, backend_options=options)
    anyio.run(anyio.sleep, 5, backend=name, backend_options=clock.backend(backend)[1])
    assert clock.time() == 2 * HOUR + 5


async def test_without_a_clock_silence_is_real() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "pong"})
        await receive()

    async with AsyncTestClient(app, lifespan="off") as client, client.websocket_connect("/") as websocket:
        assert await websocket.receive_nothing(0.01)
        await websocket.send_text("ping")
        assert not await websocket.receive_nothing(5)
