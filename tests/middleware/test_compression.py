"""CompressionMiddleware: which coding a client gets, what each costs and bounds, and the rules that all have in common."""

from __future__ import annotations

import gzip
import sys
import threading
import zlib

import pytest

from asgi_middleware import ConfigurationWarning, _codecs
from asgi_middleware._compression.encoders import Brotli, Gzip, Zstd
from asgi_middleware.compression import DEFAULT_EXCLUDED_CONTENT_TYPES, CompressionMiddleware
from asgi_middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES as STARLETTES
from asgi_middleware.gzip import GZipMiddleware
from raw_asgi import Reply, http_scope, request, run, sending, websocket_scope
from raw_asgi import body_message as body
from raw_asgi import start_message as start

brotli = pytest.importorskip("brotli", reason="pip install 'brotli>=1.2'")
zstd = _codecs.zstd_module()
if zstd is None:
    pytest.skip("pip install backports.zstd", allow_module_level=True)

TEXT = b"hello, world! " * 100
DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress, None: bytes}
CODINGS = ["zstd", "br", "gzip"]


def whole(headers=((b"Content-Type", b"text/plain"),), status=200, content=TEXT):
    return sending(start([*headers, (b"Content-Length", b"%d" % len(content))], status), body(content))


async def get(app, *accepted, headers=(), method="GET", **options):
    lines = [(b"Accept-Encoding", line.encode()) for line in accepted]
    return await request(CompressionMiddleware(app, **options), method, headers=[*lines, *headers])


def decoded(reply):
    return DECODERS[reply.header("content-encoding")](reply.body)


@pytest.mark.parametrize(
    ("lines", "coding"),
    [
        ([], None),
        ([""], None),
        (["gzip, deflate, br, zstd"], "zstd"),
        (["gzip, deflate, br"], "br"),
        (["gzip"], "gzip"),
        (["x-gzip"], "gzip"),
        (["ZSTD"], "zstd"),
        # The client's weights come first, then the server's order.
        (["zstd;q=0.5, br;q=0.9, gzip;q=0.9"], "br"),
        (["br;q=0.1, gzip"], "gzip"),
        (["gzip;q=0.001, x-gzip;q=0.5, br;q=0.4"], "gzip"),
        (["gzip;q=1.000, zstd;q=0.999"], "gzip"),
        # No is no, and a malformed weight as well.
        (["zstd;q=0, br;q=0.0, gzip;q=0.001"], "gzip"),
        (["zstd;q=0, br;q=0, gzip;q=0"], None),
        (["zstd;q=x, br;q=2, gzip"], "gzip"),
        # An asterisk is for what is not named.
        (["*"], "zstd"),
        (["*, zstd;q=0"], "br"),
        (["*;q=0.5, gzip"], "gzip"),
        (["*;q=0"], None),
        (["*;q=0, br"], "br"),
        (["gzip;q=0.5, *;q=0.1"], "gzip"),
        # No coding at all may be wanted more, and is what remains where it is refused.
        (["identity, gzip;q=0.5"], None),
        (["identity;q=0.5, gzip;q=0.5"], "gzip"),
        (["identity;q=0.6, zstd;q=0.5, gzip;q=0.7"], "gzip"),
        (["identity;q=0, gzip;q=0.1"], "gzip"),
        (["identity;q=0"], None),
        (["identity;q=0, compress"], None),
        # Several lines are one list.
        (["compress", "deflate, zstd;q=0.1", "br"], "br"),
        (["gzip;q=0.1", "gzip;q=0.9, br;q=0.5"], "gzip"),
        (["brotli, zst, *gzip"], None),
        (["zstd, " + "a, " * 20], "zstd"),
        (["zstd, " + "a, " * 20_000], None),
    ],
)
async def test_the_weights_decide_then_the_servers_order(lines, coding):
    reply = await get(whole(), *lines)
    assert reply.header("content-encoding") == coding
    assert reply.header("vary") == "Accept-Encoding"
    assert reply.header("content-length") == str(len(reply.body))
    assert decoded(reply) == TEXT


