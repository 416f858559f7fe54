"""The body of a request: read once, by whom it may, as bytes, stream, JSON or form."""

from __future__ import annotations

import json
import pickle

import anyio
import anyio.lowlevel
import pytest

from asgi_requests.exceptions import ClientDisconnect, HTTPException
from asgi_requests.forms import FormTooLarge
from asgi_requests.multidict import FormData
from asgi_requests.requests import InvalidJSON, Request
from raw_asgi import body_messages, garbage_of, http_scope, run

DISCONNECT = {"type": "http.disconnect"}
FORM = [(b"content-type", b"Application/X-WWW-Form-Urlencoded ; charset=utf-8")]
MULTIPART = [(b"content-type", b"multipart/form-data; boundary=x")]
UPLOAD = b'--x\r\ncontent-disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'


class Client:
    """A receive that gives messages, counts its calls, never two at once, then waits as a quiet client does."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.calls = 0
        self.pending = False
        self.gate = anyio.Event()

    async def __call__(self):
        assert not self.pending, "receive was called while an earlier call was pending"
        self.calls += 1
        self.pending = True
        try:
            while not self.messages:
                self.gate = anyio.Event()
                await self.gate.wait()
            return self.messages.pop(0)
        finally:
            self.pending = False

    def say(self, *messages):
        self.messages += messages
        self.gate.set()


def chunks(*parts):
    return Client(*body_messages(parts))


def part(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


async def test_nothing_is_received_until_the_body_is_read():
    client = chunks(b"x")
    request = Request(http_scope(), client)
    assert (request.method, request.url.path, request.cookies) == ("GET", "/", {})
    await request.close()
    assert client.calls == 0
    assert "asgi_requests.body" not in request.scope
    await request.body()
    await request.body()
    assert client.calls == 1


@pytest.mark.parametrize("parts", [(b"",), (b"abc",), (b"a", b"", b"bc"), (b"", b"abc", b"")])
async def test_the_body_is_every_chunk(parts):
    request = Request(http_scope(), chunks(*parts))
    assert await request.body() == b"".join(parts)
    assert [chunk async for chunk in request.stream()] == [b"".join(parts), b""]


async def test_missing_keys_and_unknown_messages_are_borne():
    client = Client(
        {"type": "http.request", "more_body": True}, {"type": "x.y"}, {"type": "http.request", "body": b"a"}
    )
    assert await Request(http_scope(), client).body() == b"a"
    client = Client({"type": "x.y", "more_body": True}, {"type": "http.request"})
    assert [chunk async for chunk in Request(http_scope(), client).stream()] == [b""]
    assert await Request(http_scope(), Client({"type": "http.request"})).body() == b""


async def test_a_stream_is_every_chunk_and_an_empty_one():
    request = Request(http_scope(), chunks(b"a", b"", b"b"))
    assert [chunk async for chunk in request.stream()] == [b"a", b"b", b""]


@pytest.mark.parametrize("again", ["stream", "body", "json", "form", "replay"])
async def test_a_stream_is_consumed_once(again):
    request = Request(http_scope(headers=FORM), chunks(b"a", b"b"))
    assert not request._stream_consumed
    assert [chunk async for chunk in request.stream()] == [b"a", b"b", b""]
    assert request._stream_consumed
    with pytest.raises(RuntimeError, match="^Stream consumed$"):
        await read(request, again)


@pytest.mark.parametrize(
    ("how", "empty"), [("stream", [b""]), ("body", b""), ("json", InvalidJSON), ("form", FormData()), ("replay", b"")]
)
@pytest.mark.parametrize("first", ["stream", "form"])
async def test_a_body_that_another_request_has_streamed_is_empty(first, how, empty):
    outer = Request(http_scope(headers=FORM), chunks(b"a=1"))
    await read(outer, first)
    inner = Request(outer.scope, outer._receive)
    if empty is InvalidJSON:
        with pytest.raises(InvalidJSON):
            await inner.json()
    elif how == "replay":
        assert (await (await inner.replay())())["body"] == empty
    elif first == how == "form":
        assert await inner.form() is await outer.form()
    else:
        assert await read(inner, how) == empty
    if how == "stream":
        with pytest.raises(RuntimeError, match="^Stream consumed$"):
            await inner.body()


@pytest.mark.parametrize("again", ["stream", "body", "json", "form", "replay"])
async def test_a_stream_begun_elsewhere_is_a_clear_error(again):
    request = Request(http_scope(headers=FORM), chunks(b"a", b"b", b"c"))
    stream = request.stream()
    assert await anext(stream) == b"a"
    with pytest.raises(RuntimeError, match="Stream consumed in part"):
        await read(Request(dict(request.scope), request.receive), again)
    assert [chunk async for chunk in stream] == [b"b", b"c", b""]


async def test_ones_own_stream_goes_on_where_it_was_left():
    request = Request(http_scope(headers=FORM), chunks(b"a", b"b", b"c", b"d"))
    stream = request.stream()
    assert await anext(stream) == b"a"
    await stream.aclose()
    with pytest.raises(RuntimeError, match="Stream consumed in part"):
        await request.form()
    again = request.stream()
    assert await anext(again) == b"b"
    await again.aclose()
    assert await request.body() == b"cd"
    assert await request.body() == b"cd"


async def read(request, how):
    if how == "stream":
        return [chunk async for chunk in request.stream()]
    return await getattr(request, how)()


@pytest.mark.parametrize("how", ["body", "stream", "json", "form", "replay"])
async def test_a_client_that_leaves_is_reported(how):
    request = Request(http_scope(headers=FORM), Client(part(b"a"), DISCONNECT))
    with pytest.raises(ClientDisconnect):
        await read(request, how)
    assert await request.is_disconnected()


# One body, many readers


async def test_what_was_read_is_shared_by_every_request_over_the_scope():
    client = chunks(b'{"a"', b": 1}")
    scope = http_scope()
    first = Request(scope, client)
    value = await first.json()
    for later in (Request(scope, client), Request(dict(scope), client), Request({**scope, "path": "/x"}, client)):
        assert await later.body() == b'{"a": 1}'
        assert await later.json() is value
        assert [chunk async for chunk in later.stream()] == [b'{"a": 1}', b""]
    assert client.calls == 2


async def test_a_receive_that_cuts_what_another_request_gives_is_read_to_its_end():
    outer = Request(http_scope(), chunks(b"abcd"))
    halves = []

    async def receive():
        if not halves:
            body = (await outer.receive())["body"]
            halves.extend([part(body[2:], more=False), part(body[:2])])
        return halves.pop()

    assert await Request(outer.scope, receive).body() == b"abcd"


async def test_a_form_is_shared_too():
    client = chunks(b"a=1", b"&b=2")
    scope = http_scope(headers=FORM)
    form = await Request(scope, client).form()
    assert form.multi_items() == [("a", "1"), ("b", "2")]
    other = Request(dict(scope), client)
    assert await other.form() is form
    with pytest.raises(RuntimeError, match="^Stream consumed$"):
        await other.body()


async def test_a_middleware_that_read_the_body_does_not_starve_the_endpoint():
    async def endpoint(scope, receive, send):
        body = await Request(scope, receive).body()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def middleware(scope, receive, send):
        assert await Request(scope, receive).body() == b"abc"
        await endpoint(dict(scope), receive, send)

    reply = await run(middleware, http_scope("POST"), body_messages([b"a", b"bc"]))
    assert reply.body == b"abc"


async def test_tasks_that_read_together_read_the_same():
    client = Client()
    scope = http_scope(headers=FORM)
    bodies = []

    async def reader(how):
        bodies.append(await read(Request(scope, client), how))

    async with anyio.create_task_group() as tasks:
        for how in ("body", "body", "stream", "form"):
            tasks.start_soon(reader, how)
            await anyio.wait_all_tasks_blocked()
        assert not await Request(scope, client).is_disconnected()
        client.say(part(b"a=1", more=False))
    assert sorted(map(str, bodies)) == sorted(map(str, [b"a=1", b"a=1", [b"a=1", b""], await Request(scope).form()]))
    assert client.calls == 1


WAYS = ["body", "json", "form", "stream", "replay", "receive"]


async def turns():
    """Let everything that can run do so."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("same", [True, False], ids=["one request", "two requests"])
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_readers_at_once_wait_for_each_other_or_fail(first, second, same):
    client = Client()
    request = Request(http_scope(headers=FORM), client)
    outcomes = []

    async def reader(request, how):
        try:
            if how == "receive":
                outcomes.append((await request.receive())["type"])
            elif how == "replay":
                outcomes.append((await (await request.replay())())["body"])
            else:
                outcomes.append(await read(request, how))
        except RuntimeError as exc:
            outcomes.append(str(exc).partition(" in part")[0])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader, request, first)
        await turns()
        tasks.start_soon(reader, request if same else Request(request.scope, client), second)
        for piece in (b"[1,", b" 23", b"]"):
            await turns()
            client.say(part(piece, more=piece != b"]"))
        await turns()
        client.say(DISCONNECT)
    whole = (b"[1, 23]", [1, 23], [b"[1, 23]", b""], [b"[1,", b" 23", b"]", b""])
    for outcome in outcomes:
        if isinstance(outcome, FormData):
            assert outcome["[1, 23]"] == ""
        else:
            assert outcome in (*whole, "Stream consumed", "http.request", "http.disconnect")
    assert len(outcomes) == 2
    assert outcomes != ["Stream consumed"] * 2


