from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from asgi_testclient import (
    AppTimeout,
    AsyncTestClient,
    LifespanFailed,
    LifespanManager,
    LifespanNotSupported,
    Lint,
    ProtocolViolation,
    TestClient,
    UnfinishedTasks,
)

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
COMPLETE = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


async def answer(send: Any, content: bytes = b"x") -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": content})


class App:
    """A lifespan made of named steps, and a plain answer to requests."""

    def __init__(self, *steps: str) -> None:
        self.steps = steps
        self.notes: list[str] = []
        self.scope: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            return await answer(send, ",".join(sorted(scope["state"])).encode())
        self.scope = scope
        for step in self.steps:
            match step:
                case "receive":
                    self.notes.append((await receive())["type"])
                case "sleep":
                    await anyio.sleep(100)
                case "state":
                    scope["state"]["started"] = True
                case "raise":
                    raise LookupError("in the lifespan")
                case "return":
                    return None
                case _:
                    await send(
                        {"type": f"lifespan.{step}", "message": "no database"}
                        if "failed" in step
                        else {"type": f"lifespan.{step}"}
                    )
        return None


WHOLE = ("receive", "state", "startup.complete", "receive", "shutdown.complete")


@BACKENDS
def test_the_block_runs_the_lifespan(backend: Any) -> None:
    app = App(*WHOLE)
    client = TestClient(app, backend=backend)
    for _ in range(2):
        app.notes.clear()
        with client:
            assert app.notes == ["lifespan.startup"]
            assert client.get("/").text == "started"
        assert app.notes == ["lifespan.startup", "lifespan.shutdown"]
    assert app.scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
    assert app.scope["state"] is client.app_state
    client.close()


async def test_the_block_of_the_async_client_runs_the_lifespan() -> None:
    app = App(*WHOLE)
    client = AsyncTestClient(app)
    for _ in range(2):
        app.notes.clear()
        async with client:
            assert app.notes == ["lifespan.startup"]
            assert (await client.get("/")).text == "started"
        assert app.notes == ["lifespan.startup", "lifespan.shutdown"]


def test_startup_and_shutdown_run_in_one_task_and_requests_see_a_copy_of_the_state() -> None:
    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            tasks.append(asyncio.current_task())
            await send(COMPLETE)
            await receive()
            tasks.append(asyncio.current_task())
            return await send(STOPPED)
        scope["state"]["mine"] = 1
        return await answer(send)

    with TestClient(app) as client:
        client.get("/")
        assert client.app_state == {}
    assert tasks[0] is tasks[1]


def test_without_the_block_or_with_off_no_lifespan_runs() -> None:
    app = App(*WHOLE)
    TestClient(app).get("/")
    with TestClient(app, lifespan="off") as client:
        client.get("/")
    assert app.scope is None


async def test_with_off_the_async_client_runs_no_lifespan() -> None:
    app = App(*WHOLE)
    async with AsyncTestClient(app, lifespan="off") as client:
        await client.get("/")
    assert app.scope is None


def test_a_block_cannot_be_entered_twice_at_once() -> None:
    with TestClient(App(*WHOLE)) as client, pytest.raises(RuntimeError, match="already"):
        client.__enter__()


async def test_an_async_block_cannot_be_entered_twice_at_once() -> None:
    async with AsyncTestClient(App(*WHOLE)) as client:
        with pytest.raises(RuntimeError, match="already"):
            await client.__aenter__()


UNSUPPORTED = pytest.mark.parametrize("steps", [("raise",), ("return",), ("receive", "return")])


@UNSUPPORTED
@BACKENDS
def test_an_application_without_lifespan_is_served_all_the_same(steps: Any, backend: Any) -> None:
    with TestClient(App(*steps), backend=backend) as client:
        assert client.get("/").status_code == 200


@UNSUPPORTED
async def test_an_application_without_lifespan_is_served_by_the_async_client(steps: Any) -> None:
    async with AsyncTestClient(App(*steps)) as client:
        assert (await client.get("/")).status_code == 200


@UNSUPPORTED
def test_on_insists_on_a_lifespan(steps: Any) -> None:
    client = TestClient(App(*steps), lifespan="on")
    with pytest.raises(LifespanNotSupported, match=r"returned without a word|raised LookupError"):
        client.__enter__()
    assert client.portal is None


