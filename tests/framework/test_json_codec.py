"""`App(json=...)`: one codec for an application, and for no other."""

from __future__ import annotations

import contextvars
import datetime
import json
import types

import pytest

from asgi_framework import (
    App,
    EventSourceResponse,
    JSONLinesResponse,
    JSONResponse,
    Middleware,
    Mount,
    Route,
    WebSocketRoute,
    orjson_codec,
)
from asgi_framework.testclient import TestClient
from asgi_requests import current_codec
from raw_asgi import Reply, http_scope, request, run

orjson = pytest.importorskip("orjson")


class Named:
    def __init__(self, name):
        self.name = name

    def dumps(self, content):
        return json.dumps({self.name: content}).encode()

    def loads(self, text):
        return [self.name, json.loads(text)]


async def answer_of(app, method="GET", path="/", **options):
    return json.loads((await request(app, method, path, **options)).text)


async def echo(request):
    return JSONResponse(await request.json())


def in_a_thread(request):
    return JSONResponse(1)


def application(name=None, **options):
    routes = [Route("/", echo, methods=["POST"]), Route("/thread", in_a_thread)]
    return App(routes=[*routes, *options.pop("routes", ())], json=name and Named(name), **options)


async def test_bodies_and_responses_go_through_the_codec():
    assert await answer_of(application("a"), "POST", body=[b"[1]"]) == {"a": ["a", [1]]}


async def test_a_sync_endpoint_answers_with_the_codec():
    assert await answer_of(application("a"), "GET", "/thread") == {"a": 1}


async def test_applications_of_one_process_have_their_own():
    one, two, none = application("one"), application("two"), application()
    for app, expected in ((one, {"one": 1}), (two, {"two": 1}), (none, 1), (one, {"one": 1})):
        assert await answer_of(app, "GET", "/thread") == expected


async def test_a_mounted_application_has_its_own_or_that_of_the_outer_one():
    app = application("outer", routes=[Mount("/own", application("inner")), Mount("/none", application())])
    assert await answer_of(app, "GET", "/own/thread") == {"inner": 1}
    assert await answer_of(app, "GET", "/none/thread") == {"outer": 1}


async def test_an_application_that_is_called_within_a_request_is_left_alone():
    plain = application()

    async def ask(_):
        return JSONResponse(await answer_of(plain, "GET", "/thread"))

    assert await answer_of(application("a", routes=[Route("/ask", ask)]), "GET", "/ask") == {"a": 1}


async def test_middleware_and_exception_handlers_write_with_the_codec():
    async def missing(request, exc):
        return JSONResponse("missing", 404)

    def answering(app):
        async def answer(scope, receive, send):
            if scope["path"] == "/early":
                await JSONResponse("early")(scope, receive, send)
            else:
                await app(scope, receive, send)

        return answer

    app = application("a", exception_handlers={404: missing}, middleware=[Middleware(answering)])
    assert await answer_of(app, "GET", "/nothing") == {"a": "missing"}
    assert await answer_of(app, "GET", "/early") == {"a": "early"}


async def test_without_middleware_too_all_answers_are_written_with_the_codec():
    async def missing(request, exc):
        return JSONResponse("missing", 404)

    async def failed(request, exc):
        return JSONResponse("failed", 500)

    async def fails(request):
        raise ZeroDivisionError

    async def streams(request):
        return JSONLinesResponse(iter([1]))

    routes = [Route("/fails", fails), Route("/streams", streams)]
    app = application("a", routes=routes, exception_handlers={404: missing, 500: failed})
    assert await answer_of(app, "GET", "/nothing") == {"a": "missing"}
    assert await answer_of(app, "GET", "/streams") == {"a": 1}
    answer = Reply()
    with pytest.raises(ZeroDivisionError):
        await run(app, http_scope(path="/fails"), reply=answer)
    assert json.loads(answer.text) == {"a": "failed"}
    assert current_codec.get() is None


async def test_a_server_that_fails_ends_the_codec_as_well():
    async def gone(message):
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await application("a")(http_scope(path="/thread"), None, gone)
    assert current_codec.get() is None


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_request_that_is_closed_in_another_context_ends_the_codec_as_well(is_first):
    """As the garbage collector closes what a stopped event loop has left."""

    async def waits(request):
        await suspended()

    app = application("a", routes=[Route("/waits", waits)])
    if not is_first:
        await answer_of(app, "GET", "/thread")
    scope = http_scope(path="/waits")
    serving = app(scope, None, None)
    contextvars.copy_context().run(serving.send, None)
    serving.close()
    assert current_codec.get() is None
    assert not [key for key in scope if "json" in key]


@types.coroutine
def suspended():
    yield


async def test_invalid_json_is_a_400_with_the_same_words():
    plain, fast = application(), App(routes=[Route("/", echo, methods=["POST"])], json=orjson_codec())
    bare = App(routes=[Route("/", echo, methods=["POST"])], json=orjson)
    for body in (b"{", b"", b"NaN", b"1e400"):
        of_plain = await request(plain, "POST", body=[body])
        of_fast = await request(fast, "POST", body=[body])
        assert (of_fast.status, of_fast.text) == (of_plain.status, of_plain.text)
        assert of_fast.status == 400
        assert (await request(bare, "POST", body=[body])).status == 400


def test_websockets_events_and_lines_have_the_codec():
    async def session(websocket):
        await websocket.accept()
        await websocket.send_json(await websocket.receive_json())
        await websocket.close()

    def events(request):
        return EventSourceResponse([[1]])

    def lines(request):
        return JSONLinesResponse([1, 2])

    routes = [WebSocketRoute("/ws", session), Route("/events", events), Route("/lines", lines)]
    with TestClient(application("a", routes=routes)) as client:
        with client.websocket_connect("/ws") as websocket:
            websocket.send_json(1)
            assert websocket.receive_json() == {"a": ["a", 1]}
        assert client.get("/events").text == 'data: {"a": [1]}\n\n'
        assert client.get("/lines").text == '{"a": 1}\n{"a": 2}\n'


async def test_a_subclass_with_a_constructor_of_its_own_has_no_codec():
    class Own(App):
        def __init__(self):
            vars(self).update(vars(App(routes=[Route("/", echo, methods=["POST"])])))

    reply = await request(Own(), "POST", body=b'{"a":1}')
    assert reply.body == (await request(application(), "POST", body=b'{"a":1}')).body


async def test_an_engine_writes_dates():
    async def today(request):
        return JSONResponse({"on": datetime.date(2027, 1, 1)})

    app = App(routes=[Route("/", today)], json=orjson_codec())
    assert (await request(app, "GET")).text == '{"on":"2027-01-01"}'


def test_a_value_that_is_not_a_codec_is_refused_when_the_application_is_made():
    for wrong in (json, object(), "orjson"):
        with pytest.raises(TypeError, match=r"json( takes|: dumps must return bytes)"):
            App(json=wrong)
    assert App().json is None


async def test_code_that_runs_with_the_scope_later_reads_as_before():
    scopes = []

    def keep(app):
        async def kept(scope, receive, send):
            scopes.append(scope)
            await app(scope, receive, send)

        return kept

    inner = application("a")
    await request(keep(inner), "POST", body=[b"1"])
    assert "asgi_requests.json" not in scopes[0]
