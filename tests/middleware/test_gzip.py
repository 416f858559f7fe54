"""GZipMiddleware: for whom it encodes, what it leaves alone, and how streams flow."""

from __future__ import annotations

import gzip
import sys
import threading
import zlib

import pytest

from asgi_middleware import ConfigurationWarning
from asgi_middleware._accept import coding_chooser
from asgi_middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from raw_asgi import Reply, http_scope, request, run, sending
from raw_asgi import body_message as body
from raw_asgi import start_message as start

TEXT = b"hello, world! " * 100
GZIP = [(b"accept-encoding", b"gzip")]


def whole(headers=((b"Content-Type", b"text/plain"),), status=200, content=TEXT):
    return sending(start([*headers, (b"Content-Length", b"%d" % len(content))], status), body(content))


async def get(app, headers=GZIP, method="GET", **options):
    return await request(GZipMiddleware(app, **options), method, headers=headers)


def decoded(reply):
    return gzip.decompress(reply.body)


async def test_a_whole_body_is_encoded_with_its_new_length():
    reply = await get(whole())
    assert decoded(reply) == TEXT
    assert reply.header("content-encoding") == "gzip"
    assert reply.header("content-length") == str(len(reply.body))
    assert reply.header("vary") == "Accept-Encoding"
    assert reply.body[4:8] == bytes(4)
    assert (await get(whole())).body == reply.body


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        ([], False),
        ([b""], False),
        ([b"gzip"], True),
        ([b"GZIP"], True),
        ([b"x-gzip"], True),
        ([b"notgzip"], False),
        ([b"gzip;q=0"], False),
        ([b"gzip;q=0.000"], False),
        ([b"gzip ; q=0.001"], True),
        ([b"gzip;q=0.0001"], False),
        ([b"gzip;q=2"], False),
        ([b"gzip;q=x"], False),
        ([b"gzip;q"], False),
        ([b"*"], True),
        ([b"*;q=0"], False),
        ([b"*, gzip;q=0"], False),
        ([b"*;q=0, gzip"], True),
        ([b"identity;q=1, gzip;q=0.5"], False),
        ([b"identity;q=0.5, gzip"], True),
        ([b"gzip;q=0, x-gzip"], True),
        ([b"br", b"deflate, gzip"], True),
        ([b"br, zstd"], False),
        ([b"deflate,, ,gzip"], True),
        ([b"gzip, " + b"a, " * 20], True),
        ([b"gzip, " + b"a, " * 20000], False),
    ],
)
async def test_accept_encoding_is_read_by_its_weights(lines, accepted):
    headers = [(b"Accept-Encoding", line) for line in lines]
    assert coding_chooser([b"gzip"])(headers) == (b"gzip" if accepted else None)
    reply = await get(whole(), headers)
    assert reply.header("content-encoding") == ("gzip" if accepted else None)
    assert reply.header("vary") == "Accept-Encoding"
    assert (decoded(reply) if accepted else reply.body) == TEXT


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 204),
        ([], 206),
        ([], 205),
        ([], 101),
        ([(b"Content-Range", b"bytes 0-9/100")], 200),
        ([(b"Content-Encoding", b"br")], 200),
        ([(b"content-encoding", b"identity")], 200),
        ([(b"Content-Encoding", b"")], 200),
        ([(b"Cache-Control", b"public"), (b"cache-control", b"max-age=1, No-Transform")], 200),
        ([(b"Content-Digest", b"sha-256=:x:")], 200),
        ([(b"repr-digest", b"sha-256=:x:")], 200),
        ([(b"Content-MD5", b"x")], 200),
        ([(b"Digest", b"sha-256=x")], 200),
        ([(b"Trailer", b"Content-Digest")], 200),
        ([(b"Content-Type", b"image/PNG; x=y")], 200),
        ([(b"content-type", b"video/mp4")], 200),
        ([(b"content-type", b"text/event-stream; charset=utf-8")], 200),
        ([(b"content-type", b"application/grpc")], 200),
        ([(b"content-type", b"Application/gRPC+proto")], 200),
        ([(b"content-type", b"application/grpc+json; charset=utf-8")], 200),
    ],
)
async def test_what_must_not_be_encoded_passes_as_it_is(headers, status):
    messages = [start(headers, status), body(TEXT[:700], True), body(TEXT[700:])]
    reply = await get(sending(*messages))
    assert all(sent is message for sent, message in zip(reply.messages, messages, strict=True))


