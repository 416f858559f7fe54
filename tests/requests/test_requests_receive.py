"""One body for each `receive`: what middleware passes on is heard, and what was read can be replayed and recalled."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
import zlib

import anyio
import anyio.lowlevel
import pytest

from asgi_requests._chunks import Chunks
from asgi_requests.adapters import request_response
from asgi_requests.exceptions import ClientDisconnect
from asgi_requests.middleware import BaseHTTPMiddleware
from asgi_requests.multidict import FormData
from asgi_requests.requests import Request
from asgi_requests.responses import PlainTextResponse, StreamingResponse
from raw_asgi import body_messages, http_scope, request, run

FORM = [(b"content-type", b"application/x-www-form-urlencoded")]
DISCONNECT = {"type": "http.disconnect"}


def once(body):
    """A receive that gives one body, or these messages, then waits."""
    messages = body_messages(body) if isinstance(body, bytes) else list(body)

    async def receive():
        return messages.pop(0) if messages else await anyio.sleep_forever()

    return receive


@request_response
async def echo(request):
    return PlainTextResponse(await request.body())


async def forward(request, call_next):
    return await call_next(request)


async def read(request, how):
    if how == "stream":
        return [chunk async for chunk in request.stream()]
    return await getattr(request, how)()


# Middleware that passes on a receive of its own


@pytest.mark.parametrize("how", ["body", "stream", "is_disconnected", "form"])
async def test_a_body_that_a_middleware_has_changed_is_the_one_that_is_read(how):
    async def inflate(scope, receive, send):
        outer = Request(scope, receive)
        packed = await read(outer, how)
        if how != "body":
            packed = zlib.compress(b"a=1")
        await echo(scope, once(zlib.decompress(packed)), send)

    assert (await request(inflate, "POST", body=zlib.compress(b"a=1"), headers=FORM)).body == b"a=1"


async def test_a_middleware_that_has_read_a_part_cuts_nothing():
    async def log(scope, receive, send):
        assert await Request(scope, once(b"abc")).body() == b"abc"
        await echo(scope, receive, send)

    assert (await request(log, "POST", body=[b"abc", b"def"])).body == b"abcdef"


async def test_requests_over_two_receives_read_two_bodies():
    scope = http_scope(headers=FORM)
    first, second = once(b"a=1"), once(b"a=2")
    assert (await Request(scope, first).form())["a"] == "1"
    assert (await Request(scope, second).form())["a"] == "2"
    assert (await Request(scope, first).form())["a"] == "1"


class Source:
    """Two receives of one object."""

    def __init__(self, *bodies):
        self.first, self.second = map(once, bodies)

    async def receive(self):
        return await self.first()

    async def receive_second(self):
        return await self.second()


class Slotted:
    """A receive that cannot be referred to weakly."""

    __slots__ = ("given",)

    async def __call__(self):
        self.given = body_messages(b"slotted")[0]
        return self.given


async def test_bound_methods_are_compared_and_not_the_objects_behind_them():
    scope, source, other = http_scope(), Source(b"one", b"two"), Source(b"three", b"four")
    assert await Request(scope, source.receive).body() == b"one"
    assert await Request(scope, source.receive_second).body() == b"two"
    assert await Request(scope, other.receive).body() == b"three"
    assert await Request(scope, source.receive).body() == b"one"
    slotted = Slotted()
    assert await Request(scope, slotted).body() == b"slotted"
    del slotted.given
    assert await Request(scope, slotted).body() == b"slotted"
    assert not hasattr(slotted, "given")


async def test_the_scope_keeps_no_receive_alive():
    class Cycle:
        def __init__(self, scope):
            self.scope = scope

        async def receive(self):
            return body_messages(b"x")[0]

    gc.collect()
    gc.disable()
    try:
        cycle = Cycle(http_scope())
        assert await Request(cycle.scope, cycle.receive).body() == b"x"
        await BaseHTTPMiddleware(echo, forward)(cycle.scope, cycle.receive, _ignore)
        del cycle
        assert not [found for found in gc.get_objects() if type(found) is Cycle]
    finally:
        gc.enable()


async def _ignore(message):
    pass


async def test_a_receive_that_is_gone_is_named():
    class Broken:
        messages = [body_messages([b"a", b"b"])[0]]

        async def receive(self):
            return self.messages.pop()

    scope, receive = http_scope(), once(b"x")
    with contextlib.suppress(IndexError):
        await Request(scope, Broken().receive).body()
    gc.collect()
    with anyio.fail_after(5), pytest.raises(RuntimeError, match="^Stream consumed in part: the receive .* is gone$"):
        await Request(scope, scope["asgi_requests.body"].recall(receive)).body()


async def test_the_receive_of_a_request_outlives_it():
    receive = Request(http_scope(), once(b"x")).receive
    assert (await receive())["body"] == b"x"
    scope = http_scope()
    replay = await Request(scope, once(b"x")).replay()
    assert await Request(scope, replay).body() == b"x"


async def test_requests_over_the_receive_of_a_request_share_its_body():
    outer = Request(http_scope(), once(b"[1]"))
    assert await Request(outer.scope, outer.receive).json() is await outer.json()


# Replay


async def counted(receive, sizes):
    message = await receive()
    sizes.append(len(message.get("body", b"")))
    return message


@pytest.mark.parametrize("before", ["body", "is_disconnected", "json", "replay"])
async def test_what_was_read_before_passes_a_wrapper_that_replays(before):
    sizes = []

    async def limit(scope, receive, send):
        replay = scope["asgi_requests.body"].replay(receive)
        await echo(scope, lambda: counted(replay, sizes), send)

    async def outer(scope, receive, send):
        await read(Request(scope, receive), before)
        await limit(scope, receive, send)

    assert (await request(outer, "POST", body=[b"123", b"456"])).body == b"123456"
    assert sum(sizes) == 6


async def test_what_a_wrapper_receives_is_what_was_streamed_already():
    scope, receive = http_scope(), once(body_messages([b"a", b"b", b"c"]))
    outer = Request(scope, receive)
    stream = outer.stream()
    assert await anext(stream) == b"a"
    replay = scope["asgi_requests.body"].replay(receive)
    assert (await replay())["body"] == b"b"
    assert [chunk async for chunk in stream] == [b"c", b""]
    replay = scope["asgi_requests.body"].replay(receive)
    assert await replay() == {"type": "http.request", "body": b"", "more_body": False}


async def test_what_was_not_read_is_replayed_by_the_receive_itself():
    scope, receive, other = http_scope(), once(b"x"), once(b"y")
    await Request(scope, other).body()
    bodies = scope["asgi_requests.body"]
    assert bodies.replay(receive) is receive
    Request(scope, receive).receive
    assert bodies.replay(receive) is receive
    assert (await bodies.replay(other)())["body"] == b"y"


async def test_a_replay_waits_for_a_read_that_is_under_way():
    scope = http_scope()
    sender, receiver = anyio.create_memory_object_stream(10)
    receive = receiver.receive
    got = []

    async def reader():
        got.append(await Request(scope, receive).body())

    async def replayer():
        got.append(await scope["asgi_requests.body"].replay(receive)())

    with sender, receiver:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(replayer)
            for message in body_messages([b"a", b"b"]):
                await anyio.wait_all_tasks_blocked()
                sender.send_nowait(message)
    assert got == [b"ab", {"type": "http.request", "body": b"ab", "more_body": False}]


# Recall


def wrapped(receive):
    async def receive_wrapped():
        return await receive()

    return receive_wrapped


def _replaying(scope, receive):
    bodies = scope.get("asgi_requests.body")
    return receive if bodies is None else bodies.replay(receive)


def limited(app):
    async def limit(scope, receive, send):
        await app(scope, wrapped(_replaying(scope, receive)), send)

    return limit


def twice_limited(app):
    return limited(limited(app))


def polled(app):
    async def poll(scope, receive, send):
        assert not await Request(scope, receive).is_disconnected()
        await app(scope, receive, send)

    return poll


LAYERS = {
    "bare": lambda app: app,
    "limit": limited,
    "limits": twice_limited,
    "dispatch": lambda app: BaseHTTPMiddleware(app, forward),
    "two dispatches": lambda app: BaseHTTPMiddleware(BaseHTTPMiddleware(app, forward), forward),
    "limit in dispatch": lambda app: BaseHTTPMiddleware(limited(app), forward),
    "dispatch in limit": lambda app: limited(BaseHTTPMiddleware(app, forward)),
    "poll and limit": lambda app: polled(limited(app)),
    "limit and poll": lambda app: limited(polled(app)),
    "poll and dispatch": lambda app: polled(BaseHTTPMiddleware(app, forward)),
}


def failing(read_first):
    async def app(scope, receive, send):
        await read_first(Request(scope, receive))
        raise LookupError

    return app


async def _handle(app, how, **options):
    """Return the body that a handler outside of the application reads after it has failed."""
    outcome = []

    async def outer(scope, receive, send):
        try:
            await app(scope, receive, send)
        except LookupError:
            bodies = scope.get("asgi_requests.body")
            with anyio.fail_after(5):
                try:
                    outcome.append(await read(Request(scope, bodies.recall(receive) if bodies else receive, send), how))
                except RuntimeError as exc:
                    outcome.append(str(exc))

    await run(outer, http_scope("POST", headers=FORM), body_messages([b"a=", b"1"]), **options)
    return outcome[0]


@pytest.mark.parametrize("how", ["body", "stream", "form", "replay"])
@pytest.mark.parametrize("layers", LAYERS)
async def test_a_handler_outside_gets_the_body_that_was_read(layers, how):
    outcome = await _handle(LAYERS[layers](failing(Request.body)), how)
    if how == "replay":
        assert (await outcome())["body"] == b"a=1"
    else:
        assert outcome == {"body": b"a=1", "stream": [b"a=1", b""], "form": FormData(a="1")}[how]


@pytest.mark.parametrize("layers", LAYERS)
async def test_a_handler_outside_gets_the_form_that_was_read(layers):
    async def parse(request):
        await request.form()

    assert await _handle(LAYERS[layers](failing(parse)), "form") == FormData(a="1")


@pytest.mark.parametrize("how", ["body", "stream", "form"])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("layers", LAYERS)
async def test_an_outer_handler_raises_where_the_body_was_streamed(layers, whole, how):
    async def consume(request):
        stream = request.stream()
        await anext(stream)
        if whole:
            assert [chunk async for chunk in stream]
        await stream.aclose()

    assert "Stream consumed" in await _handle(LAYERS[layers](failing(consume)), how)


@pytest.mark.parametrize("layers", LAYERS)
async def test_a_handler_outside_reads_what_was_only_read_ahead(layers):
    assert await _handle(LAYERS[layers](failing(Request.is_disconnected)), "body") == b"a=1"


async def _nothing(request):
    pass


@pytest.mark.parametrize("layers", LAYERS)
async def test_an_outer_handler_reads_a_body_that_was_not_read(layers):
    assert await _handle(LAYERS[layers](failing(_nothing)), "body") == b"a=1"


@pytest.mark.parametrize("how", ["body", "stream", "form"])
async def test_an_outer_handler_raises_where_the_same_receive_was_streamed(how):
    async def consume(request):
        assert [chunk async for chunk in request.stream()]

    async def app(scope, receive, send):
        await consume(Request(scope, receive))
        raise LookupError

    assert await _handle(app, how) == "Stream consumed"


async def test_what_is_recalled_can_be_received_raw():
    scope, receive, other = http_scope(), once(b"x"), once(b"inner")
    await Request(scope, other).body()
    recalled = scope["asgi_requests.body"].recall(receive)
    assert await recalled() == {"type": "http.request", "body": b"inner", "more_body": False}
    assert [chunk async for chunk in Request(scope, other).stream()]
    streamed = Request(http_scope(), receive)
    assert [chunk async for chunk in streamed.stream()]
    with pytest.raises(RuntimeError, match="^Stream consumed$"):
        await streamed.scope["asgi_requests.body"].recall(receive)()


async def test_nothing_read_is_recalled_by_the_receive_itself():
    scope, receive = http_scope(), once(b"x")
    Request(scope, receive).receive
    assert scope["asgi_requests.body"].recall(receive) is receive


async def test_a_request_without_a_receive_recalls_what_was_read():
    scope = http_scope()
    with pytest.raises(RuntimeError, match="Receive channel"):
        await Request(scope).body()
    await Request(scope, once(b"x")).body()
    assert await Request(scope).body() == b"x"


# dispatch(request, call_next)


@pytest.mark.parametrize("how", ["body", "stream", "form", "json"])
@pytest.mark.parametrize("wrap", [lambda app: app, limited], ids=["bare", "limit"])
async def test_what_dispatch_has_streamed_is_empty_for_the_application(wrap, how):
    outcome = []

    async def app(scope, receive, send):
        try:
            outcome.append(await read(Request(scope, receive), how))
        except ValueError:
            outcome.append(ValueError)
        await PlainTextResponse("")(scope, receive, send)

    async def dispatch(request, call_next):
        async for _ in request.stream():
            pass
        return await call_next(request)

    await request(BaseHTTPMiddleware(wrap(app), dispatch), "POST", body=b"a=1", headers=FORM)
    assert outcome == [{"body": b"", "stream": [b""], "form": FormData(), "json": ValueError}[how]]


async def test_dispatch_and_the_application_take_turns_with_a_stream():
    async def app(scope, receive, send):
        stream = Request(scope, receive).stream()
        assert await anext(stream) == b"2"
        await stream.aclose()
        await PlainTextResponse("")(scope, receive, send)

    async def dispatch(request, call_next):
        stream = request.stream()
        assert await anext(stream) == b"1"
        response = await call_next(request)
        assert await anext(stream) == b"3"
        await stream.aclose()
        return response

    assert (await request(BaseHTTPMiddleware(app, dispatch), "POST", body=[b"1", b"2", b"3"])).status == 200


@pytest.mark.parametrize("wrap", [lambda app: app, limited, polled], ids=["bare", "limit", "poll"])
@pytest.mark.parametrize("how", ["body", "form", "json", "is_disconnected"])
async def test_what_the_application_has_read_is_there_for_dispatch(wrap, how):
    inside = []

    async def app(scope, receive, send):
        inside.append(await read(Request(scope, receive), how))
        await PlainTextResponse("")(scope, receive, send)

    async def dispatch(request, call_next):
        response = await call_next(request)
        if how in ("form", "json"):
            assert await read(request, how) is inside[0]
        else:
            assert await request.body() == b"1"
        return response

    assert (await request(BaseHTTPMiddleware(wrap(app), dispatch), "POST", body=b"1", headers=FORM)).status == 200


@pytest.mark.parametrize("how", ["body", "stream", "form"])
async def test_what_the_application_has_streamed_is_an_error_for_dispatch(how):
    async def app(scope, receive, send):
        assert [chunk async for chunk in Request(scope, receive).stream()]
        await PlainTextResponse("")(scope, receive, send)

    async def dispatch(request, call_next):
        response = await call_next(request)
        with pytest.raises(RuntimeError, match="^Stream consumed$"):
            await read(request, how)
        return response

    assert (await request(BaseHTTPMiddleware(app, dispatch), "POST", body=b"1", headers=FORM)).status == 200


async def test_a_form_of_dispatch_is_the_form_of_the_application():
    forms = []

    async def app(scope, receive, send):
        forms.append(await Request(scope, receive).form())
        await PlainTextResponse("")(scope, receive, send)

    async def dispatch(request, call_next):
        forms.append(await request.form())
        return await call_next(request)

    await request(BaseHTTPMiddleware(app, dispatch), "POST", body=b"a=1", headers=FORM)
    assert forms[0] is forms[1]


async def test_call_next_takes_a_request_over_another_receive():
    async def dispatch(request, call_next):
        await request.body()
        return await call_next(Request(request.scope, once(b"changed")))

    assert (await request(BaseHTTPMiddleware(echo, dispatch), "POST", body=b"x")).body == b"changed"


async def test_a_receive_that_dispatch_has_put_into_the_request_is_read():
    async def dispatch(request, call_next):
        body = await request.body()

        async def receive():
            return {"type": "http.request", "body": body}

        request._receive = receive
        return await call_next(request)

    assert (await request(BaseHTTPMiddleware(echo, dispatch), "POST", body=b"x")).body == b"x"


async def test_a_stream_below_a_read_body_hears_of_the_disconnect():
    sender, receiver = anyio.create_memory_object_stream(10)
    closed = []

    async def endless():
        try:
            while True:
                yield b"x"
                await anyio.sleep(0.001)
        finally:
            closed.append(True)

    async def dispatch(request, call_next):
        assert await request.body() == b"abc"
        return await call_next(request)

    async def send(message):
        if message.get("body") and sender.statistics().current_buffer_used == 0:
            sender.send_nowait(DISCONNECT)

    with sender, receiver:
        sender.send_nowait(body_messages(b"abc")[0])
        with anyio.fail_after(5):
            await BaseHTTPMiddleware(StreamingResponse(endless()), dispatch)(http_scope(), receiver.receive, send)
    assert closed == [True]


# What a body costs


@pytest.mark.parametrize("piece", [b"", b"x", b"xy"])
async def test_tiny_chunks_cost_little_more_than_their_bytes(piece):
    message = {"type": "http.request", "body": piece, "more_body": True}
    left = 50_000

    async def receive():
        nonlocal left
        left -= 1
        return message if left else {"type": "http.request"}

    request = Request(http_scope(), receive)
    tracemalloc.start()
    try:
        body = await request.body()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert body == piece * 49_999
    assert peak < 3 * len(body) + 200_000


def test_chunks_that_are_small_are_joined_and_large_ones_are_kept():
    chunks, expected = Chunks(), bytearray()
    for index in range(1000):
        for chunk in (b"a", bytes([index % 256]) * (5000 if index % 128 == 0 else 3)):
            chunks.append(chunk)
            expected += chunk
    assert chunks.size == len(expected)
    assert len(chunks) < 600
    first = chunks.popleft()
    assert first + chunks.join() == expected
    chunks = Chunks()
    for index in range(257):
        chunks.append(b"x" * (5000 if index == 256 else 1))
    assert [len(chunks.popleft()) for _ in range(2)] == [256, 5000]


async def test_large_chunks_are_not_copied_until_the_end():
    chunk = bytes(65536)
    messages = [{"type": "http.request", "body": body, "more_body": True} for body in [chunk, b"a", b"b"] * 400]
    messages.append({"type": "http.request"})
    tracemalloc.start()
    try:
        body = await Request(http_scope(), once(messages)).body()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert body == (chunk + b"ab") * 400
    assert peak < len(body) + 1_000_000


def test_a_stream_runs_without_an_event_loop():
    async def receive():
        return body_messages(b"x")[0]

    with pytest.raises(StopIteration) as stopped:
        Request(http_scope(), receive).stream().__anext__().send(None)
    assert stopped.value.value == b"x"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
@pytest.mark.parametrize("how", ["body", "stream", "is_disconnected"])
async def test_bodies_may_come_as_other_kinds_of_bytes(kind, how):
    request = Request(http_scope(), once(body_messages([kind(b"ab"), kind(b""), kind(b"c")])))
    read_first = await read(request, how)
    if how == "is_disconnected":
        assert await request.body() == b"abc"
    else:
        assert read_first == {"body": b"abc", "stream": [b"ab", b"c", b""]}[how]
        assert type(read_first if how == "body" else read_first[0]) is bytes


@pytest.mark.parametrize("body", ["text", 5])
async def test_a_body_that_is_not_bytes_is_an_error(body):
    with pytest.raises(TypeError, match="bytes-like"):
        await Request(http_scope(), once([{"type": "http.request", "body": body}])).body()


async def test_a_client_that_has_left_is_known_to_have_left():
    request = Request(http_scope(), once([DISCONNECT]))
    assert not request._is_disconnected
    with pytest.raises(ClientDisconnect):
        await request.body()
    assert request._is_disconnected
