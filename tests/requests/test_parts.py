from __future__ import annotations

import contextlib
import gc
import sys
import tracemalloc
from itertools import chain, repeat

import anyio
import pytest

from asgi_requests import ClientDisconnect, HTTPException, MultiPartException, Request
from asgi_requests.forms import FormTooLarge
from asgi_requests.headers import Headers
from asgi_requests.parts import Part, PartLimits, PartReader
from raw_asgi import body_messages, http_scope
from raw_asgi import form_body as body_of
from raw_asgi import form_part as part

TYPE = "multipart/form-data; boundary=B"


def cut(body, size):
    return [body[i : i + size] for i in range(0, len(body), size)] or [b""]


class Client:
    """The messages of a body, counted as they are received."""

    def __init__(self, *chunks, then=None):
        self.messages = iter(body_messages(list(chunks)) if then is None else [*more(chunks), then])
        self.received = 0

    async def receive(self):
        self.received += 1
        return next(self.messages)


def more(chunks):
    return [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]


def request_of(client, content_type=TYPE, headers=()):
    raw = [(b"content-type", content_type.encode()), *headers] if content_type else list(headers)
    return Request(http_scope("POST", headers=raw), client.receive)


def parts_of(*chunks, content_type=TYPE, headers=(), **limits):
    return request_of(Client(*chunks), content_type, headers).parts(limits=PartLimits(**limits))


async def read_all(parts):
    return [(part.name, part.filename, await part.read()) async for part in parts]


BODY = body_of(part("a", b"1\r\n--C"), part("f", b"\r\n" * 20, "é.txt", "text/plain"), part("e", b"", ""))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**6])
async def test_parts_come_in_order_however_the_body_is_cut(size):
    assert await read_all(parts_of(*cut(BODY, size))) == [
        ("a", None, b"1\r\n--C"),
        ("f", "é.txt", b"\r\n" * 20),
        ("e", "", b""),
    ]


async def test_a_part_has_its_headers_and_names():
    body = body_of(part("f", b"x", "../../etc/passwd", "text/plain"), part("g", b""))
    parts = parts_of(body)
    file, field = [part async for part in parts]
    assert (file.name, file.filename, file.safe_filename) == ("f", "../../etc/passwd", "passwd")
    assert file.content_type == file.headers["Content-Type"] == "text/plain"
    assert repr(file).startswith("Part(name='f', filename='../../etc/passwd', headers=Headers(")
    assert (field.filename, field.content_type, field.safe_filename) == (None, None, "file")


async def test_a_part_is_iterated_in_the_pieces_that_arrive():
    client = Client(part("f", b"x" * 10, "f")[:-2], b"y" * 10, b"z" * 10 + b"\r\n--B--\r\n")
    async for piece in request_of(client).parts():
        assert [chunk async for chunk in piece] == [b"x" * 10, b"y" * 10, b"z" * 10]


async def test_nothing_is_received_before_it_is_asked_for():
    client = Client(part("f", b"x" * 10, "f")[:-2], b"y" * 10, b"z" * 10 + b"\r\n--B--\r\n")
    parts = request_of(client).parts()
    assert client.received == 0
    file = await anext(parts)
    assert client.received == 1
    assert await anext(file) == b"x" * 10
    assert client.received == 1
    assert await anext(file) == b"y" * 10
    assert client.received == 2
    await parts.aclose()


async def test_a_part_that_is_not_read_is_skipped():
    body = body_of(part("f", b"x" * 1000, "f"), part("a", b"1"), part("g", b"y" * 1000, "g"), part("b", b"2"))
    names = []
    async for piece in parts_of(*cut(body, 100)):
        names.append(piece.name)
        if piece.name == "a":
            assert await piece.text() == "1"
        if piece.name == "g":
            assert (await anext(piece)).startswith(b"y")
    assert names == ["f", "a", "g", "b"]


