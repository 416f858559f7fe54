"""Timings for the developer tools of a browser."""

from __future__ import annotations

import re

import pytest

from asgi_middleware.server_timing import ServerTimingMiddleware, timed
from raw_asgi import http_scope, run, websocket_scope


async def page(scope, receive, send):
    with timed("db", 'two "queries"'), timed("cache"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"server-timing", b"cdn;dur=1")]})
    with timed("late"):
        pass
    await send({"type": "http.response.body", "body": b""})


async def test_what_was_measured_before_the_response_is_sent_with_it():
    reply = await run(ServerTimingMiddleware(page), http_scope())
    ours = reply.header("server-timing")
    assert re.fullmatch(
        r'cdn;dur=1, cache;dur=\d+\.\d, db;dur=\d+\.\d;desc="two \\"queries\\"", total;dur=\d+\.\d', ours
    )


async def test_what_fails_is_measured_all_the_same():
    async def app(scope, receive, send):
        try:
            with timed("db"):
                raise LookupError
        except LookupError:
            await send({"type": "http.response.start", "status": 404})

    reply = await run(ServerTimingMiddleware(app), http_scope())
    assert reply.header("server-timing").startswith("db;dur=")


async def test_only_clients_that_may_see_it_receive_it():
    middleware = ServerTimingMiddleware(page, visible=lambda scope: scope["path"] == "/internal")
    assert (await run(middleware, http_scope())).all("server-timing") == ["cdn;dur=1"]
    assert "total;dur=" in (await run(middleware, http_scope(path="/internal"))).header("server-timing")


async def test_websockets_pass():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    assert (await run(ServerTimingMiddleware(app), websocket_scope())).messages == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(("name", "description"), [("", ""), ("a b", ""), ("a", "é"), ("a", "b\r\nc")])
def test_names_are_tokens_and_descriptions_printable(name, description):
    with pytest.raises(ValueError, match="token"), timed(name, description):
        pass
