"""JSON Lines, sent and read: lines whole and in order, within limits, wherever the chunks end."""

from __future__ import annotations

import pickle

import anyio
import pytest

from asgi_requests.adapters import request_response
from asgi_requests.exceptions import ClientDisconnect, HTTPException
from asgi_requests.jsonlines import InvalidJSONLine, JSONLinesResponse
from asgi_requests.requests import Request
from asgi_requests.responses import JSONResponse
from raw_asgi import body_messages, http_scope, request


async def test_values_are_sent_each_on_its_line():
    closed = []

    async def values():
        try:
            yield {"a": "é\n"}
            yield "text"
            yield None
            yield b'{"encoded":true}\n'
            yield memoryview(b"[]\n")
        finally:
            closed.append(True)

    reply = await request(JSONLinesResponse(values()))
    assert reply.text == '{"a":"é\\n"}\n"text"\nnull\n{"encoded":true}\n[]\n'
    assert reply.header("content-type") == "application/jsonl"
    assert reply.header("content-length") is None
    assert closed == [True]


async def test_a_list_and_a_generator_that_blocks_are_sent_as_well():
    assert (await request(JSONLinesResponse([1, [2]]))).text == "1\n[2]\n"
    assert (await request(JSONLinesResponse(number for number in range(2)))).text == "0\n1\n"


async def test_an_encoder_that_indents_still_gives_one_line(monkeypatch):
    class Indented(JSONLinesResponse):
        def render(self, content):
            return b'[\n"a\\n",\r\n"b"]'

    assert (await request(Indented([1, 2]))).text == '[ "a\\n",  "b"]\n' * 2
    monkeypatch.setattr(JSONResponse, "render", lambda self, content: b"mine")
    assert (await request(JSONLinesResponse([1]))).text == "mine\n"


async def test_a_client_that_leaves_ends_the_stream_and_the_generator_is_closed():
    closed, left = [], anyio.Event()

    async def values():
        try:
            yield 1
            left.set()
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    await JSONLinesResponse(values())(http_scope(), receive, send)
    assert closed == [True]


async def test_what_json_cannot_hold_ends_the_stream_after_a_whole_line():
    sent = []

    async def receive():
        await anyio.sleep_forever()

    async def send(message):
        sent.append(message.get("body", b""))

    with pytest.raises(TypeError, match="object"):
        await JSONLinesResponse([1, object()])(http_scope(), receive, send)
    assert b"".join(sent) == b"1\n"


def reader(messages, **scope):
    script = iter(messages)

    async def receive():
        return next(script, {"type": "http.disconnect"})

    return Request(http_scope("POST", **scope), receive)


async def read(body, **options):
    return [value async for value in reader(body_messages(body)).json_lines(**options)]


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b'{"a":1}\n[2]\n"\xc3\xa9"\n', [{"a": 1}, [2], "é"]),
        (b"1\n2", [1, 2]),
        (b"1\r\n2\r\n", [1, 2]),
        (b"1\r", [1]),
        (b"\xef\xbb\xbf1\n2\n", [1, 2]),
        (b"\xef\xbb\xbf\n1\n", [1]),
        (b"\n\n1\n \t\r\n\n2\n\n", [1, 2]),
        (b"null\nfalse\n0\n", [None, False, 0]),
        ('"a\u2028b\x85"\n'.encode(), ["a\u2028b\x85"]),
        (b"", []),
        (b"\n", []),
    ],
)
async def test_lines_are_read_wherever_the_chunks_end(body, values):
    assert await read(body) == values
    assert await read([body[i : i + 1] for i in range(len(body))]) == values
    for cut in range(len(body)):
        assert await read([body[:cut], b"", body[cut:]]) == values


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"1\n{\n", "Invalid JSON: Expecting property name enclosed in double quotes: line 2 column 2"),
        (b"1\n\n[1,]", "line 3"),
        (b"1 2\n", "Extra data: line 1 column 3"),
        (b"NaN\n", "NaN is not a JSON number: line 1"),
        (b'1\n"\xff"\n', "Not utf-8: line 2"),
        ("1\n".encode("utf-16"), "Not utf-8: line 1"),
        ("[]\n".encode("utf-16-le"), "line 1"),
        (b"1\n" + b"[" * 100_000, "Nested too deep: line 2"),
    ],
)
async def test_a_bad_line_is_answered_with_400_and_its_number(body, said):
    async def endpoint(request):
        return JSONResponse([value async for value in request.json_lines()])

    reply = await request(request_response(endpoint), "POST", body=body)
    assert reply.status == 400
    assert said in reply.text


async def test_the_lines_before_a_bad_one_are_read():
    lines = reader(body_messages(b"1\n2\nx\n3\n")).json_lines()
    assert [await lines.__anext__(), await lines.__anext__()] == [1, 2]
    with pytest.raises(InvalidJSONLine) as caught:
        await lines.__anext__()
    assert (caught.value.lineno, caught.value.colno, caught.value.doc, caught.value.status_code) == (3, 1, "x", 400)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.lineno) == (str(caught.value), 3)


@pytest.mark.parametrize(
    "body", [b'1\n"678"\n"6789"\n', [b'1\n"678"\r\n"6789', b'"\n'], [b'1\n"678"\r', b'\n"', b"67890"]]
)
async def test_a_line_that_is_too_long_is_answered_with_413(body):
    lines = reader(body_messages(body)).json_lines(max_line=5)
    assert [await lines.__anext__(), await lines.__anext__()] == [1, "678"]
    with pytest.raises(HTTPException) as caught:
        await lines.__anext__()
    assert (caught.value.status_code, caught.value.detail) == (413, "Line 3 is longer than 5 bytes")


async def test_a_line_that_never_ends_is_refused_before_its_end():
    taken = []

    async def receive():
        taken.append(True)
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    with pytest.raises(HTTPException) as caught:
        await Request(http_scope("POST"), receive).json_lines(max_line=2500).__anext__()
    assert (caught.value.status_code, len(taken)) == (413, 3)


async def test_a_line_is_there_before_the_next_one_has_come():
    taken = []

    async def receive():
        taken.append(True)
        return {"type": "http.request", "body": b"1\n2\n", "more_body": True}

    lines = Request(http_scope("POST"), receive).json_lines()
    assert [await lines.__anext__(), await lines.__anext__(), len(taken)] == [1, 2, 1]
    await lines.aclose()


async def test_a_client_that_leaves_is_a_disconnect():
    lines = reader([{"type": "http.request", "body": b"1\n2", "more_body": True}]).json_lines()
    assert await lines.__anext__() == 1
    with pytest.raises(ClientDisconnect):
        await lines.__anext__()


async def test_a_body_that_was_read_is_read_again_as_lines():
    request = reader(body_messages([b"1\n", b"2\n"]))
    assert await request.body() == b"1\n2\n"
    assert [value async for value in request.json_lines()] == [1, 2]


async def test_a_body_is_streamed_once():
    request = reader(body_messages(b"1\n"))
    assert [value async for value in request.json_lines()] == [1]
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await request.json_lines().__anext__()