async def test_a_stream_in_one_task_is_not_read_on_in_another():
    client = chunks(b"a", b"b", b"c")
    request = Request(http_scope(), client)
    stream = request.stream()
    assert await anext(stream) == b"a"
    failures = []

    async def read_on():
        with pytest.raises(RuntimeError, match="another task"):
            await request.body()
        failures.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_on)
    assert failures == [True]
    assert [chunk async for chunk in stream] == [b"b", b"c", b""]


async def test_whatever_receives_beside_a_stream_waits_for_its_end():
    client = chunks(b"a", b"b")
    request = Request(http_scope(), client)
    heard = []

    async def listen():
        heard.append(await request.receive())

    async with anyio.create_task_group() as tasks:
        stream = request.stream()
        assert await anext(stream) == b"a"
        tasks.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        assert [chunk async for chunk in stream] == [b"b", b""]
        client.say(DISCONNECT)
    assert heard == [DISCONNECT]


async def test_a_loop_over_the_stream_may_take_the_rest_at_once():
    request = Request(http_scope(), chunks(b"head", b"a", b"b"))
    pieces = []
    async for chunk in request.stream():
        pieces.append(chunk)
        if chunk == b"head":
            pieces.append(await request.body())
    assert pieces == [b"head", b"ab", b""]