PROBLEMS = pytest.mark.parametrize(
    ("steps", "kind", "words"),
    [
        (("receive", "raise"), LookupError, "in the lifespan"),
        (("receive", "startup.failed"), LifespanFailed, "startup.failed: no database"),
        (("receive", "startup.failed", "return"), LifespanFailed, "startup.failed: no database"),
        (("receive", "startup.failed", "raise"), LookupError, "in the lifespan"),
        (("startup.complete", "receive"), ProtocolViolation, "E28"),
        (
            ("receive", "sleep"),
            AppTimeout,
            r"lifespan startup: no lifespan.startup.complete after .*: `await anyio.sleep",
        ),
        (("receive", "startup.failed", "sleep"), LifespanFailed, "startup.failed: no database"),
        (("receive", "startup.failed", "receive"), LifespanFailed, "startup.failed: no database"),
        (("receive", "startup.complete", "receive", "raise"), LookupError, "in the lifespan"),
        (("receive", "startup.complete", "receive", "shutdown.failed"), LifespanFailed, "shutdown.failed: no database"),
        (
            ("receive", "startup.complete", "receive", "shutdown.failed", "sleep"),
            LifespanFailed,
            "shutdown.failed: no database",
        ),
        (
            ("receive", "startup.complete", "receive", "shutdown.failed", "receive"),
            LifespanFailed,
            "shutdown.failed: no database",
        ),
        (("receive", "startup.complete", "receive", "sleep"), AppTimeout, "no lifespan.shutdown.complete"),
        ((*WHOLE, "sleep"), AppTimeout, "shutdown.complete has come, but the application has not returned"),
    ],
)


@PROBLEMS
@BACKENDS
def test_what_goes_wrong_in_the_lifespan_is_an_error_and_no_hang(
    steps: Any, kind: Any, words: str, backend: Any
) -> None:
    client = TestClient(App(*steps), backend=backend, timeout=0.1, disconnect_grace=0.05)
    with pytest.raises(kind, match=words), client:
        pass


@PROBLEMS
async def test_what_goes_wrong_in_the_lifespan_is_an_error_of_the_async_client(
    steps: Any, kind: Any, words: str
) -> None:
    with pytest.raises(kind, match=words):
        async with AsyncTestClient(App(*steps), timeout=0.1, disconnect_grace=0.05):
            pass


def test_waiting_for_a_message_after_the_last_one_ends_at_once() -> None:
    client = TestClient(App("receive", "startup.failed", "receive"), timeout=None, disconnect_grace=3600)
    with pytest.raises(LifespanFailed, match="no database") as caught:
        client.__enter__()
    assert not hasattr(caught.value, "__notes__")
    with TestClient(App(*WHOLE, "receive"), timeout=None):
        pass


async def test_waiting_for_a_message_after_the_last_one_ends_at_once_in_the_async_client() -> None:
    client = AsyncTestClient(App("receive", "startup.failed", "receive"), timeout=None, disconnect_grace=3600)
    with pytest.raises(LifespanFailed, match="no database"):
        await client.__aenter__()
    async with AsyncTestClient(App(*WHOLE, "receive"), timeout=None):
        pass


def test_a_failed_startup_that_goes_on_says_that_it_was_cancelled() -> None:
    with pytest.raises(LifespanFailed) as caught:
        TestClient(App("receive", "startup.failed", "sleep"), disconnect_grace=0.01).__enter__()
    assert "still running 0.01 s after" in caught.value.__notes__[0]


def test_a_failure_tells_its_phase_and_message() -> None:
    with pytest.raises(LifespanFailed) as caught:
        TestClient(App("receive", "startup.failed")).__enter__()
    assert (caught.value.phase, caught.value.message) == ("startup", "no database")
    assert "no message" in str(LifespanFailed("startup", ""))


def test_an_application_that_says_nothing_at_shutdown_is_fine() -> None:
    with TestClient(App("receive", "startup.complete", "receive")):
        pass


def test_a_lifespan_that_ends_early_is_never_asked_to_shut_down() -> None:
    app = App("receive", "startup.complete")
    with TestClient(app) as client:
        assert client.get("/").status_code == 200
    assert app.notes == ["lifespan.startup"]


def test_a_lifespan_that_fails_early_is_reported_at_the_next_request_once() -> None:
    failing = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send(COMPLETE)
            await failing.wait()
            raise LookupError("between requests")
        failing.set()
        await answer(send)
        await asyncio.sleep(0.01)

    with TestClient(app) as client:
        assert client.get("/").status_code == 200
        with pytest.raises(LookupError, match="between requests") as caught:
            client.get("/")
        assert "ended the lifespan task" in caught.value.__notes__[0]
        assert client.get("/").status_code == 200


def test_a_lifespan_that_fails_early_is_reported_at_the_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(COMPLETE)
        raise LookupError("at once")

    with pytest.raises(LookupError, match="at once"), TestClient(app):
        pass


def test_the_tests_own_error_wins_over_one_of_the_shutdown() -> None:
    client = TestClient(App("receive", "startup.complete", "receive", "raise"))
    with pytest.raises(AssertionError, match="of the test") as caught, client:
        raise AssertionError("of the test")
    assert any("LookupError: in the lifespan" in note for note in caught.value.__notes__)


async def test_the_async_tests_own_error_wins_over_one_of_the_shutdown() -> None:
    with pytest.raises(AssertionError, match="of the test") as caught:
        async with AsyncTestClient(App("receive", "startup.complete", "receive", "raise")):
            raise AssertionError("of the test")
    assert any("LookupError: in the lifespan" in note for note in caught.value.__notes__)


def test_several_problems_at_the_end_are_all_reported() -> None:
    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        tasks.append(asyncio.create_task(asyncio.sleep(100), name="stray"))
        await send(COMPLETE)
        await receive()
        raise LookupError("at the end")

    with pytest.raises(LookupError, match="at the end") as caught, TestClient(app):
        pass
    assert any("stray" in note for note in caught.value.__notes__)