@pytest.mark.parametrize("size", [5, 10**6])
async def test_a_part_is_read_in_its_turn_or_never(size):
    parts = parts_of(*cut(BODY, size))
    first = await anext(parts)
    await anext(parts)
    for use in (first.read, first.text, first.__anext__):
        with pytest.raises(RuntimeError, match="^The turn of part 'a' is over: read it before the iteration goes on$"):
            await use()
    await parts.aclose()


async def test_a_part_is_over_when_the_iteration_is():
    parts = parts_of(BODY)
    async for piece in parts:
        pass
    with pytest.raises(RuntimeError, match="turn of part 'e' is over"):
        await piece.read()
    with pytest.raises(StopAsyncIteration):
        await anext(parts)


async def test_a_part_is_read_once():
    async for piece in parts_of(BODY):
        await piece.read()
        for use in (piece.read, piece.text):
            with pytest.raises(RuntimeError, match=f"^Part '{piece.name}' has been read$"):
                await use()
        with pytest.raises(StopAsyncIteration):
            await anext(piece)


async def test_what_a_loop_has_left_is_read():
    async for piece in parts_of(*cut(body_of(part("f", b"0123456789", "f")), 70)):
        first = await anext(piece)
        assert first + await piece.read() == b"0123456789"


async def test_text_is_decoded_as_a_form_decodes_it():
    for content_type, raw in [(TYPE, "é".encode()), (TYPE, b"\xe9"), (TYPE + "; charset=latin-1", b"\xe9")]:
        async for piece in parts_of(body_of(part("a", raw)), content_type=content_type):
            assert await piece.text() == "é"


async def test_reading_is_bounded():
    async for piece in parts_of(body_of(part("a", b"x" * 2048))):
        assert await piece.read(2048) == b"x" * 2048
    for use in ("read", "text"):
        async for piece in parts_of(body_of(part("a", b"x" * 2049))):
            with pytest.raises(FormTooLarge, match="^Part exceeded maximum size of 2KB.$"):
                await getattr(piece, use)(2048)
    async for piece in parts_of(body_of(part("a", b"x" * (1024 * 1024 + 1)))):
        with pytest.raises(FormTooLarge, match="^Part exceeded maximum size of 1024KB.$"):
            await piece.read()
    async for piece in parts_of(body_of(part("a", b"x" * (1024 * 1024 + 1)))):
        assert len(await piece.read(None)) == 1024 * 1024 + 1


@pytest.mark.parametrize("size", [1, 50, 10**6])
@pytest.mark.parametrize(
    ("limits", "body", "message", "before"),
    [
        ({"max_parts": 2}, [part("a", b"")] * 3, "Too many parts. Maximum number of parts is 2.", 2),
        (
            {"max_part_size": 1024},
            [part("a", b"x" * 1024), part("b", b"x" * 1025)],
            "Part exceeded maximum size of 1KB.",
            2,
        ),
        ({"max_size": 1024}, [part("a", b"x" * 500), part("b", b"x" * 500)], "Form exceeded maximum size of 1KB.", 2),
    ],
)
async def test_a_form_beyond_a_limit_is_refused_after_the_parts_before(size, limits, body, message, before):
    names = []

    async def iterate():
        async for piece in parts_of(*cut(body_of(*body), size), **limits):
            names.append(piece.name)

    with pytest.raises(FormTooLarge) as caught:
        await iterate()
    assert (caught.value.status_code, caught.value.message) == (413, message)
    assert len(names) == before


async def test_a_body_at_its_limits_is_read():
    body = body_of(part("a", b"x" * 1024), part("b", b""))
    for size in (1, len(body)):
        limits = {"max_parts": 2, "max_part_size": 1024, "max_size": len(body), "max_header_size": 40}
        assert len(await read_all(parts_of(*cut(body, size), **limits))) == 2


