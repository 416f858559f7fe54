"""CORSMiddleware(expose_errors=True) in an App: the application's own answers to exceptions can be read by pages."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_framework import App, CORSMiddleware, JSONResponse, Middleware, Mount, Route
from raw_asgi import Reply, body_messages, http_scope, run

SITE = "https://shop.example"
CORS = Middleware(CORSMiddleware, allow_origins=[SITE], expose_errors=True)


async def boom(request: Any) -> Any:
    raise LookupError("boom")


async def own(request: Any, exc: Exception) -> Any:
    return JSONResponse({"error": str(exc)}, 500)


async def caught(app: Any, path: str = "/") -> Reply:
    reply = Reply()
    scope = http_scope("GET", path, headers=[(b"origin", SITE.encode()), (b"accept", b"text/html")])
    with pytest.raises(LookupError):
        await run(app, scope, body_messages(b""), reply=reply)
    return reply


WHERE = {
    "application": lambda **options: App(routes=[Route("/", boom)], middleware=[CORS], **options),
    "route": lambda **options: App(routes=[Route("/", boom, middleware=[CORS])], **options),
    "mount": lambda **options: App(routes=[Mount("/", routes=[Route("/", boom)], middleware=[CORS])], **options),
    "inner application": lambda **options: App(
        routes=[Mount("/", App(routes=[Route("/", boom)], middleware=[CORS], **options))]
    ),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"exception_handlers": {Exception: own}}, '{"error":"boom"}'),
        ({"exception_handlers": {500: own}}, '{"error":"boom"}'),
        ({"debug": True}, "LookupError"),
        ({}, "Internal Server Error"),
    ],
)
async def test_the_answer_to_an_exception_is_the_applications_own_and_readable(
    where: str, options: Any, text: str
) -> None:
    reply = await caught(WHERE[where](**options))
    assert text in reply.text
    assert (reply.status, reply.header("access-control-allow-origin")) == (500, SITE)
    assert "Origin" in (reply.header("vary") or "")