@pytest.mark.parametrize(
    ("codings", "coding"), [(["gzip", "zstd"], "gzip"), (["br"], "br"), ("gzip", "gzip"), (("zstd", "br"), "zstd")]
)
async def test_the_servers_order_can_be_chosen(codings, coding):
    assert (await get(whole(), "zstd, br, gzip", codings=codings)).header("content-encoding") == coding
    assert (await get(whole(), "deflate", codings=codings)).header("content-encoding") is None


def missing(monkeypatch, *modules):
    real = _codecs.import_module
    monkeypatch.setattr(
        _codecs, "import_module", lambda name: real("no_such_module" if name.partition(".")[0] in modules else name)
    )


async def test_the_default_order_has_what_is_installed(monkeypatch):
    missing(monkeypatch, "backports", "compression")
    assert (await get(whole(), "zstd, br, gzip")).header("content-encoding") == "br"
    missing(monkeypatch, "brotli", "backports", "compression")
    assert (await get(whole(), "zstd, br, gzip")).header("content-encoding") == "gzip"


@pytest.mark.parametrize(("coding", "extra"), [("br", "brotli"), ("zstd", "zstd")])
def test_a_coding_that_is_named_and_missing_says_what_to_install(monkeypatch, coding, extra):
    missing(monkeypatch, "brotli", "backports", "compression")
    with pytest.raises(ImportError, match=rf"'{coding}' is not installed: pip install asgi-middleware\[{extra}\]"):
        CompressionMiddleware(whole(), codings=[coding, "gzip"])


@pytest.mark.parametrize("codings", [["deflate"], ["brotli"], [], ["gzip", "*"]])
def test_a_coding_that_is_not_known_is_refused(codings):
    with pytest.raises(ValueError, match="zstd, br, gzip"):
        CompressionMiddleware(whole(), codings=codings)


@pytest.mark.parametrize("value", [None, "app:app"])
def test_what_is_not_an_application_is_refused_where_it_is_passed(value):
    with pytest.raises(TypeError, match="CompressionMiddleware needs an ASGI application, not "):
        CompressionMiddleware(value)


@pytest.mark.parametrize(
    ("options", "read_as"),
    [
        ({"zstd_level": 20}, 19),
        ({"zstd_level": -8}, -7),
        ({"brotli_quality": 12}, 11),
        ({"brotli_quality": -1}, 0),
        ({"gzip_level": 10}, 9),
        ({"gzip_level": -1}, 0),
        ({"minimum_size": -1}, 0),
        ({"thread_minimum_size": -1}, 0),
    ],
)
async def test_a_number_out_of_range_is_corrected_with_a_warning(options, read_as):
    ((name, value),) = options.items()
    with pytest.warns(ConfigurationWarning, match=f"{name}: {value} is read as {read_as}"):
        reply = await get(whole(), "zstd", **options)
    assert decoded(reply) == TEXT


@pytest.mark.parametrize("name", ["zstd_level", "brotli_quality", "gzip_level", "minimum_size"])
def test_a_level_that_is_not_a_number_is_refused(name):
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        CompressionMiddleware(whole(), **{name: "fast"})


PROSE = b" ".join(b"%d words of %d" % (number * 7919 % 1000, number * 31 % 77) for number in range(5000))


