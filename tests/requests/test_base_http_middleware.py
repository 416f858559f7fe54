from __future__ import annotations

import contextvars
import gc
from contextlib import aclosing

import anyio
import pytest

from asgi_requests.adapters import request_response
from asgi_requests.background import BackgroundTask
from asgi_requests.exceptions import ClientDisconnect, HTTPException
from asgi_requests.middleware import BaseHTTPMiddleware
from asgi_requests.requests import Request
from asgi_requests.responses import PlainTextResponse, Response, StreamingResponse
from raw_asgi import Reply, body_messages, garbage_of, http_scope, request, run, websocket_scope

variable = contextvars.ContextVar("variable", default="unset")
untouched = contextvars.ContextVar("untouched", default="unset")

HELLO = PlainTextResponse("hello")


def middleware(app):
    """Decorates a dispatch function: `dispatch(request, call_next)` in front of the application."""
    return lambda dispatch: BaseHTTPMiddleware(app, dispatch=dispatch)


async def forward(request, call_next):
    return await call_next(request)


def messages_app(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


START = {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]}


async def test_dispatch_sees_the_request_and_changes_the_response():
    class Header(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            assert type(request) is Request
            response = await call_next(request)
            assert isinstance(response, Response)
            assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
            response.status_code = 201
            response.headers["X-Path"] = request.url.path
            response.set_cookie("a", "b")
            response.background = BackgroundTask(ran.append, 1)
            return response

    ran = []
    reply = await request(Header(HELLO), path="/x")
    assert (reply.status, reply.header("x-path"), reply.text) == (201, "/x", "hello")
    assert reply.header("set-cookie").startswith("a=b")
    assert ran == [1]


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body", "body": b"x", "more_body": True}, {"type": "http.response.body"}],
        [{"type": "http.response.pathsend", "path": "/x"}],
        [{"type": "http.response.zerocopysend", "file": 3, "more_body": True}, {"type": "http.response.body"}],
        [{"type": "http.response.body"}, {"type": "http.response.trailers"}],
        [],
    ],
)
async def test_the_background_task_set_in_dispatch_runs_before_that_of_the_application(messages):
    order = []

    async def app(scope, receive, send):
        await send({**START, "trailers": messages[-1:] == [{"type": "http.response.trailers"}]})
        for message in messages:
            await send(message)
        order.append("application")

    @middleware(app)
    async def dispatch(request, call_next):
        response = await call_next(request)
        response.background = BackgroundTask(order.append, "dispatch")
        return response

    reply = await request(dispatch)
    assert reply.messages[1:] == messages
    assert order == (["dispatch", "application"] if messages else ["application", "dispatch"])


async def test_the_background_task_set_in_dispatch_runs_though_the_application_fails():
    ran = []

    async def app(scope, receive, send):
        await send(START)
        raise LookupError

    @middleware(app)
    async def dispatch(request, call_next):
        response = await call_next(request)
        response.background = BackgroundTask(ran.append, 1)
        return response

    with pytest.raises(LookupError):
        await request(dispatch)
    assert ran == [1]


async def test_the_background_task_runs_though_the_application_has_given_up():
    ran = []

    async def app(scope, receive, send):
        with anyio.move_on_after(0):
            await send(START)

    @middleware(app)
    async def dispatch(request, call_next):
        response = await call_next(request)
        await anyio.sleep(0.01)
        response.background = BackgroundTask(ran.append, 1)
        return response

    assert (await request(dispatch)).status == 200
    assert ran == [1]


async def test_call_next_may_be_given_something_that_is_not_a_request():
    @middleware(request_response(reads_body))
    async def dispatch(request, call_next):
        await request.body()
        return await call_next(None)

    assert (await request(dispatch, "POST", body=b"abc")).text == "abc"


async def test_a_dispatch_that_is_replaced_on_the_class_is_called(monkeypatch):
    class Middleware(BaseHTTPMiddleware):
        dispatch = forward

    async def patched(self, request, call_next):
        return PlainTextResponse("patched")

    monkeypatch.setattr(Middleware, "dispatch", patched)
    assert (await request(Middleware(HELLO))).text == "patched"


async def test_dispatch_must_be_there_and_return_a_response():
    with pytest.raises(NotImplementedError):
        await request(BaseHTTPMiddleware(HELLO))

    @middleware(HELLO)
    async def nothing(request, call_next):
        return None

    with pytest.raises(TypeError, match="nothing .* returned None"):
        await request(nothing)


