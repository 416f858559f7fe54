"""Compressed request bodies are decoded, a piece at a time, within limits."""

from __future__ import annotations

import gzip
import os
import sys
import tracemalloc
import zlib

import pytest

from asgi_middleware import _codecs
from asgi_middleware.decompression import DecompressionMiddleware, UndecodableBody
from asgi_middleware.decompression._decoders import ZlibDecoder
from raw_asgi import Reply, body_messages, http_scope, run, websocket_scope

brotli = pytest.importorskip("brotli", reason="pip install 'brotli>=1.2'")
zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, raw": raw_deflate,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstd.compress,
}


async def echo(scope, receive, send):
    assert not {b"content-encoding", b"content-length"} & {name for name, _ in scope["headers"]}
    body, more, largest = [], True, 0
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body.append(message.get("body", b""))
        largest = max(largest, len(body[-1]))
        more = message.get("more_body", False)
    assert largest <= 2 * 65536
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"".join(body)})


async def post(body, *codings, app=echo, **options):
    headers = [(b"content-encoding", coding.encode()) for coding in codings] + [(b"content-length", b"5")]
    middleware = DecompressionMiddleware(app, **({"max_ratio": 1e9, "max_size": None} | options))
    return await run(middleware, http_scope("POST", headers=headers), body_messages(body))


def split(body, size):
    return [body[at : at + size] for at in range(0, len(body), size)]


TEXT = b"".join(b"line %d\n" % number for number in range(30_000)) + os.urandom(100_000)


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("size", [1, 100, 10_000_000])
async def test_a_body_arrives_as_if_it_were_plain(coding, size):
    body = TEXT[-3_000:] if size == 1 else TEXT
    reply = await post(split(ENCODERS[coding](body), size), coding.partition(",")[0])
    assert (reply.status, reply.body) == (200, body)


async def test_codings_are_undone_in_the_reverse_order():
    body = gzip.compress(zstd.compress(ENCODERS["br"](TEXT)))
    for codings in (["br, zstd, gzip"], ["br", "zstd", "gzip"], ["identity, BR,zstd", "X-GZIP"]):
        assert (await post(split(body, 1000), *codings)).body == TEXT


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_body_may_have_several_members(coding):
    parts = [ENCODERS[coding](TEXT[:1000]), ENCODERS[coding](TEXT[1000:])]
    assert (await post(parts, coding)).body == TEXT
    assert (await post(b"".join(parts), coding)).body == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_an_absent_body_stays_absent(coding):
    assert (await post(b"", coding)).body == b""
    assert (await post(ENCODERS[coding](b""), coding)).body == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_damaged_body_is_a_400(coding):
    whole = ENCODERS[coding](TEXT[:3000])
    for body in (b"\xffjunk" * 100, whole[:-5], whole[:10] + b"\xff" * 50 + whole[60:], whole + b"junk"):
        for size in (7, 10_000_000):
            reply = await post(split(body, size), coding)
            assert (reply.status, reply.text[:11]) == (400, "Bad Request")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_bomb_is_refused_at_a_limit(coding):
    bomb = ENCODERS[coding](bytes(50_000_000))
    taken = []

    async def counting(scope, receive, send):
        while True:
            message = await receive()
            taken.append(len(message["body"]))

    for options in ({"max_size": 1_000_000}, {"max_ratio": 10}):
        taken.clear()
        reply = await post(bomb, coding, app=counting, **options)
        assert (reply.status, reply.text) == (413, "Content Too Large")
        assert sum(taken) <= 1_000_000


async def test_what_is_not_supported_is_a_415_that_says_what_is():
    for codings in (["compress"], ["gzip, compress"], ["gzip"] * 4):
        reply = await post(b"x", *codings)
        assert (reply.status, reply.header("accept-encoding")) == (415, "gzip, deflate, br, zstd")
    reply = await post(b"x", "br", codings=["gzip"])
    assert (reply.status, reply.header("accept-encoding")) == (415, "gzip")