@pytest.mark.parametrize(
    ("coding", "name", "low", "high"),
    [("zstd", "zstd_level", -7, 19), ("br", "brotli_quality", 1, 11), ("gzip", "gzip_level", 1, 9)],
)
async def test_a_higher_level_makes_less_of_it(coding, name, low, high):
    sizes = []
    for level in (low, high):
        reply = await get(whole(content=PROSE), coding, **{name: level})
        assert decoded(reply) == PROSE
        sizes.append(len(reply.body))
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("level", [0, 1, 3, 4, 9])
async def test_a_stream_is_flushed_chunk_by_chunk(coding, level):
    chunks = [b"first", b"", memoryview(b"second" * 400), bytearray(b"third")]
    options = {"zstd_level": level, "brotli_quality": level, "gzip_level": level}
    app = sending(start([(b"content-length", b"5000")]), *(body(chunk, True) for chunk in chunks), body(b"end"))
    reply = await get(app, coding, **options)
    read = {
        "gzip": zlib.decompressobj(31).decompress,
        "br": brotli.Decompressor().process,
        "zstd": zstd.ZstdDecompressor().decompress,
    }[coding]
    pieces = [read(message["body"]) if message["body"] else b"" for message in reply.messages[1:]]
    assert pieces == [*chunks, b"end"]
    assert decoded(reply) == b"".join([*chunks, b"end"])
    assert reply.header("content-length") is None


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_stream_may_end_with_an_empty_chunk_or_be_empty(coding):
    assert decoded(await get(sending(start(), body(TEXT, True), body()), coding)) == TEXT
    assert decoded(await get(sending(start(), body(b"", True), body()), coding)) == b""


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_message_after_the_last_one_is_left_to_the_server(coding):
    late = body(b"late")
    reply = await get(sending(start(), body(TEXT, True), body(b"end"), late, body()), coding)
    assert reply.messages[-2:] == [late, body()]
    assert DECODERS[coding](b"".join(message["body"] for message in reply.messages[1:-2])) == TEXT + b"end"


@pytest.mark.parametrize("make", [Gzip, lambda level: Zstd(level, zstd), lambda level: Brotli(level, brotli)])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bodies_may_be_any_bytes(make, kind):
    coding = make(5)
    for content in (TEXT, PROSE * 3):
        assert DECODERS[coding.name.decode()](coding.encode(kind(content))) == content


def window_of(frame):
    """The window that a zstd frame asks for, in bytes (RFC 8878 §3.1.1.1)."""
    descriptor = frame[4]
    if descriptor & 0x20:  # a single segment: the window is the content
        size = {0: 1, 1: 2, 2: 4, 3: 8}[descriptor >> 6]
        return int.from_bytes(frame[5 : 5 + size], "little") + (256 if size == 2 else 0)
    base = 1 << (10 + (frame[5] >> 3))
    return base + base // 8 * (frame[5] & 7)


@pytest.mark.parametrize("level", [-7, 1, 3, 4, 8, 13, 19])
def test_no_window_of_zstd_is_beyond_what_browsers_take(level):
    coding = Zstd(level, zstd)
    assert window_of(coding.encode(bytes(100_000))) <= 8 << 20
    assert window_of(coding.encode(bytes(9 << 20))) <= 8 << 20
    # The memory of a stream is bounded more narrowly: there are many, and they last.
    assert window_of(coding.stream()(b"a", False)) <= 2 << 20


@pytest.mark.parametrize("level", [3, 9, 19])
def test_tables_of_zstd_streams_are_bounded(level):
    options = Zstd(level, zstd)._options
    parameter = zstd.CompressionParameter
    assert options[parameter.window_log] == 21
    bounds = (options.get(parameter.hash_log), options.get(parameter.chain_log))
    assert bounds == ((20, 19) if level >= 9 else (None, None))  # lower levels have no larger ones


@pytest.mark.parametrize("quality", [4, 9, 11])
def test_windows_and_qualities_of_brotli_streams_are_bounded(quality):
    made = []

    class Module:
        compress = brotli.compress

        @staticmethod
        def Compressor(**options):
            made.append(options)
            return brotli.Compressor(**options)

    assert brotli.decompress(Brotli(quality, Module).stream()(TEXT, True)) == TEXT
    assert made == [{"quality": min(quality, 6), "lgwin": 19}]


