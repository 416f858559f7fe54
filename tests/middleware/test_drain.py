"""Draining: endless responses and WebSockets are asked to end, everything else finishes within the grace period."""

from __future__ import annotations

import signal
import threading
from contextlib import nullcontext

import anyio
import pytest

from asgi_middleware.drain import Drain, DrainMiddleware, is_endless
from raw_asgi import Reply, http_scope, run, websocket_scope

EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]
STREAM = {"type": "http.response.start", "status": 200, "headers": EVENTS}


def chunk(body=b"data: tick\n\n", more=True):
    return {"type": "http.response.body", "body": body, "more_body": more}


async def listening(scope, receive, send):
    """A stream that ends when its client leaves, after a last word."""
    await send(STREAM)
    await send(chunk())
    while (await receive())["type"] != "http.disconnect":
        pass
    await send(chunk(b"data: last words\n\n"))


async def deaf(scope, receive, send):
    """A stream that only sends."""
    await send(STREAM)
    while True:
        await send(chunk())
        await anyio.sleep(0.001)


async def drained(app, scope, messages=(), *, after=None, **options):
    """The reply of an application that is drained as soon as it has sent `after` messages."""
    middleware = DrainMiddleware(app, **options)
    reply = Reply()
    async with anyio.create_task_group() as tasks:

        async def call():
            await run(middleware, scope, messages, reply=reply)
            tasks.cancel_scope.cancel()

        tasks.start_soon(call)
        while len(reply.messages) < (1 if after is None else after):
            await anyio.sleep(0.001)
        await anyio.wait_all_tasks_blocked()
        middleware.drain.begin()
    return reply


@pytest.mark.parametrize("app", [listening, deaf], ids=["listening", "deaf"])
async def test_an_endless_response_is_ended_with_a_farewell(app):
    reply = await drained(app, http_scope(), after=2, farewell=b"event: bye\n\n")
    assert reply.messages[-1] == chunk(b"event: bye\n\n", more=False)
    assert reply.messages.count(reply.messages[-1]) == 1
    assert app is deaf or b"last words" in reply.body


async def test_a_response_that_ends_itself_is_left_alone():
    async def app(scope, receive, send):
        await send(STREAM)
        await receive()
        await receive()
        await send(chunk(b"bye", more=False))

    reply = await drained(app, http_scope(), [{"type": "http.request"}], farewell=b"not me")
    assert reply.messages == [STREAM, chunk(b"bye", more=False)]


async def test_a_response_with_an_end_finishes_and_hears_of_nothing():
    heard = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
        with anyio.move_on_after(0.05):
            heard.append(await receive())
        await send(chunk(b"1,2"))
        await send(chunk(b"", more=False))

    reply = await drained(app, http_scope())
    assert (reply.body, heard) == (b"1,2", [])


async def test_what_is_endless_is_for_the_application_to_say():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        assert (await receive())["type"] == "http.disconnect"

    reply = await drained(app, http_scope(), endless=lambda scope, start: True)
    assert reply.messages[1:] == [chunk(b"", more=False)]


@pytest.mark.parametrize(
    ("headers", "endless"),
    [
        (EVENTS, True),
        ([(b"Content-Type", b"Text/Event-Stream")], True),
        ([(b"content-type", b"multipart/x-mixed-replace; boundary=a")], True),
        ([(b"content-type", b"text/plain")], False),
        ([], False),
    ],
)
def test_event_streams_are_endless(headers, endless):
    assert is_endless(http_scope(), {"type": "http.response.start", "headers": headers}) is endless


def test_a_head_without_headers_has_an_end():
    assert not is_endless(http_scope(), {"type": "http.response.start", "status": 200})


async def test_a_stream_that_begins_while_draining_is_notified_at_once():
    middleware = DrainMiddleware(listening)
    middleware.drain.begin()
    middleware.drain.begin()
    reply = await run(middleware, http_scope(), [{"type": "http.request"}])
    assert b"last words" in reply.body
    assert reply.messages[-1] == chunk(b"", more=False)


