"""Compression both ways: every prefix of a stream can be read, and what is encoded at random decodes to what it was."""

from __future__ import annotations

import gzip
import zlib
from random import Random
from typing import Any

import pytest

from asgi_middleware._codecs import brotli_module, zstd_module
from asgi_middleware.compression import CompressionMiddleware
from asgi_middleware.decompression import DecompressionMiddleware
from fuzz.harness import chunked, fuzz
from raw_asgi import body_messages, http_scope, run

brotli = pytest.importorskip("brotli", reason="pip install 'brotli>=1.2'")
zstd: Any = zstd_module()
READERS = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli_module().Decompressor().process,
    "zstd": lambda: zstd.ZstdDecompressor().decompress,
}
ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": lambda data: brotli.compress(data, quality=1)}
ENCODERS |= {"zstd": lambda data: zstd.compress(data, 1)}


def body_of(random: Random) -> bytes:
    return random.choice([b"a", b"text " * random.randint(1, 4000), random.randbytes(random.randint(1, 20_000))])


@fuzz(800)
async def test_a_client_reads_each_chunk_as_it_arrives(random: Random) -> None:
    body, coding = body_of(random), random.choice([*READERS])
    chunks = chunked(random, body)
    level = random.randint(0, 9)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    options = {"zstd_level": level, "brotli_quality": level, "gzip_level": level}
    middleware = CompressionMiddleware(app, minimum_size=0, **options)  # type: ignore[arg-type]
    reply = await run(middleware, http_scope(headers=[(b"accept-encoding", coding.encode())]))
    read = READERS[coding]()
    assert reply.header("content-encoding") == coding
    pieces = [read(message["body"]) if message["body"] else b"" for message in reply.messages[1:-1]]
    assert pieces == chunks


@fuzz(800)
async def test_a_body_decodes_to_what_was_encoded_or_is_refused(random: Random) -> None:
    body, codings = body_of(random), random.choices([*ENCODERS], k=random.randint(1, 3))
    encoded = body
    for coding in codings:
        encoded = ENCODERS[coding](encoded)
    damaged = random.random() < 0.4
    if damaged:
        at = random.randrange(len(encoded))
        encoded = random.choice([encoded[:at], encoded + b"\0junk", encoded[:at] + b"\xff\xfe" + encoded[at + 1 :]])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received, more = b"", True
        while more:
            message = await receive()
            received, more = received + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": received})

    headers = [(b"content-encoding", coding.encode()) for coding in codings]
    middleware = DecompressionMiddleware(app, max_ratio=1e6)
    reply = await run(middleware, http_scope("POST", headers=headers), body_messages(chunked(random, encoded)))
    if not damaged:
        assert (reply.status, reply.body) == (200, body)
    else:
        assert reply.status in (200, 400, 413)
