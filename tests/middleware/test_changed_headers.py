"""Request headers that are changed between two middlewares that read them: the inner one reads the new ones."""

import pytest

from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware, by_header
from asgi_middleware.request_id import RequestIDMiddleware
from raw_asgi import http_scope, run

OLD, NEW = b"https://a.example", b"https://b.example"


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def append(scope):
    scope["headers"].append((b"origin", NEW))


def insert(scope):
    scope["headers"].insert(0, (b"origin", NEW))


def remove(scope):
    del scope["headers"][-1]


def rename(scope):
    scope["headers"][-1] = (b"x-origin", OLD)


def overwrite(scope):
    scope["headers"][-1] = (b"origin", NEW)


def overwrite_pair(scope):
    scope["headers"][-1][1] = NEW


def replace(scope):
    scope["headers"] = [(b"host", b"a"), (b"origin", NEW)]


def replace_by_an_iterator(scope):
    scope["headers"] = iter([(b"host", b"a"), (b"origin", NEW)])


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize(
    ("change", "pair", "allowed"),
    [
        (append, None, NEW), (insert, (b"origin", OLD), NEW), (remove, (b"origin", OLD), None),
        (rename, (b"origin", OLD), None), (overwrite, (b"origin", OLD), NEW),
        (overwrite_pair, [b"origin", OLD], NEW), (replace, (b"origin", OLD), NEW),
        (replace_by_an_iterator, (b"origin", OLD), NEW),
    ],
)  # fmt: skip
async def test_headers_that_are_changed_between_two_middlewares_are_read_as_they_are(change, pair, allowed, copied):
    inner = CORSMiddleware(answer, allow_origins=[OLD.decode(), NEW.decode()])

    async def changing(scope, receive, send):
        scope = dict(scope) if copied else scope
        change(scope)
        await inner(scope, receive, send)

    headers = [(b"host", b"a"), *([pair] if pair else ())]
    reply = await run(ProxyHeadersMiddleware(RequestIDMiddleware(changing)), http_scope(headers=headers))
    assert dict(reply.headers).get(b"access-control-allow-origin") == allowed


@pytest.mark.parametrize("name", [b"x-key", b"X-Key"])
async def test_the_first_of_two_values_counts_whatever_their_spelling(name):
    app = RateLimitMiddleware(answer, "1/minute", key=by_header("X-Key"))
    statuses = []
    for headers in ([(name, b"a"), (name, b"b")], [(name, b"b"), (name, b"a")], [(name, b"a")]):
        statuses.append((await run(app, http_scope(headers=headers))).status)
    assert statuses == [200, 200, 429]
