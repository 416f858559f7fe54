"""Neighbours look through the request headers once, and see every change that is made in between."""

import pytest

from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware, by_header
from asgi_middleware.request_id import RequestIDMiddleware
from raw_asgi import http_scope, run

ORIGIN = "https://a.example"


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def between(change, app):
    """An application that has `change` change the list of headers, and calls another."""

    async def changing(scope, receive, send):
        change(scope["headers"])
        await app(scope, receive, send)

    return changing


def replace(headers):
    headers[-1] = (b"origin", b"https://b.example")


def rename(headers):
    headers[-1] = (b"x-origin", headers[-1][1])


def change_pair(headers):
    headers[-1][1] = b"https://b.example"


@pytest.mark.parametrize(
    ("pair", "change"),
    [((b"origin", ORIGIN.encode()), replace), ((b"origin", ORIGIN.encode()), rename),
     ([b"origin", ORIGIN.encode()], change_pair), ((b"origin", ORIGIN.encode()), list.clear)],
)  # fmt: skip
async def test_headers_that_are_changed_in_place_are_read_again(pair, change):
    app = RequestIDMiddleware(between(change, CORSMiddleware(answer, allow_origins=[ORIGIN])))
    reply = await run(app, http_scope(headers=[(b"host", b"a"), pair]))
    assert b"access-control-allow-origin" not in dict(reply.headers)


async def test_headers_that_are_replaced_in_a_copy_of_the_scope_are_read_again():
    inner = CORSMiddleware(answer, allow_origins=[ORIGIN])

    async def copying(scope, receive, send):
        await inner({**scope, "headers": [(b"origin", ORIGIN.encode())]}, receive, send)

    reply = await run(RequestIDMiddleware(copying), http_scope(headers=[(b"origin", b"null")]))
    assert dict(reply.headers)[b"access-control-allow-origin"] == ORIGIN.encode()


@pytest.mark.parametrize("name", [b"x-key", b"X-Key"])
@pytest.mark.parametrize("indexed", [False, True])
async def test_the_first_of_two_values_counts_whoever_looks_first(name, indexed):
    app = RateLimitMiddleware(answer, "1/minute", key=by_header("X-Key"))
    outermost = ProxyHeadersMiddleware(app) if indexed else app
    statuses = []
    for headers in ([(name, b"a"), (name, b"b")], [(name, b"b"), (name, b"a")], [(name, b"a")]):
        statuses.append((await run(outermost, http_scope(headers=headers))).status)
    assert statuses == [200, 200, 429]
