from __future__ import annotations

import asyncio
import gc
import logging
import re
import sys
import time
import weakref
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from asgi_testclient import AppCancelled, AppTimeout, AsyncTestClient, ProtocolViolation, TestClient
from asgi_testclient._logs import LogWatcher

START = {"type": "http.response.start", "status": 200}
END = {"type": "http.response.body", "body": b"x"}
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def failing(scope: Any, receive: Any, send: Any) -> None:
    """Fails before, during or after its response, as its path says."""
    if scope["path"] == "/during":
        await send({**START, "headers": [(b"a", b"b")]})
        await send({**END, "more_body": True})
    if scope["path"] == "/after":
        await send(START)
        await send(END)
    raise LookupError(scope["path"])


PATHS = pytest.mark.parametrize("path", ["/before", "/during", "/after"])


@PATHS
@BACKENDS
def test_what_the_application_raises_is_raised_in_the_test(path: str, backend: Any) -> None:
    client = TestClient(failing, backend=backend)
    with pytest.raises(LookupError, match=path) as caught:
        client.get(path)
    assert caught.traceback[-1].name == "failing"
    assert client.last_exchange is not None
    client.close()


@PATHS
async def test_what_the_application_raises_is_raised_in_the_async_test(path: str) -> None:
    client = AsyncTestClient(failing)
    with pytest.raises(LookupError, match=path):
        await client.get(path)
    with pytest.raises(LookupError, match=path):
        async with client.stream("GET", path) as response:
            await response.aread()


@PATHS
def test_what_the_application_raises_is_raised_while_its_response_is_streamed(path: str) -> None:
    with pytest.raises(LookupError, match=path), TestClient(failing).stream("GET", path) as response:
        response.read()


def test_a_server_would_answer_500_or_cut_the_response_short() -> None:
    client = TestClient(failing, raise_server_exceptions=False)
    response = client.get("/before")
    assert (response.status_code, response.content) == (500, b"")
    assert isinstance(response.asgi.exception, LookupError)
    response = client.get("/during")
    assert (response.status_code, response.content, response.headers["a"]) == (200, b"x", "b")
    assert client.get("/after").status_code == 200
    with client.stream("GET", "/before") as response:
        assert response.status_code == 500


def test_without_its_block_a_failure_says_that_the_lifespan_was_not_run() -> None:
    with pytest.raises(LookupError) as caught:
        TestClient(failing).get("/before")
    assert any("with TestClient(app)" in note for note in caught.value.__notes__)
    with pytest.raises(LookupError) as caught:
        TestClient(failing, lifespan="off").get("/before")
    assert not hasattr(caught.value, "__notes__")