async def test_dispatch_may_answer_alone():
    @middleware(None)
    async def app(request, call_next):
        return PlainTextResponse("early", 403)

    assert (await request(app)).status == 403


@pytest.mark.parametrize("scope", [websocket_scope(), {"type": "lifespan"}])
async def test_it_acts_on_http_alone(scope):
    seen = []

    async def app(*triple):
        seen.append(triple)

    async def receive():
        pass

    async def send(message):
        pass

    await BaseHTTPMiddleware(app, forward)(scope, receive, send)
    assert seen[0][0] is scope
    assert seen[0][1:] == (receive, send)


@pytest.mark.parametrize(
    "messages",
    [
        [START, {"type": "http.response.body", "body": b"x"}],
        [START, {"type": "http.response.body"}],
        [
            START,
            {"type": "http.response.body", "body": b"x", "more_body": True},
            {"type": "http.response.body", "body": b"y", "more_body": False},
        ],
        [
            {**START, "trailers": True},
            {"type": "http.response.body", "body": b"x"},
            {"type": "http.response.trailers", "headers": [(b"a", b"b")]},
        ],
        [START, {"type": "http.response.pathsend", "path": "/x"}],
        [START, {"type": "http.response.zerocopysend", "file": 3, "count": 4}],
        [
            {"type": "http.response.debug", "info": {"template": "x"}},
            {"type": "http.response.early_hint", "links": [b"</a>"]},
            START,
            {"type": "http.response.push", "path": "/x", "headers": []},
            {"type": "x.unknown"},
            {"type": "http.response.body", "body": b"x"},
        ],
    ],
    ids=["body", "empty", "stream", "trailers", "pathsend", "zerocopysend", "unknown"],
)
async def test_every_message_passes_once_and_in_order(messages):
    assert (await request(BaseHTTPMiddleware(messages_app(*messages), forward))).messages == messages
    doubled = BaseHTTPMiddleware(BaseHTTPMiddleware(messages_app(*messages), forward), forward)
    assert (await request(doubled)).messages == messages
    assert START["headers"] == [(b"x-app", b"1")]


async def test_a_stream_passes_chunk_by_chunk_as_fast_as_it_is_taken():
    order = []

    async def app(scope, receive, send):
        await send(START)
        for i in range(3):
            order.append(f"made {i}")
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})

    class Slow(list):
        def append(self, message):
            order.append("taken")

    async def slow_send(message):
        await anyio.sleep(0.001)
        order.append("taken")

    async def receive():
        await anyio.sleep_forever()

    await BaseHTTPMiddleware(app, forward)(http_scope(), receive, slow_send)
    assert order == ["taken", "made 0", "taken", "made 1", "taken", "made 2", "taken", "taken"]


async def test_the_body_can_be_read_and_changed():
    @middleware(StreamingResponse([b"a", b"b", b"c"]))
    async def upper(request, call_next):
        response = await call_next(request)

        async def changed(chunks):
            async for chunk in chunks:
                yield chunk.upper().decode()

        response.body_iterator = changed(response.body_iterator)
        response.background = BackgroundTask(ran.append, 1)
        return response

    ran = []
    assert (await request(upper)).text == "ABC"
    assert ran == [1]


async def test_the_body_can_be_read_into_another_response():
    @middleware(HELLO)
    async def copied(request, call_next):
        response = await call_next(request)
        body = b"".join([chunk async for chunk in response.body_iterator])
        return PlainTextResponse(body + b"!", response.status_code)

    assert (await request(copied)).text == "hello!"


async def test_a_body_read_and_put_back_is_followed_by_its_trailers():
    trailers = {"type": "http.response.trailers", "headers": []}

    @middleware(messages_app({**START, "trailers": True}, {"type": "http.response.body", "body": b"x"}, trailers))
    async def app(request, call_next):
        response = await call_next(request)
        chunks = [chunk async for chunk in response.body_iterator]

        async def again():
            for chunk in chunks:
                yield chunk

        response.body_iterator = again()
        return response

    reply = await request(app)
    assert reply.body == b"x"
    assert reply.messages[-1] == trailers