def test_a_violation_that_lint_raises_is_not_a_refusal_of_the_lifespan() -> None:
    with pytest.raises(ProtocolViolation, match="E28"):
        TestClient(Lint(App("startup.complete"))).__enter__()


def test_a_violation_that_the_lifespan_swallows_is_raised_at_the_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(COMPLETE)
        try:
            await send(COMPLETE)
        except AssertionError:
            await receive()

    with pytest.raises(ProtocolViolation, match="E28"), TestClient(app):
        pass


def test_a_worker_of_the_lifespan_is_at_rest_for_wait_idle() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        worker = asyncio.create_task(asyncio.sleep(100))
        await send(COMPLETE)
        await receive()
        worker.cancel()
        await send(STOPPED)

    with TestClient(app) as client:
        assert client.wait_idle(5)


async def test_a_client_may_be_entered_in_one_task_and_left_in_another() -> None:
    app = App(*WHOLE)
    client = AsyncTestClient(app)
    async with anyio.create_task_group() as group:
        group.start_soon(client.__aenter__)
    assert (await client.get("/")).text == "started"
    async with anyio.create_task_group() as group:
        group.start_soon(client.__aexit__)
    assert app.notes == ["lifespan.startup", "lifespan.shutdown"]


async def test_a_lifespan_with_its_own_task_group_outlives_the_scope_it_was_entered_in() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            return await answer(send)
        await receive()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            await send(COMPLETE)
            await receive()
            group.cancel_scope.cancel()
        return await send(STOPPED)

    client = AsyncTestClient(app)
    with anyio.CancelScope() as scope:
        await client.__aenter__()
        scope.cancel()
    assert (await client.get("/")).status_code == 200
    await client.__aexit__()


def test_a_failing_startup_is_raised_whatever_is_said_of_server_exceptions() -> None:
    with pytest.raises(LookupError):
        TestClient(App("receive", "raise"), raise_server_exceptions=False).__enter__()


def test_closing_shuts_the_lifespan_down() -> None:
    app = App(*WHOLE)
    client = TestClient(app)
    client.__enter__()
    client.close()
    assert app.notes == ["lifespan.startup", "lifespan.shutdown"]


def test_a_stray_task_of_a_request_is_reported_when_the_block_ends() -> None:
    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(100), name="stray"))
        await answer(send)

    with pytest.warns(UnfinishedTasks, match="stray"), TestClient(app, lifespan="off") as client:
        client.get("/")


@BACKENDS
def test_a_sibling_shares_the_lifespan_and_nothing_else(backend: Any) -> None:
    app = App(*WHOLE)
    with TestClient(app, backend=backend, cookies={"a": "b"}) as client:
        with client.sibling(timeout=3, headers={"x-a": "b"}) as other:
            assert other.get("/").text == "started"
            assert (other.app_state, {*other.cookies}) == ({"started": True}, set())
            assert other.last_exchange is not client.last_exchange
        for _ in range(2):
            with other:
                assert other.get("/").text == "started"
        assert client.get("/").text == "started"
        assert app.notes == ["lifespan.startup"]
        with pytest.raises(TypeError, match="leave out backend, loop$"):
            client.sibling(loop="per-request", backend="trio")
    assert app.notes == ["lifespan.startup", "lifespan.shutdown"]
    with pytest.raises(RuntimeError, match="inside the client's block"):
        client.sibling()


async def test_an_asynchronous_client_has_siblings_too() -> None:
    app = App(*WHOLE)
    async with AsyncTestClient(app) as client, client.sibling() as other:
        assert (await other.get("/")).text == "started"
    assert app.notes == ["lifespan.startup", "lifespan.shutdown"]


class Resource:
    """An object that an application holds."""


@contextlib.contextmanager
def left_without_a_cycle(phase: str) -> Iterator[Any]:
    """Give an application that fails in a phase; the object that it holds is freed without a garbage collection."""
    held: list[weakref.ref[Resource]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        resource = Resource()
        held.append(weakref.ref(resource))
        await receive()
        if phase == "shutdown":
            await send(COMPLETE)
            await receive()
        raise LookupError("gone")

    gc.collect()
    gc.disable()
    try:
        yield app
        assert held[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
@BACKENDS
def test_a_lifespan_that_fails_leaves_no_cycle_behind(phase: str, backend: Any) -> None:
    with left_without_a_cycle(phase) as app:
        try:
            with TestClient(app, backend=backend, lifespan="on"):
                pass
        except LookupError:
            pass
        else:
            raise AssertionError


@pytest.mark.parametrize("client", [AsyncTestClient, LifespanManager])
@pytest.mark.parametrize("phase", ["startup", "shutdown"])
async def test_a_lifespan_that_fails_leaves_no_cycle_behind_in_an_event_loop(phase: str, client: Any) -> None:
    with left_without_a_cycle(phase) as app:
        try:
            async with client(app):
                pass
        except LookupError:
            pass
        else:
            raise AssertionError