def test_zstd_compressors_are_used_again_by_one_body_at_a_time():
    coding = Zstd(3, zstd)
    first = coding.encode(TEXT)
    (spare,) = coding._spare
    assert coding.encode(TEXT) == first == zstd.compress(TEXT, 3)
    assert coding._spare == [spare]
    done = []
    threads = [
        threading.Thread(target=lambda: done.extend({coding.encode(PROSE) for _ in range(20)})) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(done) == {zstd.compress(PROSE, 3)}
    assert len(coding._spare) <= 4


@pytest.mark.parametrize("coding", CODINGS)
async def test_equal_bodies_have_equal_encodings(coding):
    assert (await get(whole(), coding)).body == (await get(whole(), coding)).body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 204),
        ([], 205),
        ([], 206),
        ([(b"Content-Range", b"bytes 0-9/100")], 200),
        ([(b"Content-Encoding", b"br")], 200),
        ([(b"content-encoding", b"identity")], 200),
        ([(b"Content-Encoding", b"")], 200),
        ([(b"cache-control", b"max-age=1, No-Transform")], 200),
        ([(b"Repr-Digest", b"sha-256=:x:")], 200),
        ([(b"Trailer", b"Content-Digest")], 200),
        *[([(b"content-type", name.replace("*", "a").encode())], 200) for name in DEFAULT_EXCLUDED_CONTENT_TYPES],
        ([(b"content-type", b"application/epub+zip")], 200),
        ([(b"content-type", b"application/grpc+proto")], 200),
        ([(b"content-type", b"text/event-stream; charset=utf-8")], 200),
    ],
)
async def test_what_must_not_be_encoded_passes_as_it_is(headers, status):
    messages = [start(headers, status), body(TEXT[:700], True), body(TEXT[700:])]
    reply = await get(sending(*messages), "zstd, br, gzip")
    assert all(sent is message for sent, message in zip(reply.messages, messages, strict=True))


async def test_starlettes_excluded_types_are_among_ours():
    assert set(STARLETTES) < set(DEFAULT_EXCLUDED_CONTENT_TYPES)
    options = {"exclude_content_types": ["image/*"]}
    events = sending(start([(b"content-type", b"text/event-stream")]), body(b"data: 1\n\n", True), body())
    assert decoded(await get(events, "br", **options)) == b"data: 1\n\n"
    assert (await get(whole([(b"content-type", b"image/svg+xml")]), "br", **options)).header("vary") is None


@pytest.mark.parametrize("coding", CODINGS)
async def test_validators_and_ranges_are_of_the_encoded_body(coding):
    headers = [(b"ETag", b'"x"'), (b"Accept-Ranges", b"bytes"), (b"Vary", b"Cookie")]
    reply = await get(whole(headers), coding)
    assert (reply.header("etag"), reply.header("accept-ranges")) == ('W/"x"', None)
    assert reply.header("vary") == "Cookie, Accept-Encoding"
    head = await get(whole(headers), coding, method="HEAD")
    assert [head.header(name) for name in ("etag", "vary", "content-encoding", "content-length")] == [
        *('W/"x"', "Cookie, Accept-Encoding", coding),
        None,
    ]
    same = await get(sending(start([(b"etag", b'"x"')], 304), body()), coding, headers=[(b"if-none-match", b'W/"x"')])
    assert (same.status, same.header("etag"), same.header("vary")) == (304, 'W/"x"', "Accept-Encoding")


async def test_a_small_body_passes_even_to_a_client_that_refuses_plain_ones():
    messages = [start(), body(b"tiny")]
    reply = await get(sending(*messages), "zstd, identity;q=0")
    assert all(sent is message for sent, message in zip(reply.messages, messages, strict=True))


@pytest.mark.parametrize("kind", ["pathsend", "zerocopysend", "trailers", "early_hint"])
async def test_other_messages_pass_at_once_after_the_start_that_waits(kind):
    other = {"type": f"http.response.{kind}", "x": 1}
    reply = await get(sending(start(), other), "zstd")
    assert reply.messages == [start(), other]