def test_the_note_is_given_once_to_an_exception_that_is_raised_again_and_again() -> None:
    error = LookupError("one for all")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    client = TestClient(app)
    for _ in range(3):
        with pytest.raises(LookupError):
            client.get("/")
    assert len(error.__notes__) == 1


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, BaseException])
@BACKENDS
def test_an_exception_that_is_not_an_error_is_raised_as_it_is(kind: Any, backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise kind("bye")

    client = TestClient(app, backend=backend)
    with pytest.raises(kind, match="bye"):
        client.get("/")
    client.close()


def test_an_unexpected_cancellation_is_named() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(AppCancelled, match="not by the test client"):
        TestClient(app).get("/")


@BACKENDS
def test_the_one_exception_of_a_task_group_is_raised_without_its_group(backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def fail() -> None:
            raise LookupError("inside")

        async with anyio.create_task_group() as group:
            group.start_soon(fail)

    client = TestClient(app, backend=backend)
    with pytest.raises(LookupError, match="inside"):
        client.get("/")
    client.close()


def test_a_group_of_the_applications_own_stays_a_group() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ExceptionGroup("several", [LookupError("one")])

    with pytest.raises(ExceptionGroup, match="several"):
        TestClient(app).get("/")


def test_a_violation_that_the_application_swallows_is_raised_all_the_same() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(END)
        except Exception:
            await send(START)
            await send(END)

    with pytest.raises(ProtocolViolation, match="E04"):
        TestClient(app, raise_server_exceptions=False).get("/")


@pytest.mark.parametrize(
    "wrong", [{**START, "status": "200"}, {**START, "headers": [("a", "b")]}, {**END, "body": 5}, "http.response.start"]
)
@BACKENDS
def test_the_message_that_breaks_a_rule_is_recorded(wrong: Any, backend: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(wrong)

    with TestClient(app, lifespan="off", backend=backend) as client:
        with pytest.raises(ProtocolViolation):
            client.get("/")
        assert client.last_exchange is not None
        assert [direction for direction, _ in client.last_exchange.messages] == ["receive", "send"]
        assert client.last_exchange.messages[1] == ("send", wrong)


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ({**END, "body": 5}, r"http.response.body\(5, complete\)"),
        (["nothing"], r"\['nothing'\]"),
        ({**START, "status": "1"}, r"http.response.start\(1\)"),
    ],
)
def test_an_application_that_hangs_after_a_wrong_message_tells_of_it(wrong: Any, shown: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(wrong)
        except ProtocolViolation:
            await anyio.sleep(100)

    with pytest.raises(AppTimeout, match=f"Sent: {shown}"):
        TestClient(app, timeout=0.05).get("/")


def test_spent_headers_are_recorded_as_the_list_they_gave() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": iter([(b"a", b"b")])})
        await send(END)

    assert TestClient(app).get("/").asgi.messages[0][1]["headers"] == [(b"a", b"b")]


def test_a_violation_comes_before_the_exception_it_led_to() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(END)
        except AssertionError as exc:
            raise LookupError("of the framework") from exc

    with pytest.raises(ProtocolViolation, match="E04") as caught:
        TestClient(app).get("/")
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_violation_may_be_ignored_or_all_may_be_errors() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"Content-Type", b"text/plain")]})
        await send(END)

    with pytest.warns(UserWarning, match="W01"):
        assert TestClient(app).get("/").status_code == 200
    assert TestClient(app, ignore={"W01"}).get("/").asgi.violations == []
    assert TestClient(app, strict="off").get("/").status_code == 200
    with pytest.raises(ProtocolViolation, match="W01"):
        TestClient(app, strict="all").get("/")


LIBRARY = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
"""


class Tagging:
    """A middleware of the reader, around an application that is installed."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tagged(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-tag", b"1")]}
            await send(message)

        await self.app(scope, receive, tagged)


def test_the_reader_is_not_warned_of_what_a_library_sends_through_a_middleware(recwarn: Any) -> None:
    library: dict[str, Any] = {}
    exec(compile(LIBRARY, "/venv/site-packages/framework/asgi.py", "exec"), library)
    response = TestClient(Tagging(Tagging(library["app"])), lifespan="off").get("/")
    assert response.headers["x-tag"] == "1, 1"
    assert [violation.code for violation in response.asgi.violations] == ["W01"]
    assert [str(warning.message) for warning in recwarn] == []


def test_the_reader_is_warned_of_what_an_application_of_theirs_sends_through_one() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"Content-Length", b"1")]})
        await send(END)

    with pytest.warns(UserWarning, match="W01"):
        TestClient(Tagging(app), lifespan="off").get("/")


def test_a_call_that_was_never_awaited_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        send(START)
        await send(START)
        await send(END)

    with pytest.raises(ProtocolViolation, match="E17"):
        TestClient(app).get("/")


def test_no_answer_at_all_is_an_error_even_unchecked() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(ProtocolViolation, match="E07"):
        TestClient(app).get("/")
    with pytest.raises(AssertionError, match=r"never sent http\.response\.start"):
        TestClient(app, strict="off").get("/")


def test_messages_that_make_no_sense_do_no_harm_where_nothing_is_checked() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "unheard.of"})
        await send(END)
        await send({**START, "status": 500})

    assert TestClient(app, strict="off").get("/").status_code == 200


def late(client: TestClient, path: str = "/") -> str:
    """The error of a response that does not come; a loaded machine may begin the application after the limit."""
    while True:
        with pytest.raises(AppTimeout) as caught:
            client.get(path)
        if "The application is suspended at " in str(caught.value):
            return str(caught.value)


