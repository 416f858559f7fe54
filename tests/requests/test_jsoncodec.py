"""The codec of an application: one engine for all JSON that is read and written, with the words of the standard one."""

from __future__ import annotations

import asyncio
import datetime
import json
import math

import anyio.to_thread
import pytest
from tests.raw_asgi import body_messages, http_scope

from asgi_requests import _json
from asgi_requests.endpoints import WebSocketEndpoint
from asgi_requests.jsoncodec import check_codec, msgspec_codec, orjson_codec, pydantic_codec, serve_with_codec
from asgi_requests.jsonlines import InvalidJSONLine, JSONLinesResponse
from asgi_requests.requests import InvalidJSON, Request
from asgi_requests.responses import JSONResponse
from asgi_requests.sse import EventSourceResponse, ServerSentEvent
from asgi_requests.websockets import InvalidFrame, WebSocket

try:
    import orjson
except ImportError:  # there are none for the newest Pythons
    orjson = None

ENGINES = {"msgspec": msgspec_codec, "pydantic": pydantic_codec} | ({"orjson": orjson_codec} if orjson else {})
NEW_YEAR = datetime.date(2027, 1, 1)


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def engine(request):
    return request.param()


class Tagging:
    """A codec whose work is seen on both sides."""

    def __init__(self, name="tagged"):
        self.name = name

    def dumps(self, content):
        return json.dumps({self.name: content}).encode()

    def loads(self, text):
        return self.name, json.loads(text)


class Sent(list):
    async def __call__(self, message):
        self.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self)


def receiving(*chunks):
    messages = iter(body_messages(chunks))

    async def receive():
        return next(messages)

    return receive


async def never():
    await anyio.sleep_forever()


async def within(codec, call, scope=None, receive=never):
    """Return the messages that `call(scope, receive, send)` sends, and its result."""
    sent, returned = Sent(), []

    async def app(scope, receive, send):
        returned.append(await call(scope, receive, send))

    await serve_with_codec(codec, app, scope or http_scope("GET"), receive, sent)
    return sent, returned[0]


# Engines


def test_an_engine_writes_what_the_standard_library_does_not(engine):
    assert json.loads(engine.dumps({"on": NEW_YEAR})) == {"on": "2027-01-01"}


@pytest.mark.parametrize("content", [{1: 2}, 2**70, "\ud800", {"é": [None, 1.5, True]}], ids=repr)
def test_an_engine_writes_what_the_standard_library_does(engine, content):
    assert json.loads(engine.dumps(content)) == json.loads(json.dumps(content))


def test_an_engine_names_what_nothing_can_write(engine):
    with pytest.raises((TypeError, ValueError), match="object|serializable"):
        engine.dumps(object())
    cycle: list = []
    cycle.append(cycle)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        engine.dumps(cycle)


def test_an_engine_writes_no_number_that_json_does_not_have(engine):
    assert engine.dumps([math.nan, math.inf]) == b"[null,null]"


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, 2.5, "é"]}', "1" * 30, "1" * 400, '"\\ud800"', "\ufeff1", "1e22", "18446744073709551616"],
    ids=lambda text: ascii(text)[:12],
)
@pytest.mark.parametrize("as_bytes", [True, False])
def test_an_engine_reads_what_the_standard_library_reads(engine, text, as_bytes):
    given = text.encode() if as_bytes else text
    read, standard = engine.loads(given), _json.load_json(given)
    assert read == standard
    assert type(read) is type(standard)


def test_an_engine_reads_a_surrogate_that_stands_alone(engine):
    assert engine.loads('["\ud800", 1]') == ["\ud800", 1]


def test_an_engine_reads_utf_16(engine):
    assert engine.loads('["é"]'.encode("utf-16")) == ["é"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "NaN", "[Infinity]", '{"a":1}}', "[" * 5000, "1" * 5000, "9" * 400 + ".0"),
        *("1e400", "-1e999", "1E400", "[2.5e+309]", '{"a":1E+0400}'),
    ],
    ids=lambda text: ascii(text)[:16],
)
def test_an_engine_refuses_with_the_words_of_the_standard_library(engine, text):
    with pytest.raises(InvalidJSON) as standard:
        _json.load_json(text)
    for given in (text, text.encode()):
        with pytest.raises(InvalidJSON) as caught:
            engine.loads(given)
        assert caught.value.detail == standard.value.detail


@pytest.mark.skipif(orjson is None, reason="orjson is not installed")
def test_options_reach_orjson():
    assert orjson_codec(option=orjson.OPT_INDENT_2).dumps({"a": 1}) == b'{\n  "a": 1\n}'
    assert orjson_codec(default=repr).dumps(1j) == b'"1j"'