async def test_a_message_that_is_not_a_body_comes_through_the_iterator_as_it_is():
    pathsend = {"type": "http.response.pathsend", "path": "/x"}

    @middleware(messages_app(START, pathsend))
    async def app(request, call_next):
        response = await call_next(request)
        iterator = response.body_iterator

        async def same():
            async for chunk in iterator:
                yield chunk

        response.body_iterator = same()
        return response

    assert (await request(app)).messages == [START, pathsend]


async def test_an_exception_of_the_application_passes_unchanged():
    error = LookupError("x")

    async def before(scope, receive, send):
        raise error

    async def after(scope, receive, send):
        await send(START)
        raise error

    for app in (before, after):
        with pytest.raises(LookupError) as caught:
            await request(BaseHTTPMiddleware(app, forward))
        assert caught.value is error

    @middleware(after)
    async def reading(request, call_next):
        return PlainTextResponse(b"".join([chunk async for chunk in (await call_next(request)).body_iterator]))

    with pytest.raises(LookupError) as caught:
        await request(reading)
    assert caught.value is error


async def test_dispatch_may_catch_what_the_application_raises():
    async def app(scope, receive, send):
        raise LookupError("x")

    @middleware(app)
    async def catching(request, call_next):
        try:
            return await call_next(request)
        except LookupError as exc:
            return PlainTextResponse(f"caught {exc}", 500)

    assert (await request(catching)).text == "caught x"


async def test_an_application_that_sends_nothing_is_an_error():
    with pytest.raises(RuntimeError, match="^No response returned.$"):
        await request(BaseHTTPMiddleware(messages_app(), forward))


async def test_an_http_exception_of_dispatch_is_the_answer():
    @middleware(HELLO)
    async def refusing(request, call_next):
        raise HTTPException(401, "Who are you?", {"WWW-Authenticate": "Basic"})

    reply = await request(refusing)
    assert (reply.status, reply.text, reply.header("www-authenticate")) == (401, "Who are you?", "Basic")


async def test_an_http_exception_of_dispatch_replaces_the_response():
    @middleware(HELLO)
    async def refusing(request, call_next):
        await call_next(request)
        raise HTTPException(409)

    reply = await request(refusing)
    assert reply.types == ["http.response.start", "http.response.body"]
    assert reply.status == 409


async def test_an_http_exception_of_the_application_is_raised():
    async def app(scope, receive, send):
        raise HTTPException(403)

    with pytest.raises(HTTPException):
        await request(BaseHTTPMiddleware(app, forward))


async def test_other_exceptions_of_dispatch_end_the_application_and_pass():
    cancelled = []

    async def app(scope, receive, send):
        try:
            await send(START)
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.append(True)
            raise

    @middleware(app)
    async def failing(request, call_next):
        await call_next(request)
        raise LookupError("x")

    with pytest.raises(LookupError, match="x"):
        await request(failing)
    assert cancelled == [True]


async def test_context_variables_flow_both_ways():
    seen = []

    async def app(scope, receive, send):
        seen.append(variable.get())
        variable.set("at start")
        await send(START)
        variable.set("at end")
        await send({"type": "http.response.body"})

    @middleware(app)
    async def watching(request, call_next):
        variable.set("dispatch")
        response = await call_next(request)
        seen.append(variable.get())
        untouched.set("kept")
        return response

    async def outer(scope, receive, send):
        await watching(scope, receive, send)
        seen.append((variable.get(), untouched.get()))

    await request(outer)
    assert seen == ["dispatch", "at start", ("at end", "kept")]


async def reads_body(request):
    return PlainTextResponse(await request.body())


def raw_reader(log):
    async def app(scope, receive, send):
        while True:
            message = await receive()
            log.append(message)
            if not message.get("more_body"):
                break
        await HELLO(scope, receive, send)

    return app


async def test_a_body_read_in_dispatch_is_there_for_the_application():
    @middleware(request_response(reads_body))
    async def reading(request, call_next):
        assert await request.body() == b"abc"
        return await call_next(request)

    assert (await request(reading, "POST", body=[b"a", b"bc"])).text == "abc"
    log = []
    assert (await request(BaseHTTPMiddleware(raw_reader(log), reading.dispatch_func), "POST", body=[b"a", b"bc"])).text
    assert log == [{"type": "http.request", "body": b"abc", "more_body": False}]