async def test_a_body_that_says_it_is_too_large_is_not_received():
    for length in (b"1025", b"10000000000000000"):
        client = Client(BODY)
        parts = request_of(client, headers=[(b"content-length", length)]).parts(limits=PartLimits(max_size=1024))
        with pytest.raises(FormTooLarge, match="^Form exceeded maximum size of 1KB.$"):
            await anext(parts)
        assert client.received == 0
    for length in (b"x", b"9" * 5000, b"10"):
        assert len(await read_all(parts_of(BODY, headers=[(b"content-length", length)], max_size=1024))) == 3


async def test_a_header_has_a_limit():
    parts = parts_of(body_of(part("a" * 100, b"")), max_header_size=50)
    with pytest.raises(MultiPartException, match="^Invalid multipart data.$") as caught:
        await anext(parts)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("multipart/form-data", BODY, "Missing boundary in multipart."),
        ("multipart/form-data; boundary=C", BODY, "Invalid multipart data."),
        ("multipart/form-data; boundary=" + "c" * 300, BODY, "Invalid multipart data."),
        (TYPE, b"hello\r\n", "Invalid multipart data."),
        (TYPE, b"--B\r\nX y: 1\r\n\r\n1\r\n--B--\r\n", "Invalid multipart data."),
        (TYPE, b"--B\r\nX: y\r\n\r\n--B--\r\n", 'The Content-Disposition header field "name" must be provided.'),
        (TYPE, BODY[:40], "Multipart data ended before its closing boundary."),
        (TYPE, BODY[:-8], "Multipart data ended before its closing boundary."),
    ],
)
async def test_what_is_malformed_is_refused_as_by_a_form(size, content_type, body, message):
    parts = parts_of(*cut(body, size), content_type=content_type)
    with pytest.raises(MultiPartException) as caught:
        await read_all(parts)
    assert (caught.value.status_code, caught.value.message) == (400, message)
    with pytest.raises(RuntimeError, match="^The parts have failed before: MultiPartException"):
        await anext(parts)
    with pytest.raises(MultiPartException) as caught:
        await request_of(Client(*cut(body, size)), content_type).form()
    assert (caught.value.status_code, caught.value.message) == (400, message)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/mixed; boundary=B", "", "a/b"]
)
async def test_another_media_type_is_refused(content_type):
    client = Client(BODY)
    with pytest.raises(HTTPException) as caught:
        await anext(request_of(client, content_type).parts())
    assert caught.value.status_code == 415
    assert client.received == 0


async def test_a_body_without_anything_has_no_parts():
    assert await read_all(parts_of(b"")) == await read_all(parts_of(b"", b"")) == []
    assert await read_all(parts_of(b"--B--\r\n", b"epilogue")) == []


async def test_without_the_library_the_error_names_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    with pytest.raises(ImportError, match=r"form parsing needs python-multipart: pip install asgi-requests\[forms\]"):
        await anext(parts_of(BODY))


@pytest.mark.parametrize("kept", [0, 10, 80])
async def test_a_client_that_leaves_ends_the_parts(kept):
    client = Client(BODY[:kept], then={"type": "http.disconnect"})
    request = request_of(client)
    with pytest.raises(ClientDisconnect):
        await read_all(request.parts())
    assert await request.is_disconnected()


async def test_a_part_whose_client_leaves_is_not_read_on():
    parts = request_of(Client(part("f", b"x" * 10, "f")[:-2], then={"type": "http.disconnect"})).parts()
    file = await anext(parts)
    assert await anext(file) == b"x" * 10
    with pytest.raises(ClientDisconnect):
        await anext(file)
    for use in (file, parts):
        with pytest.raises(RuntimeError, match=r"^The parts have failed before: ClientDisconnect\(\)$"):
            await anext(use)


async def test_a_read_that_is_cancelled_is_not_the_end_of_the_body():
    async def receive():
        if messages:
            return messages.pop()
        await anyio.sleep_forever()

    messages = more([part("f", b"x" * 10, "f")[:-2]])
    parts = Request(http_scope("POST", headers=[(b"content-type", TYPE.encode())]), receive).parts()
    file = await anext(parts)
    assert await anext(file) == b"x" * 10
    with anyio.move_on_after(0.01):
        await anext(file)
    for use in (file, parts):
        with pytest.raises(RuntimeError, match="^Stream consumed in part: a read was cancelled$"):
            await anext(use)