@pytest.mark.parametrize(
    "headers",
    [
        [(b"cache-control", b"max-age=1")],
        [(b"trailer", b"server-timing")],
        [(b"content-type", b"image/svg+xml")],
        [(b"content-type", b"application/grpc-web+proto")],
        [(b"content-type", b"application/grpc-web-text")],
        [(b"content-type", b"application/problem+json")],
        [],
    ],
)
async def test_what_may_be_encoded_is(headers):
    reply = await get(whole(headers))
    assert decoded(reply) == TEXT
    assert reply.header("content-encoding") == "gzip"


def test_the_excluded_types_are_starlettes():
    assert (
        *("application/grpc", "application/gzip", "application/x-gzip", "application/zip", "audio/*", "font/woff"),
        *("font/woff2", "image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "text/event-stream"),
        "video/*",
    ) == DEFAULT_EXCLUDED_CONTENT_TYPES


@pytest.mark.parametrize(
    "types", [["Text/*"], "text/*", ["Text/Plain; charset=utf-8"], [" text/plain ", "image/png"], ("text/plain;q=1",)]
)
@pytest.mark.filterwarnings("ignore:exclude_content_types. ' text/plain ' is read")
async def test_the_excluded_types_can_be_chosen(types):
    options = {"exclude_content_types": types}
    assert (await get(whole(), **options)).header("content-encoding") is None
    for other in (b"image/gif", b"textual/plain"):
        assert (await get(whole([(b"content-type", other)]), **options)).header("content-encoding") == "gzip"


@pytest.mark.parametrize("entry", ["png", "", "image/\u00fc"])
async def test_an_excluded_type_that_no_response_has_is_ignored_with_a_warning(entry):
    with pytest.warns(ConfigurationWarning, match=f"exclude_content_types: '{entry}' is ignored"):
        reply = await get(whole(), exclude_content_types=[entry])
    assert reply.header("content-encoding") == "gzip"


async def test_validators_and_ranges_are_of_the_encoded_body():
    headers = [(b"ETag", b'"x"'), (b"Accept-Ranges", b"bytes"), (b"Set-Cookie", b"a"), (b"Set-Cookie", b"\xff")]
    reply = await get(whole(headers))
    assert (reply.header("etag"), reply.header("accept-ranges")) == ('W/"x"', None)
    assert reply.all("set-cookie") == ["a", "\xff"]
    assert (await get(whole([(b"etag", b'W/"x"')]))).header("etag") == 'W/"x"'
    plain = await get(whole(headers), [])
    assert (plain.header("etag"), plain.header("accept-ranges")) == ('"x"', "bytes")


async def test_two_content_lengths_become_one():
    app = sending(start([(b"Content-Length", b"1400"), (b"content-length", b"1400")]), body(TEXT))
    reply = await get(app)
    assert reply.header("content-length") == str(len(reply.body))


@pytest.mark.parametrize(
    ("lines", "merged"), [([b"*"], "*"), ([b"Cookie", b"accept-encoding"], "Cookie, accept-encoding")]
)
async def test_vary_is_merged(lines, merged):
    assert (await get(whole([(b"Vary", line) for line in lines]))).header("vary") == merged


LONG = (b"content-length", b"1400")
ETAG = (b"etag", b'"x"')


@pytest.mark.parametrize("length", [[LONG], []])
async def test_head_has_the_head_of_the_encoded_body(length):
    head = sending(start([*length, ETAG, (b"accept-ranges", b"bytes")]), body())
    reply = await get(head, method="HEAD")
    assert reply.headers == [(b"etag", b'W/"x"'), (b"vary", b"Accept-Encoding"), (b"content-encoding", b"gzip")]
    assert reply.body == b""
    got = await get(whole([ETAG]))
    assert {(name, reply.header(name)) for name in ("etag", "vary", "content-encoding")} == {
        (name, got.header(name)) for name in ("etag", "vary", "content-encoding")
    }
    plain = await get(head, [], method="HEAD")
    assert plain.headers == [*length, ETAG, (b"accept-ranges", b"bytes"), (b"vary", b"Accept-Encoding")]


@pytest.mark.parametrize("headers", [[(b"content-length", b"4")], [LONG, (b"content-type", b"image/png")]])
async def test_head_of_a_body_that_is_never_encoded_is_as_it_is(headers):
    messages = [start([*headers, ETAG]), body()]
    reply = await get(sending(*messages), method="HEAD")
    assert all(sent is message for sent, message in zip(reply.messages, messages, strict=True))


@pytest.mark.parametrize(
    ("request_headers", "etag"),
    [
        ([*GZIP, (b"if-none-match", b'W/"x"')], 'W/"x"'),
        ([*GZIP, (b"if-none-match", b'"y", W/"x"')], 'W/"x"'),
        ([*GZIP, (b"if-none-match", b'"y"'), (b"If-None-Match", b'W/"x"')], 'W/"x"'),
        ([*GZIP, (b"if-modified-since", b"Sat, 28 Nov 2026 00:00:00 GMT")], 'W/"x"'),
        # The client holds what was not encoded: an image, or a small page.
        ([*GZIP, (b"if-none-match", b'"x"')], '"x"'),
        ([(b"if-none-match", b'W/"x"')], '"x"'),
        ([(b"accept-encoding", b"gzip;q=0"), (b"if-none-match", b'W/"x"')], '"x"'),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_304_has_the_validator_of_the_200(request_headers, etag, method):
    reply = await get(sending(start([ETAG], 304), body()), request_headers, method)
    assert reply.headers == [(b"etag", etag.encode()), (b"vary", b"Accept-Encoding")]


@pytest.mark.parametrize("headers", [[], [(b"etag", b'W/"x"')]])
async def test_a_304_with_a_weak_validator_or_none_keeps_it(headers):
    reply = await get(sending(start([*headers, (b"content-length", b"0")], 304), body()))
    assert reply.headers == [*headers, (b"content-length", b"0"), (b"vary", b"Accept-Encoding")]


async def test_a_304_of_what_is_never_encoded_is_as_it_is():
    message = start([ETAG, (b"content-type", b"image/png")], 304)
    assert (await get(sending(message, body()))).messages[0] is message


@pytest.mark.parametrize("request_headers", [GZIP, []])
@pytest.mark.parametrize("length", [[(b"content-length", b"4")], []])
async def test_a_small_body_passes_without_vary(request_headers, length):
    messages = [start(length), body(b"tiny")]
    reply = await get(sending(*messages), request_headers)
    assert all(sent is message for sent, message in zip(reply.messages, messages, strict=True))


@pytest.mark.parametrize(("size", "encoded"), [(499, False), (500, True)])
async def test_the_minimum_size_is_500_bytes_by_default(size, encoded):
    assert ((await get(whole(content=b"a" * size))).header("content-encoding") == "gzip") is encoded


async def test_an_empty_body_is_small_whatever_the_minimum():
    assert (await get(sending(start(), body(b"")), minimum_size=0)).headers == []
    assert decoded(await get(sending(start(), body(b"a" * 50)), minimum_size=50)) == b"a" * 50
    assert decoded(await get(sending(start(), body(b"a" * 50)), minimum_size=0)) == b"a" * 50


@pytest.mark.parametrize(
    "messages",
    [
        [start(), body(TEXT)],
        [start(), body(b"a", True), body(b"b", True), body()],
        [start([LONG]), body(TEXT[:9], True), body(TEXT[9:])],
    ],
)
async def test_a_client_without_gzip_gets_the_same_messages_and_vary(messages):
    reply = await get(sending(*messages), [])
    assert reply.header("vary") == "Accept-Encoding"
    assert reply.messages[1:] == messages[1:]
    assert reply.header("content-encoding") is None


async def test_the_size_alone_decides_even_if_gzip_makes_a_body_longer():
    noise = bytes((i * i * 31 + i // 7) % 256 for i in range(40))
    reply = await get(whole(content=noise), minimum_size=0)
    assert (decoded(reply), reply.header("content-encoding")) == (noise, "gzip")
    assert int(reply.header("content-length")) == len(reply.body) > 40


@pytest.mark.parametrize("content", [b"tiny", TEXT])
async def test_the_content_length_decides_where_a_body_comes_in_two_messages(content):
    length = (b"content-length", b"%d" % len(content))
    reply = await get(sending(start([length]), body(content, True), body()))
    assert (decoded(reply) if content is TEXT else reply.body) == content
    assert reply.header("content-length") == str(len(reply.body))
    assert reply.messages[-1] == body()


@pytest.mark.parametrize("length", [b"x", b"9" * 30, b"-1"])
async def test_a_content_length_that_is_not_a_number_is_dropped(length):
    reply = await get(sending(start([(b"content-length", length)]), body(TEXT, True), body()))
    assert (decoded(reply), reply.header("content-length")) == (TEXT, None)


async def test_a_stream_is_flushed_chunk_by_chunk():
    chunks = [b"first", b"", b"second" * 400, b"third"]
    app = sending(start([(b"content-length", b"5000")]), *(body(chunk, True) for chunk in chunks), body(b"end"))
    reply = await get(app)
    inflate = zlib.decompressobj(31)
    pieces = [inflate.decompress(message["body"]) for message in reply.messages[1:]]
    assert pieces == [*chunks, b"end"]
    assert inflate.eof
    assert reply.header("content-length") is None


async def test_defaults_of_messages_hold():
    app = sending(
        {"type": "http.response.start", "status": 200},
        {"type": "http.response.body", "more_body": True},
        {"type": "http.response.body", "body": memoryview(TEXT), "more_body": True},
        {"type": "http.response.body", "body": bytearray(TEXT), "more_body": True},
        {"type": "http.response.body"},
    )
    assert decoded(await get(app)) == TEXT * 2
    assert (
        await get(sending({"type": "http.response.start", "status": 200}, {"type": "http.response.body"}))
    ).body == b""


@pytest.mark.parametrize("container", [tuple, iter, lambda pairs: [[*pair] for pair in pairs]])
@pytest.mark.parametrize("kind", [b"text/html", b"image/png"])
async def test_headers_may_come_in_any_container(container, kind):
    head = {"type": "http.response.start", "status": 200, "headers": container([(b"Content-Type", kind), (b"A", b"b")])}
    reply = await get(sending(head, body(TEXT)))
    assert (reply.header("content-type"), reply.header("a")) == (kind.decode(), "b")


async def test_messages_and_lists_that_the_application_keeps_are_not_touched():
    head, last = start([(b"etag", b'"x"')]), {"type": "http.response.body", "body": TEXT}
    app = GZipMiddleware(sending(head, last))
    assert decoded(await request(app, headers=GZIP)) == TEXT
    assert (await request(app)).body == TEXT
    assert (head, last) == (start([(b"etag", b'"x"')]), {"type": "http.response.body", "body": TEXT})


@pytest.mark.parametrize("kind", ["pathsend", "zerocopysend", "x-future", "trailers", "push", "debug", "early_hint"])
async def test_other_messages_pass_at_once_after_the_start_that_waits(kind):
    other = {"type": f"http.response.{kind}", "x": 1}
    reply = await get(sending(other, start(), other, body(TEXT)))
    assert [message["type"].rpartition(".")[2] for message in reply.messages] == [kind, "start", kind, "body"]
    assert reply.messages[2] is other
    assert (reply.body, reply.header("content-encoding"), reply.header("vary")) == (TEXT, None, None)


async def test_no_content_length_is_added_where_trailers_follow():
    trailers = {"type": "http.response.trailers", "headers": [(b"a", b"b")]}
    reply = await get(sending(start([LONG], trailers=True), body(TEXT), trailers))
    assert (decoded(reply), reply.header("content-length"), reply.messages[-1]) == (TEXT, None, trailers)
    assert reply.start["trailers"] is True


async def test_a_scope_without_a_method_is_a_get():
    scope = http_scope(headers=GZIP)
    del scope["method"]
    assert decoded(await run(GZipMiddleware(whole()), scope)) == TEXT


async def test_trailers_follow_an_encoded_stream():
    trailers = {"type": "http.response.trailers", "headers": [(b"a", b"b")]}
    reply = await get(sending(start(trailers=True), body(TEXT, True), body(), trailers))
    assert (decoded(reply), reply.messages[-1], reply.start["trailers"]) == (TEXT, trailers, True)


async def test_a_start_without_a_body_goes_out_when_the_application_ends():
    assert (await get(sending(start()))).types == ["http.response.start"]
    assert (await get(sending())).types == []
    assert (await get(sending(body(TEXT)))).messages == [body(TEXT)]


@pytest.mark.parametrize("broken", [False, True])
async def test_a_start_that_waits_goes_out_before_an_exception(broken):
    error = LookupError("no")
    reply = Reply()

    async def app(scope, receive, send):
        await send(start())
        raise error

    async def send(message):
        reply.messages.append(message)
        if broken:
            raise OSError("gone")

    with pytest.raises(LookupError) as caught:
        await GZipMiddleware(app)(http_scope(headers=GZIP), None, send)
    assert caught.value is error
    assert error.__context__ is None
    assert reply.types == ["http.response.start"]


@pytest.mark.parametrize("more", [True, False])
async def test_the_size_may_be_made_to_vary(more):
    app = sending(start(), body(b"", True), body(TEXT, True), body(TEXT)) if more else whole()
    replies = [await get(app, max_random_bytes=100) for _ in range(20)]
    assert {decoded(reply) for reply in replies} == {TEXT * 2 if more else TEXT}
    sizes = {len(reply.body) for reply in replies}
    assert len(sizes) > 1
    assert max(sizes) <= len((await get(app)).body) + 101
    assert all(reply.header("content-length") in (None, str(len(reply.body))) for reply in replies)


async def test_two_of_them_encode_once():
    reply = await request(GZipMiddleware(GZipMiddleware(whole())), headers=GZIP)
    assert (decoded(reply), reply.header("content-encoding")) == (TEXT, "gzip")
    assert reply.header("vary") == "Accept-Encoding"


async def test_request_headers_may_be_a_generator_and_lifespan_passes():
    scope = http_scope() | {"headers": iter(GZIP)}
    assert decoded(await run(GZipMiddleware(whole()), scope)) == TEXT
    seen = []

    async def any_app(*triple):
        seen.append(triple)

    triple = ({"type": "lifespan"}, object(), object())
    await GZipMiddleware(any_app)(*triple)
    assert all(a is b for a, b in zip(seen[0], triple, strict=True))


async def big_in_threads(monkeypatch):
    names = []
    real = zlib.compress

    def compress(*args, **options):
        names.append(threading.current_thread().name)
        return real(*args, **options)

    monkeypatch.setattr("zlib.compress", compress)
    for _ in range(2):
        reply = await get(whole(), thread_minimum_size=1000)
        assert decoded(reply) == TEXT
    return [name != threading.current_thread().name for name in names]


async def test_a_big_chunk_is_encoded_in_a_thread(monkeypatch):
    assert await big_in_threads(monkeypatch) == [True, True]


async def test_without_anyio_asyncio_has_its_own_threads_and_trio_none(monkeypatch, anyio_backend_name):
    monkeypatch.setitem(sys.modules, "anyio", None)
    assert await big_in_threads(monkeypatch) == [anyio_backend_name == "asyncio"] * 2


@pytest.mark.parametrize(
    ("options", "read_as"),
    [
        ({"compresslevel": 10}, 9),
        ({"compresslevel": -2}, -1),
        ({"minimum_size": -1}, 0),
        ({"thread_minimum_size": -1}, 0),
        ({"max_random_bytes": -1}, 0),
    ],
)
async def test_a_number_out_of_range_is_corrected_with_a_warning(options, read_as):
    ((name, value),) = options.items()
    with pytest.warns(ConfigurationWarning, match=f"{name}: {value} is read as {read_as}"):
        reply = await get(whole(), **options)
    assert decoded(reply) == TEXT


@pytest.mark.parametrize("options", [{"compresslevel": "6"}, {"minimum_size": None}])
def test_a_size_or_level_that_is_not_a_number_is_refused(options):
    with pytest.raises(TypeError, match="must be a number"):
        GZipMiddleware(whole(), **options)


@pytest.mark.parametrize("value", [None, "app:app", {}])
def test_what_is_not_an_application_is_refused_where_it_is_passed(value):
    with pytest.raises(TypeError, match="GZipMiddleware needs an ASGI application, not "):
        GZipMiddleware(value)