async def test_a_cancelled_read_loses_nothing():
    client = Client(part(b"a"), part(b"b"))
    scope = http_scope()
    request = Request(scope, client)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(request.body)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    client.say(part(b"c", more=False))
    assert await Request(dict(scope), client).body() == b"abc"


async def test_a_request_class_that_reads_in_its_own_way_is_asked_in_its_own_way():
    class Upper(Request):
        async def stream(self):
            async for chunk in super().stream():
                yield chunk.upper()

    class Unpacked(Request):
        async def body(self):
            if not hasattr(self, "_body"):
                self._body = (await super().body()).replace(b"x", b"")
            return self._body

    assert await Upper(http_scope(), chunks(b"a", b"b")).body() == b"AB"
    assert (await Upper(http_scope(headers=FORM), chunks(b"a=b")).form())["A"] == "B"
    unpacked = Unpacked(http_scope(headers=FORM), chunks(b"x1x"))
    assert await unpacked.json() == 1
    assert (await unpacked.form()).multi_items() == [("1", "")]
    with pytest.raises(InvalidJSON):
        await Request(unpacked.scope).json()


# JSON


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, "\xc3\xa9"]}', {"a": [1, 2.5, None, "é"]}),
        (b" \n1\n", 1),
        (b'"x"', "x"),
        ('\ufeff{"a": 1}'.encode(), {"a": 1}),
        ('{"é": 1}'.encode("utf-16"), {"é": 1}),
        ("[1]".encode("utf-32-le"), [1]),
        (b"null", None),
    ],
)
async def test_json_is_read_in_every_encoding_json_may_have(body, value):
    request = Request(http_scope(), chunks(body))
    assert await request.json() == value
    assert await request.json() is await request.json()


UNREADABLE = [b"", b"{", b"{} {}", b"nul", b'"\xff"', b'{"a": \xe9}', b"[" * 100_000, b"1" * 5000, b"\xff\xfe\x00\xd8"]


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: repr(body[:8]))
async def test_unreadable_json_is_a_decode_error_and_a_client_error(body):
    request = Request(http_scope(), chunks(body))
    with pytest.raises(json.JSONDecodeError) as caught:
        await request.json()
    error = caught.value
    assert isinstance(error, InvalidJSON)
    assert isinstance(error, HTTPException)
    assert error.status_code == 400
    assert str(error) == f"{error.msg}: line {error.lineno} column {error.colno} (char {error.pos})"
    reply = await run(error, request.scope)
    assert reply.status == 400
    assert reply.text.startswith("Invalid JSON: ")