async def test_parts_can_be_left_early():
    client = Client(*cut(BODY, 60))
    async with request_of(client).parts() as parts:
        file = await anext(parts)
    received = client.received
    for use in (file.read, parts.__anext__):
        with pytest.raises(RuntimeError, match="^The parts are closed$"):
            await use()
    assert client.received == received


async def test_parts_that_failed_can_be_closed():
    parts = parts_of(b"hello")
    with pytest.raises(MultiPartException):
        await anext(parts)
    await parts.aclose()
    with pytest.raises(RuntimeError, match="failed before"):
        await anext(parts)


async def test_the_stream_is_closed_when_a_body_is_refused():
    closed = []

    async def stream():
        try:
            yield b"hello"
            yield BODY
        finally:
            closed.append(True)

    with pytest.raises(MultiPartException):
        await read_all(PartReader(Headers({"content-type": TYPE}), stream(), PartLimits(max_size=3)))
    assert closed == [True]


# The body of a request, and who has taken it


async def test_a_form_after_its_parts_is_refused():
    request = request_of(Client(*cut(BODY, 50)))
    await read_all(request.parts())
    for use in (request.form, request.body, request.json):
        with pytest.raises(RuntimeError, match="Stream consumed"):
            await use()
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await anext(request.parts())


async def test_a_form_amid_its_parts_is_refused():
    request = request_of(Client(*cut(BODY, 50)))
    parts = request.parts()
    await anext(parts)
    with pytest.raises(RuntimeError, match="Stream consumed in part"):
        await request.form()
    await parts.aclose()


async def test_parts_after_a_form_are_refused():
    request = request_of(Client(BODY))
    await (await request.form()).close()
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await anext(request.parts())


async def test_a_body_that_has_been_read_has_its_parts_again_and_again():
    request = request_of(Client(*cut(BODY, 50)))
    assert await request.body() == BODY
    assert await read_all(request.parts()) == await read_all(request.parts())
    async with request.form() as form:
        assert form["a"] == "1\r\n--C"


async def test_a_stream_that_a_subclass_replaces_is_the_one_that_is_read():
    class Upper(Request):
        async def stream(self):
            async for chunk in super().stream():
                yield chunk.replace(b"abc", b"ABC")

    request = Upper(
        http_scope("POST", headers=[(b"content-type", TYPE.encode())]), Client(body_of(part("a", b"abc"))).receive
    )
    assert await read_all(request.parts()) == [("a", None, b"ABC")]


# Memory


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("mebibytes", [8, pytest.param(256, marks=pytest.mark.whole)])
async def test_memory_is_bounded_by_a_chunk(read, mebibytes):
    chunk = b"\r\n--A" * 13_000
    count = mebibytes * 1024 * 1024 // len(chunk)
    chunks = chain([part("f", b"", "f")[:-2]], repeat(chunk, count), [b"\r\n--B--\r\n"])

    async def stream():
        for chunk in chunks:
            yield bytes(bytearray(chunk))

    await read_all(parts_of(BODY))  # modules that are imported when they are needed take memory, too
    size = 0
    tracemalloc.start()
    try:
        async for piece in PartReader(Headers({"content-type": TYPE}), stream()):
            if read:
                async for content in piece:
                    size += len(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == (count * len(chunk) if read else 0)
    assert peak < 10 * len(chunk)


@pytest.mark.parametrize("limits", [{}, {"max_parts": 1}])
async def test_parts_leave_no_cycle(limits):
    def alive():
        return [found for found in gc.get_objects() if type(found) in (PartReader, Part)]

    gc.collect()
    gc.disable()
    try:
        others = len(alive())
        with contextlib.suppress(FormTooLarge):
            await read_all(parts_of(*cut(BODY, 50), **limits))
        assert len(alive()) == others
    finally:
        gc.enable()
