"""JSON Lines read by an endpoint: refusals are answered, and a limit on bodies counts them as they come."""

from __future__ import annotations

import pytest

from asgi_framework import App, JSONResponse, Middleware, RequestBodyLimitMiddleware, Route
from raw_asgi import request


async def total(request):
    return JSONResponse(sum([value async for value in request.json_lines(max_line=10)]))


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ([b"1\n", b"2\n3"], 200, "6"),
        ([b"1\n", b"x\n"], 400, "Invalid JSON: Expecting value: line 2 column 1"),
        ([b"1\n" + b"2" * 11], 413, "Line 2 is longer than 10 bytes"),
        ([b"1\n"] * 30, 413, None),
    ],
)
async def test_lines_are_refused_by_line_and_by_body(body, status, text):
    app = App(
        routes=[Route("/", total, methods=["POST"])],
        middleware=[Middleware(RequestBodyLimitMiddleware, max_body_size=50)],
    )
    reply = await request(app, "POST", body=body)
    assert reply.status == status
    if text is not None:
        assert reply.text == text