@BACKENDS
def test_a_late_response_is_an_error_that_names_the_line(backend: Any) -> None:
    async def slow_query() -> None:
        await anyio.sleep(100)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await slow_query()

    client = TestClient(app, backend=backend, timeout=0.03)
    text = late(client, "/report")
    assert text.startswith("GET /report: no http.response.start after 0.03 s. The application is suspended at ")
    assert "in app -> test_client_errors.py:" in text
    assert "in slow_query: `await anyio.sleep(100)`" in text
    assert "Received: http.request(0 bytes, complete). Sent: nothing." in text
    client.close()


async def test_a_late_response_is_an_error_of_the_async_client() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(100)

    client = AsyncTestClient(app, timeout=0.03)
    with pytest.raises(AppTimeout, match=r"in app: `await anyio\.sleep\(100\)`"):
        await client.get("/")


def test_a_time_limit_per_request_counts_before_the_clients() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(100 if scope["path"] == "/slow" else 0.05)
        await send(START)
        await send(END)

    client = TestClient(app, timeout=0.01)
    assert client.get("/", timeout=5).status_code == 200
    assert client.get("/", timeout=None).status_code == 200
    with pytest.raises(AppTimeout, match=r"0\.02 s"):
        client.get("/slow", timeout=0.02)
    with pytest.raises(AppTimeout, match=r"0\.01 s"):
        client.get("/slow")
    assert TestClient(app, timeout=None).get("/").status_code == 200


@BACKENDS
def test_the_line_is_found_in_child_tasks_generators_and_wrappers(backend: Any) -> None:
    class Awaitable:
        def __await__(self) -> Any:
            return inner().__await__()

    async def inner() -> None:
        await anyio.sleep(100)

    async def generator() -> Any:
        await Awaitable()
        yield

    async def child() -> None:
        async for _ in generator():
            pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(child)

    client = TestClient(app, backend=backend, timeout=0.03)
    assert re.search("in child -> .* in inner: `await anyio.sleep", late(client))
    client.close()


def test_a_blocked_event_loop_is_named_by_the_line_that_blocks_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        time.sleep(0.8)

    client = TestClient(app, timeout=0.05)
    with pytest.raises(AppTimeout, match=r"blocks the event loop at .* in app: `time\.sleep\(0\.8\)`"):
        client.get("/")
    client.close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/receive", "the request body is complete, only a disconnect can follow"),
        ("/stream", r"no end of the response \(1 bytes so far\).*client\.stream"),
        ("/after", "the response is complete, but the application has not returned.*wait_for_app"),
        ("/start", r"no end of the response \(0 bytes so far\)"),
    ],
)
def test_what_the_application_waits_in_is_explained(path: str, words: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if path == "/receive":
            await receive()
            await receive()
        await send(START)
        if path != "/start":
            await send({**END, "more_body": path == "/stream"})
        await anyio.sleep(100)

    assert re.search(words, late(TestClient(app, timeout=0.03), path), re.DOTALL)


def test_an_endless_response_that_is_not_streamed_is_an_error_and_no_hang() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            await send({**END, "more_body": True})

    client = TestClient(app, timeout=0.05)
    with pytest.raises(AppTimeout, match=r"more \.\.\."):
        client.get("/")
    assert TestClient(failing, raise_server_exceptions=False).get("/before").status_code == 500
    client.close()


def test_an_application_that_swallows_its_cancellation_is_left_behind() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                continue

    client = TestClient(app, timeout=0.02)
    with pytest.raises(AppTimeout):
        client.get("/")
    with pytest.warns(ResourceWarning):
        client.close()


def test_no_limit_counts_while_a_debugger_holds_the_application() -> None:
    namespace: dict[str, Any] = {"__name__": "pdb", "time": time}
    exec("def prompt():\n    time.sleep(0.2)", namespace)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        namespace["prompt"]()
        await send(START)
        await send(END)

    assert TestClient(app, timeout=0.05).get("/").status_code == 200


def test_a_loop_that_the_application_breaks_is_an_error_and_no_hang() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def leave() -> None:
            raise SystemExit(3)

        if scope["path"] == "/leave":
            tasks.append(asyncio.create_task(leave()))
            await asyncio.sleep(100)
        await send(START)
        await send(END)

    tasks: list[Any] = []
    client = TestClient(app)
    with pytest.raises(SystemExit, match="3"):
        client.get("/leave")
    assert isinstance(tasks[0].exception(), SystemExit)
    assert client.get("/").status_code == 200


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """A framework's logger, that no logging configuration of this process knows; no exchange is watched meanwhile."""
    monkeypatch.setattr("asgi_testclient._logs.LOG_WATCHER", LogWatcher())
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)
    logger = logging.Logger("some.framework")
    logger.addHandler(logging.NullHandler())
    return logger