async def test_a_receive_that_was_pending_when_the_stream_began_is_notified_too():
    async def app(scope, receive, send):
        async with anyio.create_task_group() as tasks:

            async def leave():
                assert (await receive())["type"] == "http.disconnect"
                tasks.cancel_scope.cancel()

            tasks.start_soon(leave)
            await anyio.wait_all_tasks_blocked()
            await send(STREAM)
            await anyio.sleep_forever()

    middleware = DrainMiddleware(app)
    middleware.drain.begin()
    reply = await run(middleware, http_scope())
    assert reply.messages == [STREAM, chunk(b"", more=False)]


async def test_messages_pass_until_the_drain_begins():
    seen = []

    async def app(scope, receive, send):
        await send(STREAM)
        seen.extend([await receive(), await receive()])

    await run(DrainMiddleware(app), http_scope(), [{"type": "http.request"}, {"type": "http.disconnect"}])
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]


async def test_what_the_application_raises_is_raised_after_a_proper_end():
    async def app(scope, receive, send):
        await send(STREAM)
        await receive()
        raise ValueError("on the way out")

    middleware = DrainMiddleware(app)
    middleware.drain.begin()
    reply = Reply()
    with pytest.raises(ValueError, match="^on the way out$"):
        await run(middleware, http_scope(), reply=reply)
    assert reply.messages[-1] == chunk(b"", more=False)


async def test_an_exception_before_the_drain_passes_unchanged():
    async def app(scope, receive, send):
        raise ValueError("boom")

    with pytest.raises(ValueError, match="^boom$"):
        await run(DrainMiddleware(app), http_scope())


async def test_trailers_follow_the_body_of_a_stream_that_has_ended():
    trailers = {"type": "http.response.trailers", "headers": []}

    async def app(scope, receive, send):
        await send({**STREAM, "trailers": True})
        await send(chunk(more=False))
        await send(trailers)

    middleware = DrainMiddleware(app)
    middleware.drain.begin()
    assert (await run(middleware, http_scope())).messages == [{**STREAM, "trailers": True}, chunk(more=False), trailers]


async def test_a_websocket_that_goes_on_sending_is_refused():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(3):
            try:
                await send({"type": "websocket.send", "text": "tick"})
            except OSError as exc:
                refused.append(exc)

    refused = []
    middleware = DrainMiddleware(app)
    middleware.drain.begin()
    reply = await run(middleware, websocket_scope(), [{"type": "websocket.connect"}])
    assert (len(refused), reply.types[-1]) == (2, "websocket.close")


@pytest.mark.parametrize(
    ("scope", "start", "piece"),
    [
        (websocket_scope(), {"type": "websocket.accept"}, {"type": "websocket.send", "text": "tick"}),
        (http_scope(), STREAM, chunk()),
    ],
    ids=["websocket", "stream"],
)
@pytest.mark.parametrize("stops", [True, False])
async def test_a_connection_that_the_server_closes_first_is_an_error_only_if_it_does_not_stop(
    scope, start, piece, stops
):
    async def server_send(message):
        sent.append(message["type"])
        if message == piece:
            raise OSError("closed")

    async def app(scope, receive, send):
        await send(start)
        if stops:
            middleware.drain.begin()
        try:
            await send(piece)
        except OSError as exc:
            raise RuntimeError("the client has left") from exc  # as a WebSocketDisconnect is

    sent: list[str] = []
    middleware = DrainMiddleware(app)
    error = nullcontext() if stops else pytest.raises(RuntimeError, match="has left")
    with error:
        await middleware(scope, anyio.sleep_forever, server_send)
    assert sent == [start["type"], piece["type"]]


async def test_what_goes_on_sending_is_refused():
    refused = []

    async def app(scope, receive, send):
        await send(STREAM)
        for _ in range(3):
            try:
                await send(chunk())
            except OSError as exc:
                refused.append(exc)

    middleware = DrainMiddleware(app)
    middleware.drain.begin()
    reply = await run(middleware, http_scope())
    assert len(refused) == 2
    assert reply.messages == [STREAM, chunk(), chunk(), chunk(b"", more=False)]


@pytest.mark.parametrize(
    ("started", "types"),
    [(False, ["http.response.start", "http.response.body"]), (True, ["http.response.start"])],
)
async def test_what_outlasts_the_grace_period_is_cancelled(started, types):
    cancelled = []

    async def app(scope, receive, send):
        if started:
            await send({"type": "http.response.start", "status": 200})
        middleware.drain.begin()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    middleware = DrainMiddleware(app, grace=0.001)
    reply = await run(middleware, http_scope())
    assert (cancelled, reply.types) == ([True], types)
    assert reply.status == (200 if started else 503)


