from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from asgi_testclient import AppIgnoredDisconnect, AppTimeout, AsyncTestClient, ProtocolViolation, TestClient

START = {"type": "http.response.start", "status": 200}
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def body(content: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """An event stream that ends when the client leaves, and notes how."""
    notes = scope["state"].setdefault("notes", [])
    await receive()
    await send(START)
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            message = await receive()
            notes.append(message["type"])
            group.cancel_scope.cancel()

        group.start_soon(watch)
        number = 0
        while True:
            await send(body(b"data: %d\n\n" % number))
            number += 1
            await anyio.sleep(0.001)
    notes.append("cleaned up")


@BACKENDS
def test_an_endless_stream_is_read_until_the_block_ends(backend: Any) -> None:
    notes: list[str] = []
    client = TestClient(endless, backend=backend, state={"notes": notes})
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert [next(chunks), next(chunks)] == [b"data: 0\n\n", b"data: 1\n\n"]
        assert not response.asgi.done
    assert notes == ["http.disconnect", "cleaned up"]
    assert response.asgi.done
    client.close()


# httpx does not close its own generators where a test breaks out of them; httpx2 does.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
async def test_an_endless_stream_is_read_by_the_async_client() -> None:
    notes: list[str] = []
    async with AsyncTestClient(endless, lifespan="off", state={"notes": notes}) as client:
        async with client.stream("GET", "/") as response, contextlib.aclosing(response.aiter_raw()) as chunks:
            assert await anext(chunks) == b"data: 0\n\n"
        assert notes == ["http.disconnect", "cleaned up"]


@BACKENDS
@pytest.mark.parametrize("buffer", [0, 65536])
def test_chunks_arrive_as_they_were_sent(backend: Any, buffer: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for piece in (b"one", b"", b"two", bytearray(b"three"), memoryview(b"four")):
            await send(body(piece))
        await send(body(b"", more=False))

    client = TestClient(app, backend=backend, stream_buffer=buffer)
    with client.stream("GET", "/") as response:
        assert list(response.iter_raw()) == [b"one", b"two", b"three", b"four"]
    client.close()


async def test_chunks_arrive_as_they_were_sent_at_the_async_client() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for piece in (b"one", b"two"):
            await send(body(piece))
            await anyio.sleep(0)
        await send(body(b"", more=False))

    for buffer in (0, 65536):
        client = AsyncTestClient(app, stream_buffer=buffer)
        async with client.stream("GET", "/") as response:
            assert [chunk async for chunk in response.aiter_raw()] == [b"one", b"two"]


def test_what_the_application_changes_after_sending_does_not_matter() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"a", b"1")]
        await send({**START, "headers": headers})
        headers.clear()
        content = bytearray(b"before")
        await send(body(content))
        content[:] = b"after!"
        await send(body(b"", more=False))

    response = TestClient(app).get("/")
    assert (response.headers["a"], response.content) == ("1", b"before")


@BACKENDS
def test_an_application_is_held_back_while_its_stream_is_not_read(backend: Any) -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for number in range(10):
            sent.append(number)
            await send(body(b"x" * 10))
        await send(body(b"", more=False))

    client = TestClient(app, backend=backend, stream_buffer=25)
    with client.stream("GET", "/") as response:
        assert client.portal_call(asyncio.sleep if backend == "asyncio" else anyio.sleep, 0.01) is None
        assert len(sent) == 3
        assert response.read() == b"x" * 100
    client.close()