async def test_a_plain_body_passes_with_the_same_scope():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, await receive()))

    for headers in ([], [(b"content-encoding", b"identity")]):
        scope = http_scope("POST", headers=headers)
        await run(DecompressionMiddleware(app), scope, body_messages(b"plain"))
        inner, message = seen.pop()
        assert message["body"] == b"plain"
        assert (inner is scope) is not headers or headers


async def test_a_client_that_leaves_is_reported():
    seen = []

    async def app(scope, receive, send):
        seen.extend([await receive(), await receive()])

    headers = [(b"content-encoding", b"gzip")]
    messages = [
        {"type": "http.request", "body": gzip.compress(b"a")[:5], "more_body": True},
        {"type": "http.disconnect"},
    ]
    await run(DecompressionMiddleware(app), http_scope(headers=headers), [*messages, {"type": "http.disconnect"}])
    assert [message["type"] for message in seen] == ["http.disconnect", "http.disconnect"]


async def test_after_the_body_the_server_is_heard():
    seen = []

    async def app(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            seen.append(message["more_body"])
        seen.append(message["type"])

    headers = [(b"content-encoding", b"gzip")]
    messages = [*body_messages(gzip.compress(b"a")), {"type": "http.disconnect"}]
    await run(DecompressionMiddleware(app), http_scope(headers=headers), messages)
    assert seen == [True, False, "http.disconnect"]


async def test_a_response_that_has_begun_is_not_begun_again():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()

    reply = Reply()
    headers = [(b"content-encoding", b"gzip")]
    with pytest.raises(Exception, match="cannot be decoded"):
        await run(DecompressionMiddleware(app), http_scope(headers=headers), body_messages(b"junk"), reply=reply)
    assert reply.types == ["http.response.start"]


async def test_an_exception_of_the_application_passes():
    async def app(scope, receive, send):
        raise ValueError("boom")

    with pytest.raises(ValueError, match="^boom$"):
        await post(gzip.compress(b""), "gzip", app=app)


async def test_websockets_pass():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    scope = websocket_scope(headers=[(b"content-encoding", b"gzip")])
    assert (await run(DecompressionMiddleware(app), scope)).types == ["websocket.accept"]


def test_codings_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(_codecs, "import_module", lambda name: __import__("no_such_module"))
    assert DecompressionMiddleware(echo)._supported == (b"accept-encoding", b"gzip, deflate")
    for coding, extra in (("br", "brotli"), ("zstd", "zstd")):
        with pytest.raises(ImportError, match=rf"{coding}.*pip install asgi-middleware\[{extra}\]"):
            DecompressionMiddleware(echo, codings=[coding])


def test_a_brotli_whose_output_cannot_be_limited_is_not_used(monkeypatch):
    monkeypatch.delattr("brotli.Decompressor", raising=True)
    monkeypatch.setattr("brotli.Decompressor", object, raising=False)
    assert DecompressionMiddleware(echo)._supported == (b"accept-encoding", b"gzip, deflate, zstd")


@pytest.mark.parametrize("options", [{"max_size": 0}, {"max_ratio": 0.5}, {"codings": ["compress"]}])
def test_options_without_a_meaning_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DecompressionMiddleware(echo, **options)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_members_may_be_empty(coding):
    empty, part = ENCODERS[coding](b""), ENCODERS[coding](TEXT[:1000])
    for body in (empty * 3 + part, part + empty * 20_000 + part, part + empty):
        for pieces in (split(body, len(body) // 3), [body]):
            reply = await post(pieces, coding)
            assert (reply.status, reply.body) == (200, TEXT[:1000] * body.count(part))


async def test_a_skippable_frame_is_skipped():
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"abcd"
    assert (await post(skipped + zstd.compress(b"a") + skipped, "zstd")).body == b"a"


async def test_a_window_beyond_8_mib_is_a_400():
    for window, status in ((23, 200), (24, 400)):
        compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window})
        encoded = compressor.compress(b"a", compressor.FLUSH_BLOCK) + compressor.flush()
        assert (await post(encoded, "zstd")).status == status


def ten_gibibytes(coding):
    """Less than a MiB that would be 10 GiB."""
    if coding == "zstd":
        return zstd.compress(bytes(1 << 26)) * 160
    members = gzip.compress(bytes(1 << 24)) * 640
    return gzip.compress(members)


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
@pytest.mark.parametrize("limits", [{"max_size": 10_000_000}, {"max_ratio": 10}])
async def test_ten_gibibytes_in_one_message_cost_bounded_memory_and_steps(coding, limits):
    bomb = ten_gibibytes(coding)
    bomb += bytes((1 << 20) - len(bomb))
    taken = []

    async def reading(scope, receive, send):
        while (await receive())["more_body"]:
            taken.append(1)

    tracemalloc.start()
    reply = await post(bomb, *(["zstd"] if coding == "zstd" else ["gzip", "gzip"]), app=reading, **limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reply.status == 413
    assert len(taken) <= 170
    assert peak < 1_000_000


async def test_what_is_large_between_two_codings_is_refused_although_it_decodes_to_nothing():
    members = gzip.compress(b"") * 1_000_000
    for limits in ({"max_size": 100_000}, {"max_ratio": 20}):
        assert (await post(gzip.compress(members), "gzip, gzip", **limits)).status == 413


def test_a_huge_message_is_decoded_slice_by_slice():
    given = []

    class Counting(ZlibDecoder):
        def decode(self, data, limit):
            given.append(len(data))
            return super().decode(data, limit)

    async def post_it():
        middleware = DecompressionMiddleware(echo, max_size=None, max_ratio=2000)
        middleware._decoders = {"gzip": lambda: Counting(is_gzip=True)}
        headers = [(b"content-encoding", b"gzip")]
        return await run(middleware, http_scope("POST", headers=headers), body_messages(gzip.compress(TEXT)))

    with pytest.raises(StopIteration) as stop:
        post_it().send(None)
    assert stop.value.value.body == TEXT
    assert max(given) <= 8192


async def test_only_gzip_has_an_old_name():
    for coding in ("x-br", "x-deflate", "x-zstd"):
        assert (await post(b"x", coding)).status == 415


async def test_a_plain_body_that_is_named_identity_keeps_its_length():
    async def app(scope, receive, send):
        assert scope["headers"] == [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    assert (await post(b"plain", "identity,", " ", app=app)).status == 204


@pytest.mark.parametrize(("status", "sent"), [(200, 400), (500, 400), (422, 422)])
async def test_an_answer_that_ignores_a_damaged_body_is_replaced(status, sent):
    async def app(scope, receive, send):
        try:
            while (await receive()).get("more_body"):
                pass
        except UndecodableBody as exc:
            assert (exc.status_code, exc.detail) == (400, "Bad Request: the body cannot be decoded")  # noqa: PT017
        try:
            await send({"type": "http.response.start", "status": status, "headers": []})
        finally:
            await send({"type": "http.response.body", "body": b"mine"})

    reply = await post(b"junk", "gzip", app=app)
    assert (reply.status, reply.types) == (sent, ["http.response.start", "http.response.body"])


async def test_an_application_that_swallows_the_failure_is_answered_for():
    async def app(scope, receive, send):
        for _ in range(2):
            with pytest.raises(UndecodableBody):
                await receive()

    assert (await post(b"junk", "gzip", app=app)).status == 400


async def test_a_failure_of_another_request_passes():
    async def app(scope, receive, send):
        raise UndecodableBody(413, "another")

    with pytest.raises(UndecodableBody, match="another"):
        await post(b"", "gzip", app=app)


async def test_what_an_outer_request_has_read_is_decoded():
    Request = pytest.importorskip("asgi_requests", reason="pip install asgi-requests").Request

    async def app(scope, receive, send):
        assert await Request(scope, receive).body() == b"hello"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def outer(scope, receive, send):
        await Request(scope, receive).body()
        await DecompressionMiddleware(app)(scope, receive, send)

    scope = http_scope("POST", headers=[(b"content-encoding", b"gzip")])
    assert (await run(outer, scope, body_messages(gzip.compress(b"hello")))).status == 200