async def test_a_body_streamed_in_dispatch_is_empty_for_a_raw_application():
    log = []

    @middleware(raw_reader(log))
    async def streaming(request, call_next):
        assert [chunk async for chunk in request.stream()] == [b"a", b"bc", b""]
        return await call_next(request)

    await request(streaming, "POST", body=[b"a", b"bc"])
    assert log == [{"type": "http.request", "body": b"", "more_body": False}]


async def test_what_dispatch_has_left_of_a_stream_is_there_for_a_raw_application():
    log = []

    @middleware(raw_reader(log))
    async def streaming(request, call_next):
        async with aclosing(request.stream()) as stream:
            assert await anext(stream) == b"a"
            return await call_next(request)

    await request(streaming, "POST", body=[b"a", b"b", b"c"])
    assert [message["body"] for message in log] == [b"b", b"c"]


async def test_a_body_read_in_the_application_is_there_for_dispatch():
    @middleware(request_response(reads_body))
    async def reading(request, call_next):
        response = await call_next(request)
        response.headers["x-body"] = (await request.body()).decode()
        return response

    assert (await request(reading, "POST", body=[b"a", b"bc"])).header("x-body") == "abc"


async def test_a_body_a_raw_application_has_read_is_not_waited_for():
    @middleware(raw_reader([]))
    async def reading(request, call_next):
        await call_next(request)
        await request.body()

    with pytest.raises(RuntimeError, match="Stream consumed"):
        await request(reading, "POST", body=[b"a", b"bc"])


async def test_a_body_dispatch_has_replaced_is_what_the_application_reads():
    @middleware(request_response(reads_body))
    async def replacing(request, call_next):
        await request.body()
        request._body = b"other"
        return await call_next(request)

    assert (await request(replacing, "POST", body=b"abc")).text == "other"


async def test_an_is_disconnected_below_takes_no_chunk():
    async def app(request):
        assert not await request.is_disconnected()
        return PlainTextResponse(await request.body())

    assert (await request(BaseHTTPMiddleware(request_response(app), forward), "POST", body=[b"a", b"b"])).text == "ab"


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_a_stream_below_several_that_asks_is_disconnected_is_whole(depth):
    async def chunks(request):
        for piece in (b"a", b"b"):
            assert not await request.is_disconnected()
            yield piece
            await anyio.lowlevel.checkpoint()

    async def app(request):
        return StreamingResponse(chunks(request))

    app = request_response(app)
    for _ in range(depth):
        app = BaseHTTPMiddleware(app, forward)
    assert (await request(app)).text == "ab"


async def test_a_chunk_that_arrives_as_a_receive_is_cancelled_is_not_lost():
    sender, receiver = anyio.create_memory_object_stream(10)
    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    async def app(scope, receive, send):
        with anyio.move_on_after(0.01):
            await receive()
        for message in body_messages([b"a", b"b"]):
            await sender.send(message)
        body = (await receive())["body"] + (await receive())["body"]
        await PlainTextResponse(body)(scope, receive, send)

    with sender, receiver:
        await BaseHTTPMiddleware(app, forward)(http_scope("POST"), receiver.receive, send)
    assert reply.text == "ab"


async def test_the_application_hears_of_a_disconnect():
    async def app(request):
        with pytest.raises(ClientDisconnect):
            await request.body()
        return HELLO

    app = BaseHTTPMiddleware(request_response(app), forward)
    await run(app, http_scope("POST"), [{"type": "http.disconnect"}])


async def test_a_background_task_of_the_application_runs_to_its_end():
    done = []

    async def work():
        await anyio.sleep(0.001)
        done.append(True)

    async def app(request):
        return PlainTextResponse("x", background=BackgroundTask(work))

    app = BaseHTTPMiddleware(request_response(app), forward)
    await run(app, http_scope(), [*body_messages(b""), {"type": "http.disconnect"}])
    assert done == [True]


async def test_a_dropped_response_runs_to_its_end_and_its_background_task_too():
    done = []

    async def app(request):
        return PlainTextResponse("x", background=BackgroundTask(done.append, True))

    @middleware(request_response(app))
    async def dropping(request, call_next):
        await call_next(request)
        return PlainTextResponse("other")

    reply = await request(dropping)
    assert (reply.text, len(reply.messages)) == ("other", 2)
    assert done == [True]


async def test_a_dropped_stream_ends():
    async def endless():
        while True:
            yield b"x"

    @middleware(StreamingResponse(endless()))
    async def dropping(request, call_next):
        await call_next(request)
        return PlainTextResponse("other")

    assert (await request(dropping)).text == "other"