def test_an_unread_stream_is_named_when_it_is_awaited() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            await send(body(b"x" * 1000))

    client = TestClient(app, disconnect_grace=0.01)
    with (
        pytest.warns(AppIgnoredDisconnect),
        client.stream("GET", "/") as response,
        pytest.raises(AppTimeout, match=r"waits in send\(\): 66000 bytes are unread, and the test does not read"),
    ):
        response.asgi.wait_closed(0.05)
    client.close()


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Sends each chunk of the request back as it comes."""
    await send(START)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        await send(body(message["body"].upper(), more=message["more_body"]))
        if not message["more_body"]:
            return


@BACKENDS
def test_both_directions_stream_at_once(backend: Any) -> None:
    given: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"one", b"two", b"three"):
            given.append(chunk)
            yield chunk

    client = TestClient(mirror, backend=backend, stream_buffer=0)
    with client.stream("POST", "/", content=chunks()) as response:
        reading = response.iter_raw()
        assert next(reading) == b"ONE"
        assert given == [b"one"]
        assert list(reading) == [b"TWO", b"THREE"]
    client.close()


async def test_both_directions_stream_at_once_in_the_async_client() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"one", b"two"):
            yield chunk
            await anyio.sleep(0)

    client = AsyncTestClient(mirror)
    async with client.stream("POST", "/", content=chunks()) as response:
        assert [chunk async for chunk in response.aiter_raw()] == [b"ONE", b"TWO"]
    assert (await client.post("/", content=b"whole")).content == b"WHOLE"
    assert b"CONTENT" in (await client.post("/", files={"file": b"content"})).content
    assert len((await client.post("/", files={"file": b"c" * 100_000})).content) > 100_000
    headers = {"content-length": "6"}
    assert (await client.post("/", content=chunks(), headers=headers)).content == b"ONETWO"

    async def large() -> AsyncIterator[bytes]:
        yield b"x" * 100_000

    assert len((await client.post("/", content=large(), headers={"content-length": "100000"})).content) == 100_000


async def test_a_body_of_known_length_comes_in_blocks() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 131072

    headers = {"content-length": "131072"}
    sync, asynchronous = TestClient(mirror), AsyncTestClient(mirror)
    await asynchronous.post("/", content=chunks(), headers=headers)
    with pytest.warns(UserWarning, match="running event loop"):
        sync.post("/", content=iter([b"x" * 131072]), headers=headers)
    for client in (sync, asynchronous):
        assert client.last_exchange is not None
        received = [message for direction, message in client.last_exchange.messages if direction == "receive"]
        assert [len(message["body"]) for message in received] == [65536, 65536, 0]
    sync.close()


def test_an_asynchronous_body_is_refused_by_the_sync_client() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b""

    with pytest.raises(RuntimeError, match=r"AsyncTestClient|sync"):
        TestClient(mirror).post("/", content=chunks())


def test_an_error_of_the_tests_own_body_reaches_the_test() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise KeyError("of the test")

    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        seen.append("left")

    client = TestClient(app)
    with pytest.raises(KeyError, match="of the test"):
        client.post("/", content=chunks())
    assert seen == ["left"]


async def test_an_error_of_the_tests_own_body_reaches_the_async_test() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        raise KeyError("of the test")

    client = AsyncTestClient(mirror)
    with pytest.raises(KeyError, match="of the test"):
        await client.post("/", content=chunks())
    with pytest.raises(KeyError, match="of the test"):
        async with client.stream("POST", "/", content=chunks()) as response:
            await response.aread()


def test_receive_after_the_response_is_a_disconnect() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["type"])
        await send(START)
        await send(body(b"", more=False))
        seen.append((await receive())["type"])

    TestClient(app).get("/")
    assert seen == ["http.request", "http.disconnect"]


def test_two_tasks_may_wait_in_receive() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

        async def wait() -> None:
            seen.append((await receive())["type"])

        tasks = [asyncio.create_task(wait()) for _ in range(2)]
        await asyncio.sleep(0)
        await send(START)
        await send(body(b"", more=False))
        await asyncio.gather(*tasks)

    TestClient(app).get("/")
    assert seen == ["http.disconnect"] * 2


@BACKENDS
def test_an_application_that_ignores_the_disconnect_is_cancelled_with_a_warning(backend: Any) -> None:
    notes: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x"))
        try:
            await anyio.sleep(100)
        finally:
            notes.append("cleanup")

    client = TestClient(app, backend=backend, disconnect_grace=0.02)
    line = r"test_client_streams.py:\d+ in app: `await anyio.sleep\(100\)`"
    with pytest.warns(AppIgnoredDisconnect, match=line), client.stream("GET", "/") as response:
        assert next(response.iter_raw()) == b"x"
    assert notes == ["cleanup"]
    client.close()


async def test_an_application_that_ignores_the_async_clients_leaving_is_cancelled_with_a_warning() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x"))
        await anyio.sleep(100)

    client = AsyncTestClient(app, disconnect_grace=0.02)
    with pytest.warns(AppIgnoredDisconnect, match=r"in app: `await anyio.sleep\(100\)`"):
        async with client.stream("GET", "/"):
            pass


@BACKENDS
@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_sending_after_the_client_left_does_what_the_version_says(version: str, backend: Any) -> None:
    notes: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x"))
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        try:
            await send(body(b"y"))
            notes.append("nothing")
        except OSError as exc:
            notes.append(type(exc).__name__)
            raise LookupError("the framework's own name for it") from exc

    client = TestClient(app, backend=backend, spec_version=version)
    with client.stream("GET", "/"):
        pass
    assert notes == [{"2.3": "nothing", "2.4": "ClientDisconnected"}[version]]
    client.close()


def test_a_task_group_that_learns_of_the_disconnect_by_sending_is_not_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x"))
        await receive()
        await receive()
        async with anyio.create_task_group() as group:
            group.start_soon(send, body(b"y"))
            group.start_soon(send, body(b"z"))

    with TestClient(app, spec_version="2.4").stream("GET", "/"):
        pass


def test_an_application_that_never_returns_after_a_streamed_response_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x", more=False))
        await anyio.sleep(100)

    client = TestClient(app, timeout=0.05)
    with pytest.raises(AppTimeout, match="wait_for_app=False"), client.stream("GET", "/") as response:
        response.read()
    client.close()


async def test_an_application_that_never_returns_is_an_error_of_the_async_client() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x", more=False))
        await anyio.sleep(100)

    with pytest.raises(AppTimeout, match="wait_for_app=False"):
        async with AsyncTestClient(app, timeout=0.05).stream("GET", "/") as response:
            await response.aread()


async def test_a_body_that_the_test_never_goes_on_with_is_named() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        await anyio.sleep(100)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    with pytest.raises(AppTimeout, match="next chunk of the request body, which the test has not given"):
        await AsyncTestClient(app, timeout=0.05).post("/", content=chunks())


def test_an_error_while_the_client_leaves_is_raised() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await receive()
        await receive()
        raise LookupError("in cleanup")

    with pytest.raises(LookupError, match="in cleanup"), TestClient(app).stream("GET", "/"):
        pass


def test_the_tests_own_error_wins_over_one_of_cleanup() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await receive()
        await receive()
        raise LookupError("in cleanup")

    with pytest.raises(AssertionError, match="of the test") as caught, TestClient(app).stream("GET", "/"):
        raise AssertionError("of the test")
    assert any("LookupError: in cleanup" in note for note in caught.value.__notes__)


async def test_the_async_tests_own_error_wins_over_one_of_cleanup() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await receive()
        await receive()
        raise LookupError("in cleanup")

    client = AsyncTestClient(app)
    with pytest.raises(AssertionError, match="of the test") as caught:
        async with client.stream("GET", "/"):
            raise AssertionError("of the test")
    assert any("LookupError: in cleanup" in note for note in caught.value.__notes__)
    with pytest.raises(LookupError, match="in cleanup"):
        async with client.stream("GET", "/"):
            pass


def test_an_error_that_was_handled_all_along_is_not_the_tests_own() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x"))
        raise LookupError("late")

    try:
        raise KeyError
    except KeyError:
        with pytest.raises(LookupError, match="late"), TestClient(app).stream("GET", "/") as response:
            response.read()


def test_disconnect_by_hand_is_seen_by_the_application() -> None:
    client = TestClient(endless, state={"notes": (notes := [])})
    with client.stream("GET", "/") as response:
        response.asgi.disconnect()
        response.asgi.wait_closed(5)
        assert notes == ["http.disconnect", "cleaned up"]


async def test_disconnect_by_hand_is_seen_by_the_application_of_the_async_client() -> None:
    client = AsyncTestClient(endless, state={"notes": (notes := [])})
    async with client.stream("GET", "/") as response:
        response.asgi.disconnect()
        await response.asgi.wait_closed()
        assert notes == ["http.disconnect", "cleaned up"]


@BACKENDS
def test_leaving_the_client_leaves_its_open_responses(backend: Any) -> None:
    notes: list[str] = []
    with TestClient(endless, backend=backend, lifespan="off", state={"notes": notes}) as client:
        response = client.send(client.build_request("GET", "/"), stream=True)
    assert notes == ["http.disconnect", "cleaned up"]
    response.close()


async def test_leaving_the_async_client_leaves_its_open_responses() -> None:
    notes: list[str] = []
    async with AsyncTestClient(endless, lifespan="off", state={"notes": notes}) as client:
        response = await client.send(client.build_request("GET", "/"), stream=True)
    assert notes == ["http.disconnect", "cleaned up"]
    await response.aclose()


async def test_a_cancelled_test_leaves_no_application_behind() -> None:
    notes: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep(100)
        finally:
            notes.append("ended")

    client = AsyncTestClient(app)
    with anyio.move_on_after(0.02):
        await client.get("/")
    assert notes == ["ended"]


def test_a_complete_response_is_given_without_waiting_where_asked() -> None:
    go = threading.Event()
    notes: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x", more=False))
        while not go.is_set():
            await asyncio.sleep(0.001)
        notes.append("background")

    with TestClient(app, wait_for_app=False, lifespan="off") as client:
        response = client.get("/")
        assert (response.content, notes, response.asgi.done) == (b"x", [], False)
        go.set()
        response.asgi.wait_closed()
        assert notes == ["background"]
        go.clear()
        with client.stream("GET", "/") as response:
            assert response.read() == b"x"
        assert not response.asgi.done
        go.set()
    assert notes == ["background"] * 2


async def test_a_complete_response_is_given_by_the_async_client_without_waiting_where_asked() -> None:
    notes: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x", more=False))
        await anyio.sleep(0.01)
        notes.append("background")

    async with AsyncTestClient(app, wait_for_app=False, lifespan="off") as client:
        response = await client.get("/")
        assert (response.content, notes) == (b"x", [])
        assert not await client.wait_idle(0)
        assert await client.wait_idle()
        async with client.stream("GET", "/") as response:
            assert await response.aread() == b"x"
        assert not response.asgi.done
        assert await client.wait_idle()
        notes.pop()
        assert notes == ["background"]
        await client.get("/")
    assert notes == ["background"] * 2


def test_work_after_the_response_that_never_ends_is_cancelled_and_reported() -> None:
    from asgi_testclient import UnfinishedTasks

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x", more=False))
        await anyio.sleep(100)

    client = TestClient(app, wait_for_app=False, disconnect_grace=0.01)
    client.get("/")
    with pytest.warns(UnfinishedTasks, match="GET /: the application was still at work after its response"):
        client.close()


async def test_work_after_the_response_that_never_ends_is_reported_by_the_async_client() -> None:
    from asgi_testclient import UnfinishedTasks

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"x", more=False))
        await anyio.sleep(100)

    client = AsyncTestClient(app, wait_for_app=False, disconnect_grace=0.01)
    await client.get("/")
    with pytest.warns(UnfinishedTasks, match="GET /"):
        await client.aclose()


def test_every_extension_that_is_offered_is_handled(tmp_path: Any) -> None:
    file = tmp_path / "page.txt"
    file.write_bytes(b"0123456789")
    descriptor = os.open(file, os.O_RDONLY)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/pathsend":
            await send(START)
            await send({"type": "http.response.pathsend", "path": str(file)})
        elif scope["path"] == "/zerocopy":
            await send(START)
            zero = {"type": "http.response.zerocopysend", "more_body": True}
            await send({**zero, "file": descriptor, "offset": 2, "count": 3})
            await send({**zero, "file": descriptor, "count": 2})
            with file.open("rb") as opened:
                await send({**zero, "file": opened})
            await send({**zero, "file": descriptor, "offset": 8, "count": 100, "more_body": False})
        else:
            info = {"template": "the template", "context": {"a": 1}, "other": 2}
            await send({"type": "http.response.debug", "info": info})
            await send({"type": "http.response.early_hint", "links": [b"</style.css>"]})
            await send({**START, "trailers": True})
            await send({"type": "http.response.push", "path": "/style.css", "headers": [(b"a", b"b")]})
            await send(body(b"x", more=False))
            await send({"type": "http.response.trailers", "headers": [(b"t", b"1")], "more_trailers": True})
            await send({"type": "http.response.trailers", "headers": [(b"u", b"2")]})

    client = TestClient(app, extensions={"http.response.push": {}})
    response = client.get("/")
    assert (response.template, response.context) == ("the template", {"a": 1})
    assert response.extensions["http.response.debug"]["other"] == 2
    assert response.extensions["http.response.trailers"] == [(b"t", b"1"), (b"u", b"2")]
    record = response.asgi
    assert record.early_hints == [[b"</style.css>"]]
    assert record.pushes == [("/style.css", [(b"a", b"b")])]
    assert record.trailers == [(b"t", b"1"), (b"u", b"2")]
    assert record.debug["other"] == 2
    assert record.path is None
    response = client.get("/pathsend")
    assert (response.content, response.asgi.path) == (b"0123456789", str(file))
    assert client.get("/zerocopy").content == b"234" + b"01" + b"0123456789" + b"89"
    os.close(descriptor)


def test_a_message_of_an_extension_that_is_not_offered_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.push", "path": "/style.css", "headers": []})

    with pytest.raises(ProtocolViolation, match="E03"):
        TestClient(app).get("/")


def test_the_record_of_an_exchange_tells_what_passed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send(body(b"x", more=False))

    client = TestClient(app)
    response = client.get("/page")
    record = response.asgi
    assert record is client.last_exchange
    assert [(direction, message["type"]) for direction, message in record.messages] == [
        ("receive", "http.request"),
        ("send", "http.response.start"),
        ("send", "http.response.body"),
    ]
    assert (record.done, record.exception, record.violations) == (True, None, [])
    assert record.scope["path"] == "/page"
    assert repr(record) == "<GET /page: done, 3 messages>"
    assert TestClient(app, record=False).get("/").asgi.messages == []