def test_options_reach_the_engines():
    assert msgspec_codec(enc_hook=repr).dumps(1j) == b'"1j"'
    assert pydantic_codec(fallback=repr).dumps(1j) == b'"1j"'


# What is a codec


@pytest.mark.skipif(orjson is None, reason="orjson is not installed")
def test_a_module_may_be_a_codec():
    assert check_codec(orjson) is orjson


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        (json, "dumps must return bytes, and that of <module 'json'.* returns str"),
        (object(), r"an object with dumps\(content\) -> bytes and loads\(text\), not <object"),
        (json.dumps, "not <function dumps"),
        (orjson_codec, "not <function orjson_codec"),
    ],
)
def test_something_else_is_not_a_codec(codec, message):
    with pytest.raises(TypeError, match=message):
        check_codec(codec)


# All that reads and writes


async def test_a_response_is_written_by_the_codec_when_it_is_made():
    async def app(scope, receive, send):
        response = JSONResponse([1])
        assert response.body == b'{"tagged": [1]}'
        assert response.headers["content-length"] == "15"
        await response(scope, receive, send)

    sent, _ = await within(Tagging(), app)
    assert sent.body == b'{"tagged": [1]}'
    assert JSONResponse([1]).body == b"[1]"


async def test_a_class_with_its_own_encoder_keeps_it():
    class Own(JSONResponse):
        def render(self, content):
            return b"own"

    class More(JSONResponse):
        def render(self, content):
            return b"more: " + super().render(content)

    async def app(scope, receive, send):
        return Own(1).body, More(1).body

    assert (await within(Tagging(), app))[1] == (b"own", b'more: {"tagged": 1}')


async def test_a_codec_holds_in_worker_threads_and_in_tasks():
    async def app(scope, receive, send):
        made = [await anyio.to_thread.run_sync(lambda: JSONResponse(1).body)]

        async def make():
            made.append(JSONResponse(2).body)

        async with anyio.create_task_group() as group:
            group.start_soon(make)
        return made

    assert (await within(Tagging(), app))[1] == [b'{"tagged": 1}', b'{"tagged": 2}']


async def test_events_and_lines_are_written_by_the_codec():
    async def app(scope, receive, send):
        events = [ServerSentEvent([1]), [2], "text"]
        await EventSourceResponse(events, heartbeat=None)(scope, receive, send)
        await JSONLinesResponse([[3], [4]])(scope, receive, send)
        return ServerSentEvent([5]).encode()

    sent, encoded = await within(Tagging(), app)
    assert sent.body == (
        b'data: {"tagged": [1]}\n\ndata: {"tagged": [2]}\n\ndata: text\n\n{"tagged": [3]}\n{"tagged": [4]}\n'
    )
    assert encoded == b'data: {"tagged": [5]}\n\n'


async def test_bodies_and_lines_are_read_by_the_codec():
    async def body(scope, receive, send):
        return await Request(scope, receive).json()

    async def lines(scope, receive, send):
        return [value async for value in Request(scope, receive).json_lines()]

    assert (await within(Tagging(), body, receive=receiving(b"[", b"1]")))[1] == ("tagged", [1])
    assert (await within(Tagging(), lines, receive=receiving(b"1\n2")))[1] == [("tagged", 1), ("tagged", 2)]


async def test_what_one_codec_has_read_is_not_the_value_of_another():
    scope, receive = http_scope("POST"), receiving(b"[1]")
    values = [await Request(scope, receive).json()]

    async def app(scope, receive, send):
        request = Request(scope, receive)
        return await request.json(), await request.json(), await Request(scope, receive).json()

    values += (await within(Tagging(), app, scope, receive))[1]
    values.append(await Request(scope, receive).json())
    assert values == [[1], *[("tagged", [1])] * 3, [1]]


async def test_a_body_of_its_own_is_read_by_the_codec():
    async def app(scope, receive, send):
        request = Request(scope, receive)
        request._body = b"[2]"
        return await request.json()

    assert (await within(Tagging(), app, receive=receiving(b"[1]")))[1] == ("tagged", [2])


async def test_a_websocket_reads_and_writes_with_the_codec():
    messages = iter(
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "[1]"},
            {"type": "websocket.receive", "bytes": b"[2]"},
            {"type": "websocket.receive", "text": "{"},
        ]
    )

    async def receive():
        return next(messages)

    async def app(scope, receive, send):
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        received = [await websocket.receive_json(), await websocket.receive_json(mode="binary")]
        await websocket.send_json("é")
        await websocket.send_json(2, mode="binary")
        with pytest.raises(InvalidFrame):
            await websocket.receive_json()
        return received

    scope = {"type": "websocket", "path": "/", "headers": []}
    sent, received = await within(Tagging(), app, scope, receive)
    assert received == [("tagged", [1]), ("tagged", [2])]
    assert sent[1] == {"type": "websocket.send", "text": '{"tagged": "\\u00e9"}'}
    assert sent[2] == {"type": "websocket.send", "bytes": b'{"tagged": 2}'}