def test_what_a_framework_caught_and_logged_is_attached(logger: logging.Logger) -> None:
    logger.addHandler(logging.NullHandler())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        logger.warning("not this")
        try:
            raise LookupError("caught")
        except LookupError:
            logger.exception("Internal Server Error")
            logger.exception("and once more")
        await send({**START, "status": int(scope["path"][1:])})
        await send(END)

    factory = logging.getLogRecordFactory()
    client = TestClient(app, raise_server_exceptions="logged")
    response = client.get("/500")
    assert response.status_code == 500
    assert isinstance(response.asgi.exception, LookupError)
    assert client.get("/404").asgi.exception is None
    assert TestClient(app).get("/500").asgi.exception is None
    assert logging.getLogRecordFactory() is factory
    with pytest.raises(LookupError, match="/before"):
        TestClient(failing, raise_server_exceptions="logged").get("/before")


async def test_what_is_logged_belongs_to_the_exchange_it_happened_in(logger: logging.Logger) -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        logger.error("Internal Server Error", exc_info=LookupError("inner"))
        await send({**START, "status": 500})
        await send(END)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        response = await AsyncTestClient(inner, raise_server_exceptions="logged").get("/")
        assert str(response.asgi.exception) == "inner"
        await send({**START, "status": 500})
        await send(END)

    factory = logging.getLogRecordFactory()
    response = await AsyncTestClient(outer, raise_server_exceptions="logged").get("/")
    assert response.asgi.exception is None
    assert logging.getLogRecordFactory() is factory
    logger.error("outside", exc_info=LookupError("outside"))


def test_a_factory_of_records_that_somebody_else_sets_meanwhile_stays(logger: logging.Logger) -> None:
    before = logging.getLogRecordFactory()
    inner: list[Any] = []

    def theirs(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return inner[0](*args, **kwargs)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not inner:
            inner.append(logging.getLogRecordFactory())
            logging.setLogRecordFactory(theirs)
        logger.error("Internal Server Error", exc_info=LookupError("logged"))
        await send({**START, "status": 500})
        await send(END)

    client = TestClient(app, raise_server_exceptions="logged")
    try:
        for _ in range(2):
            assert isinstance(client.get("/").asgi.exception, LookupError)
            assert logging.getLogRecordFactory() is theirs
        logging.setLogRecordFactory(inner[0])
        client.get("/")
        assert logging.getLogRecordFactory() is before
    finally:
        logging.setLogRecordFactory(before)


async def test_no_limit_counts_while_a_debugger_holds_the_async_test() -> None:
    namespace: dict[str, Any] = {"__name__": "pdb"}
    exec("async def prompt(function):\n    return await function()", namespace)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(0.1)
        await send(START)
        await send(END)

    client = AsyncTestClient(app, timeout=0.02)

    async def get() -> Any:
        return await client.get("/")

    assert (await namespace["prompt"](get)).status_code == 200


def test_a_failed_request_leaves_no_cycle_behind() -> None:
    class Resource:
        pass

    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        resource = Resource()
        seen.append(weakref.ref(resource))
        raise LookupError("gone")

    client = TestClient(app)
    gc.collect()
    gc.disable()
    try:
        try:
            client.get("/")
        except LookupError:
            pass
        client.last_exchange
        assert seen[0]() is None
    finally:
        gc.enable()
    assert sys.exc_info() == (None, None, None)


@pytest.mark.parametrize("installed", [True, False])
def test_the_signal_of_django_is_asked_where_django_is_there(monkeypatch, installed):
    calls = []

    class Signal:
        def connect(self, receiver):
            calls.append("connect")

        def disconnect(self, receiver):
            calls.append("disconnect")

    monkeypatch.delitem(sys.modules, "django.core.signals", raising=False)
    if installed:
        monkeypatch.setitem(sys.modules, "django.core.signals", SimpleNamespace(got_request_exception=Signal()))
    with LogWatcher():
        assert calls == (["connect"] if installed else [])
    assert calls == (["connect", "disconnect"] if installed else [])
