"""Streams: what is sent, and what happens when the client leaves, at every version of the specification."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import threading

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from asgi_requests._tasks import asyncio_task
from asgi_requests.background import BackgroundTask
from asgi_requests.concurrency import run_in_threadpool
from asgi_requests.exceptions import ClientDisconnect
from asgi_requests.requests import Request
from asgi_requests.responses import StreamingResponse
from raw_asgi import Reply, body_messages, garbage_of, http_scope, request, run, websocket_scope

VERSIONS = ["2.0", "2.3", "2.4", "2.5"]
before_and_after_the_first_chunk = pytest.mark.parametrize("chunks", [(), (b"a",)], ids=["before", "after"])


def scope_of(version: str, method: str = "GET") -> dict:
    return http_scope(method, asgi={"version": "3.0", "spec_version": version})


class Recorder:
    """An async generator that notes what becomes of it."""

    def __init__(self, chunks=(b"a",), then=anyio.sleep_forever):
        self.events: list[str] = []
        self.chunks = chunks
        self.then = then

    async def __call__(self):
        self.events.append("started")
        try:
            for chunk in self.chunks:
                yield chunk
            await self.then()
        finally:
            self.events.append("closed")

    def background(self) -> BackgroundTask:
        return BackgroundTask(lambda: self.events.append("background"))


async def nothing() -> None:
    pass


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_stream_is_sent_chunk_by_chunk(version):
    recorder = Recorder([b"a", "é", bytearray(b"b"), memoryview(b"c"), b""], nothing)
    reply = await run(StreamingResponse(recorder(), background=recorder.background()), scope_of(version))
    assert [m.get("body") for m in reply.messages] == [None, b"a", "é".encode(), b"b", b"c", b"", b""]
    assert [m.get("more_body") for m in reply.messages] == [None, True, True, True, True, True, False]
    assert all(type(m["body"]) is bytes for m in reply.messages[1:])
    assert reply.headers == []
    assert recorder.events == ["started", "closed", "background"]


@pytest.mark.parametrize(
    "content",
    [
        lambda: [b"a", "b"],
        lambda: (b"a", "b"),
        lambda: iter([b"a", "b"]),
        lambda: "ab",
        lambda: (chunk for chunk in (b"a", "b")),
    ],
)
async def test_any_iterable_is_a_stream(content):
    assert (await request(StreamingResponse(content(), media_type="text/plain"))).body == b"ab"


@pytest.mark.parametrize("content", [b"hello", bytearray(b"hello"), memoryview(b"hello"), {"a": 1}, 7, None, nothing])
def test_content_that_is_not_a_stream_of_text_is_refused_by_its_type(content):
    with pytest.raises(TypeError, match=f"an iterable of str or bytes, or a file, not {type(content).__name__}"):
        StreamingResponse(content)


@pytest.mark.parametrize("chunk", [10, None, {"a": 1}, [65, 66], 1.5])
async def test_a_chunk_that_is_not_text_is_refused_by_its_type(chunk):
    async def chunks():
        try:
            await anyio.lowlevel.checkpoint()
            yield "a"
            yield chunk
        finally:
            events.append("closed")

    reply = Reply()
    events: list[str] = []
    with pytest.raises(TypeError, match=f"chunks of str or bytes, not {type(chunk).__name__}"):
        await run(StreamingResponse(chunks()), http_scope(), reply=reply)
    assert (reply.body, events) == (b"a", ["closed"])


def test_on_asyncio_a_first_chunk_that_is_not_text_is_refused_before_anything_is_sent():
    async def chunks():
        yield 10

    reply = Reply()
    with pytest.raises(TypeError, match="not int: 10"):
        asyncio.run(run(StreamingResponse(chunks()), http_scope(), reply=reply))
    assert reply.messages == []


def test_on_asyncio_a_failure_before_the_first_chunk_is_raised_before_anything_is_sent():
    async def chunks():
        raise KeyError("no such report")
        yield b"a"

    reply = Reply()
    with pytest.raises(KeyError):
        asyncio.run(run(StreamingResponse(chunks()), http_scope(), reply=reply))
    assert reply.messages == []


async def test_the_head_does_not_wait_for_the_first_chunk():
    headed = anyio.Event()

    async def chunks():
        await headed.wait()
        yield b"a"

    async def send(message):
        sent.append(message)
        headed.set()

    sent = []
    with anyio.fail_after(5):
        await StreamingResponse(chunks())(http_scope(), anyio.sleep_forever, send)
    assert [m.get("body") for m in sent] == [None, b"a", b""]


async def test_a_generator_that_waits_is_closed_where_the_head_is_refused():
    async def chunks():
        try:
            events.append("started")
            await anyio.sleep_forever()
            yield b"a"
        finally:
            await anyio.lowlevel.checkpoint()
            events.append("closed")

    async def send(message):
        raise OSError("gone")

    events: list[str] = []
    with anyio.fail_after(5), pytest.raises(ClientDisconnect):
        await StreamingResponse(chunks())(http_scope(), anyio.sleep_forever, send)
    assert events in (["started", "closed"], [])


async def swallowing():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        yield b"more"


async def failing():
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0)
        raise KeyError("while it was closed")
    yield b"more"


@pytest.mark.parametrize(("chunks", "error"), [(swallowing, ClientDisconnect), (failing, KeyError)])
def test_on_asyncio_a_generator_may_do_as_it_likes_where_the_head_is_refused(chunks, error):
    async def send(message):
        raise OSError("gone")

    async def main():
        response = StreamingResponse(chunks())
        with pytest.raises(error):
            await response(http_scope(), anyio.sleep_forever, send)
        with pytest.raises(StopAsyncIteration):
            await anext(response.body_iterator)
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


class SlowHead:
    """A `send` that waits with the head until `passes` is set, as one of a slow client or of BaseHTTPMiddleware."""

    def __init__(self):
        self.passes = anyio.Event()
        self.reply = Reply()

    async def __call__(self, message):
        if message["type"] == "http.response.start":
            await self.passes.wait()
        self.reply.messages.append(message)


async def in_anyios_scope(send):
    with anyio.move_on_after(0.001):
        await anyio.sleep_forever()
    send.passes.set()
    yield b"late"


async def in_asyncios_timeout(send):
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(3600)
    except TimeoutError:
        send.passes.set()
        await asyncio.sleep(0.001)
        yield b"late"


@pytest.mark.parametrize("chunks", [in_anyios_scope, in_asyncios_timeout])
def test_on_asyncio_a_timeout_of_the_first_chunk_is_its_own_while_the_head_waits(chunks):
    async def main():
        send = SlowHead()
        async with asyncio.timeout(5):
            await StreamingResponse(chunks(send))(http_scope(), anyio.sleep_forever, send)
        return send.reply.body, asyncio.current_task().cancelling()

    assert asyncio.run(main()) == (b"late", 0)


def test_on_asyncio_a_timeout_of_the_first_chunk_that_fails_ends_the_wait_of_the_head():
    async def chunks():
        with anyio.fail_after(0.001):
            await anyio.sleep_forever()
        yield b"never"

    async def main():
        send = SlowHead()
        with pytest.raises(TimeoutError):
            await StreamingResponse(chunks())(http_scope(), anyio.sleep_forever, send)
        return send.reply.messages, len(asyncio.all_tasks())

    assert asyncio.run(main()) == ([], 1)


async def cancelled_with_its_head_waiting(response, send, times):
    task = asyncio.create_task(response(http_scope(), anyio.sleep_forever, send))
    for _ in range(times):
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("turns", [0, 1, 1000], ids=["waits", "is_there", "takes_turns"])
def test_on_asyncio_a_stream_is_cancelled_while_its_head_waits(turns, times):
    async def chunks():
        events.append("started")
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
            if not turns:
                await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if times == 1:
                raise
        yield b"a"

    async def main():
        send = SlowHead()
        await cancelled_with_its_head_waiting(StreamingResponse(chunks()), send, times)
        return send.reply.messages, len(asyncio.all_tasks())

    events: list[str] = []
    assert asyncio.run(main()) == ([], 1)
    assert events == ["started"]


class Child:
    """A coroutine that a first chunk waits for, in a task of its own; it takes a while to clean up."""

    def __init__(self, failure=None):
        self.failure = failure
        self.is_cleaned_up = False

    async def run(self):
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.001)
            self.is_cleaned_up = True
            if self.failure is not None:
                raise self.failure


async def awaiting_a_task(child):
    yield await asyncio.create_task(child.run())


async def awaiting_several(child):
    yield await asyncio.gather(child.run())


async def refused_late(message):
    await asyncio.sleep(0)
    raise OSError("gone")


@pytest.mark.parametrize("chunks", [awaiting_a_task, awaiting_several])
@pytest.mark.parametrize("failure", [None, KeyError("while it was cleaned up")])
def test_on_asyncio_what_the_first_chunk_waits_for_is_cancelled_where_the_head_is_refused(chunks, failure):
    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: logged.append(context))
        with pytest.raises(ClientDisconnect if failure is None else KeyError):
            await StreamingResponse(chunks(child))(http_scope(), anyio.sleep_forever, refused_late)
        return child.is_cleaned_up, len(asyncio.all_tasks())

    child = Child(failure)
    logged: list[object] = []
    assert asyncio.run(main()) == (True, 1)
    gc.collect()
    assert logged == []


@pytest.mark.parametrize("chunks", [awaiting_a_task, awaiting_several])
@pytest.mark.parametrize("times", [1, 2])
def test_on_asyncio_what_the_first_chunk_waits_for_is_cancelled_with_the_request(chunks, times):
    async def main():
        await cancelled_with_its_head_waiting(StreamingResponse(chunks(child)), SlowHead(), times)
        return len(asyncio.all_tasks())

    child = Child()
    assert asyncio.run(main()) == 1
    assert child.is_cleaned_up == (times == 1)


@pytest.mark.parametrize("waits", [0, 0.001], ids=["turns", "waits"])
async def test_a_client_that_leaves_ends_the_wait_of_the_head_though_the_first_chunk_is_shielded(waits):
    async def chunks():
        try:
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.sleep(waits)
                left.set()
                for _ in range(5):
                    await anyio.sleep(waits)
                ended.append("shield")
            yield b"a"
        finally:
            ended.append("chunks")

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    left = anyio.Event()
    ended: list[str] = []
    send = SlowHead()
    if asyncio_task() is None:  # trio sends the head before it starts the stream
        send.passes.set()
    with anyio.fail_after(5, shield=True):
        await StreamingResponse(chunks())(scope_of("2.3"), receive, send)
    assert ended == ["shield", "chunks"]


def test_on_asyncio_a_first_chunk_that_fails_late_ends_the_wait_of_the_head():
    async def chunks():
        await asyncio.sleep(0.001)
        raise KeyError("no such report")
        yield b"never"

    async def main():
        send = SlowHead()
        with pytest.raises(KeyError):
            await StreamingResponse(chunks())(http_scope(), anyio.sleep_forever, send)
        return send.reply.messages, len(asyncio.all_tasks())

    assert asyncio.run(main()) == ([], 1)


async def test_a_client_that_leaves_ends_the_wait_of_the_head():
    async def receive():
        await anyio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}

    send = SlowHead()
    recorder = Recorder(())
    with anyio.fail_after(5):
        await StreamingResponse(recorder())(scope_of("2.3"), receive, send)
    assert send.reply.messages == []
    assert recorder.events in (["started", "closed"], [])


async def waiting_long():
    yield await asyncio.sleep(3600)


async def waiting_for_a_failure():
    yield await asyncio.create_task(failing_late())


async def failing_late():
    await asyncio.sleep(0.001)
    raise OSError("no such report")


def test_on_asyncio_no_cycle_is_left_by_a_first_chunk_that_is_cancelled_or_fails():
    async def cancel():
        task = asyncio.create_task(StreamingResponse(waiting_long())(http_scope(), anyio.sleep_forever, SlowHead()))
        asyncio.get_running_loop().call_later(0.001, task.cancel)
        await asyncio.wait([task])

    async def fail():
        with pytest.raises(OSError, match="no such report"):
            await run(StreamingResponse(waiting_for_a_failure()), http_scope())

    assert asyncio.run(garbage_of(cancel)) == 0
    assert asyncio.run(garbage_of(fail)) == 0


async def test_no_cycle_is_left_by_a_head_that_is_refused_late():
    async def send(message):
        await anyio.lowlevel.checkpoint()
        raise OSError("gone")

    async def leave():
        with pytest.raises(ClientDisconnect):
            await StreamingResponse(Recorder(())())(http_scope(), anyio.sleep_forever, send)

    assert await garbage_of(leave) == 0


@pytest.mark.parametrize("content", [list, tuple, lambda: iter([]), lambda: Recorder([], nothing)()])
async def test_a_stream_without_chunks_is_an_empty_body(content):
    reply = await request(StreamingResponse(content()))
    assert reply.messages[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]


async def test_an_async_iterable_without_aclose_is_a_stream():
    class Chunks:
        def __init__(self):
            self.left = [b"b", b"a"]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    assert (await request(StreamingResponse(Chunks()))).body == b"ab"


async def test_the_iterator_can_be_wrapped_afterwards():
    response = StreamingResponse(["a", "b"])

    async def upper(chunks):
        async for chunk in chunks:
            yield chunk.upper()

    response.body_iterator = upper(response.body_iterator)
    assert (await request(response)).body == b"AB"


@pytest.mark.parametrize("version", VERSIONS)
@before_and_after_the_first_chunk
async def test_a_generator_that_sleeps_forever_ends_when_the_client_leaves(version, chunks):
    recorder = Recorder(chunks)
    response = StreamingResponse(recorder(), background=recorder.background())
    messages = [*body_messages(b""), {"type": "http.disconnect"}]
    with anyio.fail_after(5):
        reply = await run(response, scope_of(version), messages)
    assert reply.body == b"".join(chunks)
    assert recorder.events == ["started", "closed", "background"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_generator_that_never_waits_ends_when_the_client_leaves(version):
    events = []

    async def endless():
        try:
            while True:
                yield b"x"
        finally:
            events.append("closed")

    with anyio.fail_after(5):
        await run(StreamingResponse(endless()), scope_of(version), [{"type": "http.disconnect"}])
    assert events == ["closed"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_blocking_generator_ends_when_the_client_leaves(version):
    blocked, release, closed = threading.Event(), threading.Event(), threading.Event()

    def blocking():
        try:
            yield b"a"
            blocked.set()
            release.wait(10)
            yield b"b"
        finally:
            closed.set()

    async def receive():
        while not blocked.is_set():
            await anyio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    events: list[str] = []
    response = StreamingResponse(blocking(), background=BackgroundTask(lambda: events.append("background")))
    with anyio.fail_after(5):
        await response(scope_of(version), receive, send)
    assert events == ["background"]
    release.set()
    assert await anyio.to_thread.run_sync(closed.wait, 5)


async def test_a_blocking_generator_that_was_left_between_chunks_is_closed():
    events = []

    def blocking():
        try:
            yield b"a"
            yield b"b"
        finally:
            events.append("closed")

    async def send(message):
        if message.get("body"):
            raise OSError("gone")

    with pytest.raises(ClientDisconnect):
        await StreamingResponse(blocking())(scope_of("2.4"), anyio.sleep_forever, send)
    assert events == ["closed"]


@pytest.mark.parametrize("mode", ["rb", "r"])
async def test_a_file_is_streamed_in_blocks_and_closed(tmp_path, mode):
    (tmp_path / "lines").write_text("a\n" * 100_000)
    file = (tmp_path / "lines").open(mode)
    reply = await request(StreamingResponse(file))
    assert [len(m["body"]) for m in reply.messages[1:]] == [65536, 65536, 65536, 3392, 0]
    assert reply.body == b"a\n" * 100_000
    assert file.closed


async def test_a_file_in_memory_is_streamed_in_blocks():
    reply = await request(StreamingResponse(io.BytesIO(b"a\n" * 40_000)))
    assert [len(m["body"]) for m in reply.messages[1:]] == [65536, 14464, 0]


async def test_what_only_reads_is_streamed_in_blocks():
    class Source:
        blocks = [b"b", b"a"]

        def read(self, size):
            return self.blocks.pop() if self.blocks else b""

    assert (await request(StreamingResponse(Source()))).body == b"ab"


async def test_blocked_streams_leave_other_work_its_threads():
    release = threading.Event()

    def blocking():
        release.wait(10)
        yield b"a"

    default = anyio.to_thread.current_default_thread_limiter()
    async with anyio.create_task_group() as tasks:
        for _ in range(int(default.total_tokens) + 5):
            tasks.start_soon(run, StreamingResponse(blocking()), http_scope())
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        with anyio.fail_after(5):
            assert await run_in_threadpool(abs, -1) == 1
        assert default.borrowed_tokens == 0
        release.set()


async def test_as_many_streams_may_block_as_the_default_limiter_allows():
    started = threading.Semaphore(0)
    release = threading.Event()

    def blocking():
        started.release()
        release.wait(10)
        yield b"a"

    await request(StreamingResponse(iter([b"a"])))
    default = anyio.to_thread.current_default_thread_limiter()
    before, default.total_tokens = default.total_tokens, 50
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(run, StreamingResponse(blocking()), http_scope())
            for _ in range(50):
                assert await run_in_threadpool(started.acquire, True, 10)
            release.set()
    finally:
        default.total_tokens = before


async def test_a_stream_is_closed_though_all_threads_of_streams_are_blocked():
    release, closed = threading.Event(), threading.Event()

    def blocking():
        release.wait(10)
        yield b"a"

    def left():
        try:
            yield b"a"
        finally:
            closed.set()

    async def send(message):
        if message.get("body"):
            async with anyio.create_task_group() as others:
                for _ in range(int(anyio.to_thread.current_default_thread_limiter().total_tokens)):
                    tasks.start_soon(run, StreamingResponse(blocking()), http_scope())
                others.start_soon(anyio.sleep, 0.01)
            raise OSError("gone")

    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5), pytest.raises(ClientDisconnect):
            await StreamingResponse(left())(scope_of("2.4"), anyio.sleep_forever, send)
        assert closed.is_set()
        release.set()


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_status_that_allows_no_body_runs_no_generator(status):
    recorder = Recorder()
    response = StreamingResponse(recorder(), status, background=recorder.background())
    reply = await request(response)
    assert reply.body == b""
    assert reply.header("content-length") == ("0" if status == 205 else None)
    assert recorder.events == ["background"]
    with pytest.raises(StopAsyncIteration):
        await anext(response.body_iterator)


async def test_context_variables_reach_a_blocking_generator():
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    assert (await request(StreamingResponse(variable.get() for _ in range(1)))).body == b"set"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("failing", ["http.response.start", "http.response.body", "end"])
async def test_a_send_that_fails_closes_the_generator_and_runs_the_background_task(version, failing):
    recorder = Recorder(then=nothing)

    async def send(message):
        if message["type"] == failing or (failing == "end" and message.get("more_body") is False):
            raise OSError("gone")

    response = StreamingResponse(recorder(), background=recorder.background())
    with pytest.raises(ClientDisconnect) as excinfo:
        await response(scope_of(version), anyio.sleep_forever, send)
    assert isinstance(excinfo.value.__cause__, OSError)
    assert recorder.events[-1] == "background"
    assert recorder.events.count("started") == recorder.events.count("closed")


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_error_of_the_generator_passes_as_it_is(version):
    async def fail():
        await anyio.lowlevel.checkpoint()
        raise OSError("of the generator")

    recorder = Recorder(then=fail)
    with pytest.raises(OSError, match="of the generator"):
        await run(StreamingResponse(recorder(), background=recorder.background()), scope_of(version))
    assert recorder.events == ["started", "closed"]


async def test_an_error_before_the_first_wait_passes_as_it_is():
    async def fail():
        raise KeyError("at once")
        yield

    with pytest.raises(KeyError):
        await request(StreamingResponse(fail()))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_head_request_does_not_run_the_generator(version):
    recorder = Recorder()
    response = StreamingResponse(recorder(), background=recorder.background())
    reply = await run(response, scope_of(version, "HEAD"))
    assert reply.messages[1:] == [{"type": "http.response.body", "body": b""}]
    assert recorder.events == ["background"]
    with pytest.raises(StopAsyncIteration):
        await anext(response.body_iterator)


async def test_a_head_request_does_not_run_a_blocking_generator():
    events = []

    def blocking():
        events.append("started")
        yield b"a"

    generator = blocking()
    await request(StreamingResponse(generator), "HEAD")
    assert (events, list(generator)) == ([], [])


@before_and_after_the_first_chunk
async def test_a_cancelled_request_closes_the_generator_and_runs_no_background_task(chunks):
    recorder = Recorder(chunks)
    response = StreamingResponse(recorder(), background=recorder.background())
    reply = Reply()
    with anyio.CancelScope() as cancelled:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: run(response, scope_of("2.3"), reply=reply))
            while not reply.messages or reply.body != b"".join(chunks):
                await anyio.lowlevel.checkpoint()
            cancelled.cancel()
    assert recorder.events == ["started", "closed"]


async def test_work_that_is_shielded_is_finished_when_the_client_leaves():
    events = []

    async def committing():
        try:
            yield b"a"
            with anyio.CancelScope(shield=True):
                gone.set()
                await anyio.sleep(0.02)
                events.append("committed")
            await anyio.sleep_forever()
        finally:
            events.append("closed")

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    gone = anyio.Event()
    with anyio.fail_after(5):
        await StreamingResponse(committing())(scope_of("2.3"), receive, send)
    assert events == ["committed", "closed"]


async def test_a_worker_thread_is_waited_for_when_the_client_leaves():
    events = []
    working, release = threading.Event(), threading.Event()

    def work():
        working.set()
        release.wait(5)
        events.append("thread ended")

    async def chunks():
        try:
            yield b"a"
            await run_in_threadpool(work)
            await anyio.sleep_forever()
        finally:
            events.append("connection returned")

    async def receive():
        while not working.is_set():
            await anyio.sleep(0.001)
        threading.Timer(0.02, release.set).start()
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    with anyio.fail_after(5):
        await StreamingResponse(chunks())(scope_of("2.3"), receive, send)
    assert events == ["thread ended", "connection returned"]


async def test_the_watch_ends_with_the_stream_and_finishes_what_a_receive_shields():
    events = []

    async def receive():
        watching.set()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
                events.append("receive finished")

    async def send(message):
        pass

    async def chunks():
        await watching.wait()
        yield b"a"

    watching = anyio.Event()
    with anyio.fail_after(5):
        await StreamingResponse(chunks())(scope_of("2.3"), receive, send)
    assert events == ["receive finished"]


async def test_a_timeout_of_the_generator_is_its_own():
    async def chunks():
        with anyio.move_on_after(0.01):
            await anyio.sleep_forever()
        yield b"late"

    assert (await run(StreamingResponse(chunks()), scope_of("2.3"))).body == b"late"


async def test_a_keyboard_interrupt_of_the_generator_passes_as_it_is():
    async def chunks():
        yield b"a"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await request(StreamingResponse(chunks()))


async def test_the_watch_for_a_disconnect_steals_no_chunk_of_the_body():
    released = anyio.Event()

    async def echo(request):
        await released.wait()
        async for chunk in request.stream():
            yield chunk.upper()

    scope = http_scope("POST")
    chunks = iter(body_messages([b"a", b"b", b"c"]))

    async def receive():
        for message in chunks:
            released.set()
            await anyio.lowlevel.checkpoint()
            return message
        return await anyio.sleep_forever()

    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    with anyio.fail_after(5):
        await StreamingResponse(echo(Request(scope, receive)))(scope, receive, send)
    assert reply.body == b"ABC"


async def test_a_receive_that_fails_does_not_end_the_stream():
    async def receive():
        raise RuntimeError("no news")

    sent = []

    async def send(message):
        sent.append(message.get("body", b""))

    recorder = Recorder([b"a", b"b"], anyio.lowlevel.checkpoint)
    with anyio.fail_after(5):
        await StreamingResponse(recorder())(scope_of("2.3"), receive, send)
    assert b"".join(sent) == b"ab"


async def test_a_receive_that_repeats_itself_does_not_hang_the_stream():
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        pass

    recorder = Recorder([b"a"], anyio.lowlevel.checkpoint)
    with anyio.fail_after(5):
        await StreamingResponse(recorder())(scope_of("2.3"), receive, send)
    assert recorder.events == ["started", "closed"]


async def test_a_stream_denies_a_websocket_where_the_server_can():
    reply = await run(StreamingResponse(["a", "b"], 403), websocket_scope())
    assert reply.types == ["websocket.http.response.start"] + ["websocket.http.response.body"] * 3
    assert (reply.status, reply.body) == (403, b"ab")


async def test_a_stream_closes_a_websocket_where_that_is_all_there_is():
    recorder = Recorder()
    reply = await run(StreamingResponse(recorder()), websocket_scope(extensions={}))
    assert reply.types == ["websocket.close"]
    assert recorder.events == []


def test_on_asyncio_the_task_is_left_uncancelled():
    async def main():
        recorder = Recorder()
        await run(StreamingResponse(recorder()), scope_of("2.3"), [{"type": "http.disconnect"}])
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling(), len(asyncio.all_tasks()), recorder.events

    assert asyncio.run(main()) == (0, 1, ["started", "closed"])


@before_and_after_the_first_chunk
def test_on_asyncio_a_cancellation_from_outside_stays_one(chunks):
    async def main():
        recorder = Recorder(chunks)
        reply = Reply()
        task = asyncio.create_task(run(StreamingResponse(recorder()), scope_of("2.3"), reply=reply))
        while not reply.messages or reply.body != b"".join(chunks):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return recorder.events

    assert asyncio.run(main()) == ["started", "closed"]


def test_on_asyncio_a_cancellation_beside_the_disconnect_is_not_swallowed():
    async def main():
        task = asyncio.current_task()

        async def receive():
            task.cancel()
            return {"type": "http.disconnect"}

        async def send(message):
            pass

        recorder = Recorder()
        with pytest.raises(asyncio.CancelledError):
            await StreamingResponse(recorder())(scope_of("2.3"), receive, send)
        return task.cancelling(), recorder.events

    assert asyncio.run(main()) == (1, ["started", "closed"])


def test_on_asyncio_a_generator_that_ignores_the_cancellation_leaves_the_task_sound():
    async def stubborn():
        yield b"a"
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            yield b"b"

    async def main():
        reply = await run(StreamingResponse(stubborn()), scope_of("2.3"), [{"type": "http.disconnect"}])
        return asyncio.current_task().cancelling(), reply.body

    assert asyncio.run(main()) == (0, b"ab")


def test_on_asyncio_an_error_in_place_of_the_cancellation_passes():
    async def stubborn():
        yield b"a"
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise KeyError("instead") from None

    async def main():
        with pytest.raises(KeyError, match="instead"):
            await run(StreamingResponse(stubborn()), scope_of("2.3"), [{"type": "http.disconnect"}])
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


def test_on_asyncio_a_timeout_around_the_stream_still_works():
    async def main():
        recorder = Recorder()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await run(StreamingResponse(recorder()), scope_of("2.3"))
        return recorder.events

    assert asyncio.run(main()) == ["started", "closed"]


def test_on_asyncio_no_task_outlives_a_stream_that_is_cancelled_twice():
    async def main():
        recorder = Recorder()
        reply = Reply()

        async def receive():
            try:
                await asyncio.sleep(3600)
            finally:
                with anyio.CancelScope(shield=True):
                    await asyncio.sleep(0.01)

        async def send(message):
            reply.messages.append(message)

        task = asyncio.create_task(StreamingResponse(recorder())(scope_of("2.3"), receive, send))
        while not reply.body:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks()), recorder.events

    assert asyncio.run(main()) == (1, ["started", "closed"])


async def test_no_cycle_is_left_by_a_client_that_leaves():
    async def send(message):
        raise OSError("gone")

    async def leave():
        with pytest.raises(ClientDisconnect):
            await StreamingResponse([b"x"])(http_scope(), anyio.sleep_forever, send)

    assert await garbage_of(leave) == 0