# Mistakes of clients


class Raising:
    def __init__(self, exc):
        self.exc = exc

    def dumps(self, content):
        return b"null"

    def loads(self, text):
        raise self.exc


@pytest.mark.parametrize(
    ("exc", "detail"),
    [
        (json.JSONDecodeError("Odd", "doc", 2), "Odd: line 1 column 3"),
        (ValueError("no JSON" + "!" * 300), "no JSON" + "!" * 193 + ": line 1 column 1"),
        (RecursionError(), "Nested too deep: line 1 column 1"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "Not utf-8: line 1 column 1"),
        (InvalidJSON("Refused", "doc", 0), "Refused: line 1 column 1"),
    ],
)
async def test_what_a_codec_cannot_read_is_a_400(exc, detail):
    async def app(scope, receive, send):
        with pytest.raises(InvalidJSON) as caught:
            await Request(scope, receive).json()
        assert isinstance(caught.value, json.JSONDecodeError)
        return caught.value.status_code, caught.value.detail

    returned = (await within(Raising(exc), app, receive=receiving(b"\xff[1]")))[1]
    assert returned == (400, "Invalid JSON: " + detail)


async def test_a_fault_of_a_codec_is_not_a_mistake_of_the_client():
    async def app(scope, receive, send):
        with pytest.raises(KeyError):
            await Request(scope, receive).json()

    await within(Raising(KeyError("fault")), app, receive=receiving(b"1"))


async def test_a_line_that_an_engine_cannot_read_is_named(engine):
    async def app(scope, receive, send):
        with pytest.raises(InvalidJSONLine, match="line 2") as caught:
            [value async for value in Request(scope, receive).json_lines()]
        return caught.value.status_code

    assert (await within(engine, app, receive=receiving(b"1\n{\n")))[1] == 400


# Several applications


async def test_an_inner_codec_ends_with_its_application_and_none_takes_the_outer_one():
    made = []
    inner, outer = Tagging("inner"), Tagging("outer")

    async def make(scope, receive, send):
        made.append((JSONResponse(1).body, await written(scope)))

    async def written(scope):
        return _json.dump_json_of(scope, 1)

    async def app(scope, receive, send):
        await make(scope, receive, send)
        await serve_with_codec(inner, make, scope, receive, send)
        await serve_with_codec(None, make, scope, receive, send)
        await serve_with_codec(None, make, http_scope("GET"), receive, send)
        await make(scope, receive, send)

    scope = http_scope("GET")
    await serve_with_codec(outer, app, scope, never, Sent())
    of_outer, of_inner = (b'{"outer": 1}',) * 2, (b'{"inner": 1}',) * 2
    assert made == [of_outer, of_inner, of_outer, (b"1", b"1"), of_outer]
    assert _json.CODEC_KEY not in scope


async def test_requests_at_once_keep_their_codecs():
    async def app(scope, receive, send):
        bodies = []
        for _ in range(5):
            await anyio.sleep(0)
            bodies.append(JSONResponse(1).body)
        return bodies

    results = {}

    async def serve(name):
        results[name] = (await within(name and Tagging(name), app))[1]

    async with anyio.create_task_group() as group:
        for name in ("a", "b", None):
            group.start_soon(serve, name)
    assert results == {"a": [b'{"a": 1}'] * 5, "b": [b'{"b": 1}'] * 5, None: [b"1"] * 5}


async def test_a_failure_ends_the_codec_too():
    async def app(scope, receive, send):
        raise LookupError

    scope = http_scope("GET")
    with pytest.raises(LookupError):
        await serve_with_codec(Tagging(), app, scope, never, Sent())
    assert _json.CODEC_KEY not in scope
    assert JSONResponse(1).body == b"1"


def test_a_thread_without_the_context_writes_as_the_standard_library_does():
    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: JSONResponse(1).body)

    assert asyncio.run(within(Tagging(), app))[1] == b"1"


async def test_a_websocket_endpoint_reads_with_the_codec():
    received = []

    class Endpoint(WebSocketEndpoint):
        encoding = "json"

        async def on_receive(self, websocket, data):
            received.append(data)

    messages = iter(
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "[1]"},
            {"type": "websocket.disconnect", "code": 1000},
        ]
    )

    async def receive():
        return next(messages)

    await within(Tagging(), Endpoint, {"type": "websocket", "path": "/", "headers": []}, receive)
    assert received == [("tagged", [1])]