async def test_trailers_follow_an_encoded_body_without_a_length():
    trailers = {"type": "http.response.trailers", "headers": [(b"a", b"b")]}
    reply = await get(sending(start(trailers=True), body(TEXT), trailers), "zstd")
    assert (decoded(reply), reply.header("content-length"), reply.messages[-1]) == (TEXT, None, trailers)


async def test_a_start_that_waits_goes_out_before_an_exception():
    async def app(scope, receive, send):
        await send(start())
        raise LookupError("no")

    reply = Reply()
    scope = http_scope(headers=[(b"accept-encoding", b"zstd")])
    with pytest.raises(LookupError):
        await run(CompressionMiddleware(app), scope, reply=reply)
    assert reply.types == ["http.response.start"]


async def in_threads(monkeypatch, coding, more):
    names = []
    module, name = {"gzip": (zlib, "compressobj"), "br": (brotli, "Compressor")}[coding]
    real = getattr(module, name)

    class Watched:
        def __init__(self, *args, **options):
            self.real = real(*args, **options)

        def __getattr__(self, name):
            names.append(threading.current_thread() is not threading.main_thread())
            return getattr(self.real, name)

    monkeypatch.setattr(module, name, Watched)
    app = sending(start(), body(TEXT, True), body(b"small", more), *([body()] if more else []))
    assert decoded(await get(app, coding, thread_minimum_size=1000)) == TEXT + b"small"
    return names


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_large_chunk_is_encoded_in_a_thread_and_a_small_one_is_not(monkeypatch, coding):
    assert await in_threads(monkeypatch, coding, more=False) == [True, True, False, False]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("anyio_installed", [True, False])
async def test_a_large_body_is_encoded_in_a_thread(monkeypatch, coding, anyio_installed, anyio_backend_name):
    if not anyio_installed:
        monkeypatch.setitem(sys.modules, "anyio", None)
    middleware = CompressionMiddleware(whole(content=PROSE * 4), thread_minimum_size=1000)
    real, threads = middleware._codings[coding.encode()].encode, []

    def encode(content):
        threads.append(threading.current_thread() is not threading.main_thread())
        return real(content)

    monkeypatch.setattr(middleware._codings[coding.encode()], "encode", encode)
    reply = await request(middleware, headers=[(b"accept-encoding", coding.encode())])
    assert decoded(reply) == PROSE * 4
    assert threads == [anyio_installed or anyio_backend_name == "asyncio"]


async def test_websockets_and_the_lifespan_pass():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    scope = websocket_scope(headers=[(b"accept-encoding", b"zstd")])
    assert (await run(CompressionMiddleware(app), scope)).types == ["websocket.accept"]


async def test_gzip_is_a_form_of_it_and_knows_no_other_coding():
    middleware = GZipMiddleware(whole())
    assert isinstance(middleware, CompressionMiddleware.__base__)
    for accepted, coding in ((b"zstd, br", None), (b"zstd, br, gzip;q=0.1", "gzip")):
        reply = await request(middleware, headers=[(b"accept-encoding", accepted)])
        assert reply.header("content-encoding") == coding


def test_gzip_loads_no_optional_library(monkeypatch):
    monkeypatch.setattr(_codecs, "import_module", lambda name: pytest.fail(f"imports {name}"))
    GZipMiddleware(whole())


async def test_of_two_of_them_one_encodes():
    for stack in (
        CompressionMiddleware(GZipMiddleware(whole())),
        GZipMiddleware(CompressionMiddleware(whole(), codings=["gzip"])),
    ):
        reply = await request(stack, headers=[(b"accept-encoding", b"gzip, zstd")])
        assert (reply.all("content-encoding"), decoded(reply)) == (["gzip"], TEXT)