async def test_what_begins_while_draining_has_what_is_left_of_the_grace_period():
    drain = Drain(grace=0.05)
    assert drain.remaining == 0.05
    drain.begin()
    while drain.remaining:
        await anyio.sleep(0.01)
    reply = await run(DrainMiddleware(lambda scope, receive, send: anyio.sleep_forever(), drain=drain), http_scope())
    assert reply.status == 503


async def test_every_receive_that_waits_is_notified():
    received = []

    async def app(scope, receive, send):
        async with anyio.create_task_group() as tasks:

            async def wait():
                received.append((await receive())["type"])

            await send(STREAM)
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            with anyio.CancelScope() as poll:  # whether the client has left, as Request.is_disconnected() asks
                poll.cancel()
                await receive()
            middleware.drain.begin()

    middleware = DrainMiddleware(app)
    reply = await run(middleware, http_scope())
    assert received == ["http.disconnect"]
    assert reply.messages == [STREAM, chunk(b"", more=False)]


async def test_a_cancellation_from_outside_goes_on():
    middleware = DrainMiddleware(lambda scope, receive, send: anyio.sleep_forever())
    middleware.drain.begin()
    with anyio.move_on_after(0.01) as cancelled:
        await run(middleware, http_scope())
    assert cancelled.cancelled_caught


async def test_a_cancellation_that_comes_with_the_end_of_the_grace_period_goes_on():
    """The first wins nothing: what the server cancels stays cancelled."""
    middleware = DrainMiddleware(lambda scope, receive, send: anyio.sleep_forever(), grace=0.001)
    middleware.drain.begin()

    async def call():
        await run(middleware, http_scope())
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await anyio.sleep(0.02)
        tasks.cancel_scope.cancel()


async def test_work_that_ends_in_the_very_moment_of_its_cancellation_has_ended():
    async def app(scope, receive, send):
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("failed at last")

    middleware = DrainMiddleware(app, grace=0.001)
    middleware.drain.begin()
    with pytest.raises(ValueError, match="^failed at last$"):
        await run(middleware, http_scope())


async def echo(scope, receive, send):
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": message["text"]})
    await send({"type": "websocket.send", "text": f"left with {message['code']}"})


async def chatter(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "tick"})
        await anyio.sleep(0.001)


@pytest.mark.parametrize("code", [1001, 1012])
@pytest.mark.parametrize("app", [echo, chatter], ids=["echo", "chatter"])
async def test_a_websocket_is_closed(app, code):
    messages = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]
    reply = await drained(app, websocket_scope(), messages, after=2, close_code=code)
    assert reply.messages[-1] == {"type": "websocket.close", "code": code, "reason": ""}
    if app is echo:
        assert reply.messages[1:-1] == [
            {"type": "websocket.send", "text": "hello"},
            {"type": "websocket.send", "text": f"left with {code}"},
        ]


async def test_a_websocket_that_closes_itself_is_closed_once():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.close", "code": 4000})

    reply = await drained(app, websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.types == ["websocket.accept", "websocket.close"]


async def test_a_handshake_that_is_refused_stays_refused():
    async def app(scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.close", "code": 1000})

    middleware = DrainMiddleware(app)
    middleware.drain.begin()
    reply = await run(middleware, websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.messages == [{"type": "websocket.close", "code": 1000}]


async def test_a_handshake_that_outlasts_the_grace_period_is_cancelled():
    middleware = DrainMiddleware(lambda scope, receive, send: anyio.sleep_forever(), grace=0.001)
    middleware.drain.begin()
    assert (await run(middleware, websocket_scope(), [{"type": "websocket.connect"}])).messages == []


async def test_the_state_stands_in_the_scope():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["asgi_middleware.drain"])

    drain = Drain(grace=3)
    for scope in (http_scope(), websocket_scope()):
        await run(DrainMiddleware(app, drain=drain), scope)
    assert seen == [drain, drain]
    assert not drain.draining


async def test_another_thread_may_begin():
    middleware = DrainMiddleware(listening)
    beginning = threading.Timer(0.01, middleware.drain.begin)
    beginning.start()
    reply = await run(middleware, http_scope())
    beginning.join()
    assert b"last words" in reply.body


async def test_every_event_loop_is_drained():
    middleware = DrainMiddleware(listening)
    other = Reply()

    async def elsewhere():
        await run(middleware, http_scope(), reply=other)

    thread = threading.Thread(target=anyio.run, args=[elsewhere])
    thread.start()
    while len(other.messages) < 2:
        await anyio.sleep(0.001)
    here = Reply()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: run(middleware, http_scope(), reply=here))
        await anyio.wait_all_tasks_blocked()
        middleware.drain.begin()
    thread.join()
    assert b"last words" in here.body
    assert b"last words" in other.body


async def test_an_exchange_that_has_ended_is_not_cancelled_later():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})

    middleware = DrainMiddleware(app, grace=0.001)
    middleware.drain.begin()
    await run(middleware, http_scope())
    await anyio.sleep(0.01)


