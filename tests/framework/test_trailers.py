"""Trailers through a whole application and its middleware, to the client of a test."""

from __future__ import annotations

import pytest

from asgi_framework import App, GZipMiddleware, Middleware, PlainTextResponse, Route, SessionMiddleware, TestClient
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.compression import CompressionMiddleware
from asgi_middleware.timeout import TimeoutMiddleware

TEXT = "the text " * 500


async def trailed(request):
    return PlainTextResponse(TEXT).with_trailers({"X-End": lambda: "1"})


async def plain(request):
    return PlainTextResponse(TEXT)


STACKS = {
    "none": [],
    "compression": [Middleware(CompressionMiddleware)],
    "gzip": [Middleware(GZipMiddleware)],
    "others": [
        Middleware(RequestBodyLimitMiddleware, 1000),
        Middleware(TimeoutMiddleware, 60),
        Middleware(SessionMiddleware, secret_key="a secret of thirty-two characters"),
    ],
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_trailers_pass_through_an_application(stack, backend):
    app = App(routes=[Route("/trailed", trailed), Route("/plain", plain)], middleware=stack)
    with TestClient(app, backend=backend) as client:
        response = client.get("/trailed", headers={"TE": "trailers"})
        assert response.text == TEXT
        assert response.headers["trailer"] == "x-end"
        assert response.extensions["http.response.trailers"] == [(b"x-end", b"1")]
        for path, headers in (("/trailed", {}), ("/plain", {"TE": "trailers"})):
            response = client.get(path, headers=headers)
            assert response.text == TEXT
            assert "trailer" not in response.headers
            assert "http.response.trailers" not in response.extensions
        assert client.head("/trailed", headers={"TE": "trailers"}).text == ""