async def test_a_stream_dropped_half_read_ends_and_is_closed():
    closed = []

    async def endless():
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    @middleware(StreamingResponse(endless()))
    async def dropping(request, call_next):
        iterator = (await call_next(request)).body_iterator
        assert await anext(iterator) == b"x"
        await iterator.aclose()
        return PlainTextResponse("other")

    assert (await request(dropping)).text == "other"
    assert closed == [True]


async def test_a_dropped_application_receives_a_disconnect():
    heard = []

    async def app(scope, receive, send):
        async def listen():
            heard.append(await receive())
            heard.append(await receive())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.lowlevel.checkpoint()
            await send(START)
            await send({"type": "http.response.body", "body": b"", "more_body": True})

    @middleware(app)
    async def dropping(request, call_next):
        await call_next(request)
        await anyio.sleep(0.001)
        return PlainTextResponse("other")

    reply = await run(dropping, http_scope())
    assert reply.text == "other"
    assert heard in ([], [{"type": "http.disconnect"}], [{"type": "http.disconnect"}] * 2)


async def test_what_a_dropped_application_raises_of_its_own_passes():
    async def app(scope, receive, send):
        await send(START)
        raise LookupError("mine")

    @middleware(app)
    async def dropping(request, call_next):
        await call_next(request)
        return PlainTextResponse("other")

    with pytest.raises(LookupError, match="mine"):
        await request(dropping)


async def test_an_application_that_gives_up_while_its_response_is_looked_at_has_an_empty_one():
    async def app(scope, receive, send):
        with anyio.move_on_after(0):
            await send(START)

    @middleware(app)
    async def reading(request, call_next):
        response = await call_next(request)
        await anyio.sleep(0.01)
        return PlainTextResponse(b"".join([chunk async for chunk in response.body_iterator]))

    assert (await request(reading)).body == b""


async def test_a_call_that_is_cancelled_cancels_the_application():
    ended = []

    async def app(scope, receive, send):
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    @middleware(app)
    async def timing_out(request, call_next):
        with anyio.move_on_after(0.01):
            return await call_next(request)
        return PlainTextResponse("too slow", 504)

    assert (await request(timing_out)).status == 504
    assert ended == [True]


async def test_a_request_that_is_cancelled_cancels_both():
    ended = []

    async def app(scope, receive, send):
        try:
            await send(START)
            await anyio.sleep_forever()
        finally:
            ended.append("app")

    with anyio.move_on_after(0.01) as scope:
        await request(BaseHTTPMiddleware(app, forward))
    assert scope.cancelled_caught
    assert ended == ["app"]


async def test_the_application_may_be_called_again():
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await PlainTextResponse("x", 503 if len(calls) == 1 else 200)(scope, receive, send)

    @middleware(app)
    async def retrying(request, call_next):
        response = await call_next(request)
        return response if response.status_code == 200 else await call_next(request)

    reply = await request(retrying)
    assert (reply.status, reply.text, len(calls)) == (200, "x", 2)


async def test_a_send_that_fails_is_the_applications_business():
    seen = []

    async def app(scope, receive, send):
        try:
            await send(START)
            await send({"type": "http.response.body", "body": b"x"})
        except OSError as exc:
            seen.append(str(exc))

    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError("gone")

    async def receive():
        await anyio.sleep_forever()

    await BaseHTTPMiddleware(app, forward)(http_scope(), receive, send)
    assert seen == ["gone"]


async def test_what_routing_writes_into_the_scope_is_seen_in_dispatch():
    async def app(scope, receive, send):
        scope["route"] = "/{id}"
        await HELLO(scope, receive, send)

    @middleware(app)
    async def watching(request, call_next):
        response = await call_next(request)
        response.headers["x-route"] = request.scope["route"]
        return response

    assert (await request(watching)).header("x-route") == "/{id}"


async def test_a_generator_that_is_not_read_leaves_nothing_behind():
    await request(BaseHTTPMiddleware(HELLO, forward))
    gc.collect()


async def test_no_cycle_is_left_by_an_exception_of_the_application():
    async def failing(scope, receive, send):
        raise LookupError("no")

    class Passing(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    app = Passing(failing)

    async def fail():
        with pytest.raises(LookupError):
            await request(app)

    assert await garbage_of(fail) == 0