def test_an_event_loop_that_is_gone_is_passed_over():
    drain = Drain()

    class Left:
        def run_in_loop(self, callback):
            raise RuntimeError("Event loop is closed")

    drain.calls.add(Left())
    drain.begin()
    assert drain.draining


async def live(middleware, messages):
    return await run(middleware, {"type": "lifespan"}, messages)


async def lifespan(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.complete"})
    signal.raise_signal(signal.SIGUSR1)
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


LIFE = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]


@pytest.fixture
def handled():
    """The signals that the server's own handler has seen."""
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGUSR1, before)


async def test_a_signal_begins_the_drain_and_reaches_the_server(handled):
    own = signal.getsignal(signal.SIGUSR1)
    middleware = DrainMiddleware(lifespan, signals=[signal.SIGUSR1])
    await live(middleware, LIFE)
    assert (handled, middleware.drain.draining) == ([signal.SIGUSR1], True)
    assert signal.getsignal(signal.SIGUSR1) == own


async def test_the_shutdown_of_the_lifespan_begins_the_drain():
    async def app(scope, receive, send):
        await receive()
        assert not middleware.drain.draining
        await receive()

    middleware = DrainMiddleware(app, signals=[])
    await live(middleware, LIFE)
    assert middleware.drain.draining


async def test_a_signal_without_a_handler_is_left_alone(handled):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    middleware = DrainMiddleware(lifespan, signals=[signal.SIGUSR1])
    await live(middleware, LIFE)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


async def test_a_handler_that_somebody_set_later_stays(handled):
    async def app(scope, receive, send):
        await receive()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        await receive()

    await live(DrainMiddleware(app, signals=[signal.SIGUSR1]), LIFE)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


async def test_an_application_without_a_lifespan_is_drained_all_the_same(handled):
    async def app(scope, receive, send):
        raise RuntimeError("no lifespan")

    middleware = DrainMiddleware(app, signals=[signal.SIGUSR1])
    with pytest.raises(RuntimeError, match="no lifespan"):
        await live(middleware, LIFE)
    signal.raise_signal(signal.SIGUSR1)
    assert (handled, middleware.drain.draining) == ([signal.SIGUSR1], True)
    middleware.drain.uninstall()


async def test_outside_of_the_main_thread_no_handler_is_set(handled):
    own = signal.getsignal(signal.SIGUSR1)

    async def app(scope, receive, send):
        await receive()
        await receive()

    middleware = DrainMiddleware(app, signals=[signal.SIGUSR1])
    await anyio.to_thread.run_sync(lambda: anyio.run(live, middleware, LIFE))
    assert signal.getsignal(signal.SIGUSR1) == own


async def test_other_scopes_pass():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    await run(DrainMiddleware(app), {"type": "other"})
    assert seen == [{"type": "other"}]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"grace": 0}, ValueError, "grace=0"),
        ({"grace": float("nan")}, ValueError, "grace=nan"),
        ({"grace": 1, "drain": Drain()}, ValueError, "exclude each other"),
        ({"close_code": 1000}, ValueError, "1012"),
        ({"farewell": "bye"}, TypeError, "bytes"),
    ],
)
def test_options_without_a_meaning_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        DrainMiddleware(deaf, **options)