async def test_what_json_raises_is_what_the_standard_library_would_say():
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(b'{"a": }')
    with pytest.raises(InvalidJSON) as caught:
        await Request(http_scope(), chunks(b'{"a": }')).json()
    for name in ("msg", "doc", "pos", "lineno", "colno", "args"):
        assert getattr(caught.value, name) == getattr(expected.value, name)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.detail, copied.pos, str(copied)) == (caught.value.detail, 6, str(expected.value))


# Forms


async def test_a_form_is_awaited_or_entered():
    async with Request(http_scope(headers=FORM), chunks(b"a=1&a=2")).form() as form:
        assert form.getlist("a") == ["1", "2"]
    request = Request(http_scope(headers=FORM), chunks(b"a=1"))
    assert await request.form() is await request.form()


@pytest.mark.parametrize("headers", [[], [(b"content-type", b"text/plain")]])
async def test_a_body_that_is_not_a_form_is_an_empty_one_and_stays_to_be_read(headers):
    request = Request(http_scope(headers=headers), chunks(b"x"))
    assert (await request.form()).multi_items() == []
    assert await request.body() == b"x"


async def test_a_form_read_from_a_body_leaves_the_body():
    request = Request(http_scope(headers=FORM), chunks(b"a=1"))
    assert await request.body() == b"a=1"
    assert (await request.form())["a"] == "1"
    assert await Request(request.scope).body() == b"a=1"


@pytest.mark.parametrize(("headers", "limit"), [(FORM, {"max_fields": 1}), (FORM, {"max_part_size": 1})])
async def test_a_form_beyond_a_limit_is_a_client_error(headers, limit):
    request = Request(http_scope(headers=headers), chunks(b"abc=1&bcd=2"))
    with pytest.raises(FormTooLarge) as caught:
        await request.form(**limit)
    assert caught.value.status_code == 413
    for again in (request, Request(request.scope, request._receive)):
        with pytest.raises(RuntimeError, match="Stream consumed"):
            await again.form()


async def test_files_are_closed_with_the_request_or_the_block():
    pytest.importorskip("python_multipart")
    request = Request(http_scope(headers=MULTIPART), chunks(UPLOAD))
    upload = (await request.form())["f"]
    assert await upload.read() == b"hello"
    await request.close()
    assert upload.file.closed
    async with Request(http_scope(headers=MULTIPART), chunks(UPLOAD[:50], UPLOAD[50:])).form(max_files=1) as form:
        assert not form["f"].file.closed
    assert form["f"].file.closed


async def test_a_form_closed_by_a_middleware_is_parsed_again_from_a_body_in_memory():
    pytest.importorskip("python_multipart")
    scope, client = http_scope(headers=MULTIPART), chunks(UPLOAD)
    outer = Request(scope, client)
    await outer.body()
    async with outer.form() as form:
        assert await form["f"].read() == b"hello"
    async with Request(dict(scope), client).form() as again:
        assert await again["f"].read() == b"hello"


async def _read_as_stream(request):
    async for _ in request.stream():
        pass


async def _read_as_parts(request):
    async for part in request.parts():
        await part.read()


async def _read_as_form(request):
    async with request.form():
        pass


@pytest.mark.parametrize(
    ("headers", "body", "read"),
    [
        (FORM, b"a=1", _read_as_form),
        (MULTIPART, UPLOAD, _read_as_form),
        (MULTIPART, UPLOAD, _read_as_parts),
        (MULTIPART, UPLOAD, _read_as_stream),
        (MULTIPART, UPLOAD, Request.body),
    ],
    ids=["fields", "files", "parts", "stream", "body"],
)
async def test_a_body_that_is_read_leaves_no_cycle(headers, body, read):
    async def call():
        await read(Request(http_scope("POST", headers=headers), chunks(body)))

    assert await garbage_of(call) == 0


async def test_a_body_stays_taken_when_its_reader_is_gone():
    scope, client = http_scope("POST", headers=FORM), chunks(b"a=", b"1")
    await _read_as_stream(Request(scope, client))
    assert await Request(scope, client).body() == b""

    scope, client = http_scope("POST", headers=FORM), chunks(b"a=", b"1")
    request = Request(scope, client)
    async for _ in (stream := request.stream()):
        break
    await stream.aclose()
    del request, stream
    with pytest.raises(RuntimeError, match="Stream consumed in part"):
        await Request(scope, client).body()
