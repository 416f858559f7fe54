"""starlette-compress: brotli, zstd and gzip."""

from __future__ import annotations

import gzip

import brotli
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette_compress import CompressMiddleware

TEXT = "hello " * 500


async def text(request):
    return PlainTextResponse(TEXT)


async def stream(request):
    async def chunks():
        for _ in range(50):
            yield "hello " * 10

    return StreamingResponse(chunks(), media_type="text/plain")


async def small(request):
    return PlainTextResponse("hi")


routes = [Route("/", text), Route("/stream", stream), Route("/small", small)]
client = TestClient(Starlette(routes=routes, middleware=[Middleware(CompressMiddleware, minimum_size=100)]))


def raw(path, encoding):
    with client.stream("GET", path, headers={"accept-encoding": encoding}) as response:
        return response.headers, b"".join(response.iter_raw())


@pytest.mark.parametrize("path", ["/", "/stream"])
@pytest.mark.parametrize(("encoding", "decode"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
def test_responses_are_compressed(path, encoding, decode):
    headers, body = raw(path, encoding)
    assert headers["content-encoding"] == encoding
    assert headers["vary"] == "Accept-Encoding"
    assert decode(body).decode() == TEXT


def test_zstd_is_decoded_by_the_client_or_at_least_sent():
    headers, body = raw("/", "zstd")
    assert headers["content-encoding"] == "zstd"
    assert body.startswith(b"\x28\xb5\x2f\xfd")


def test_small_responses_are_left():
    headers, body = raw("/small", "gzip, br, zstd")
    assert "content-encoding" not in headers
    assert body == b"hi"
