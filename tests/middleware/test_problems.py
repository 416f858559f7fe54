"""Errors become problem details, where the client wants them and the application has said no more."""

from __future__ import annotations

import json

import anyio
import pytest

from asgi_middleware.bearer import BearerAuthMiddleware
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.decompression import DecompressionMiddleware
from asgi_middleware.problems import Problem, ProblemDetailsMiddleware, accepts_problems
from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.timeout import TimeoutMiddleware
from asgi_middleware.trustedhost import TrustedHostMiddleware
from raw_asgi import http_scope, request, run, websocket_scope


def answering(status, body=b"", *, headers=(), more=()):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for chunk in more:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": body})

    return app


def raising(exc):
    async def app(scope, receive, send):
        raise exc

    return app


TEXT = (b"Content-Type", b"text/plain; charset=utf-8")


async def test_a_bare_error_becomes_a_problem():
    app = answering(404, b"Not Found", headers=[TEXT, (b"content-length", b"9"), (b"allow", b"GET"), (b"etag", b'"a"')])
    reply = await request(ProblemDetailsMiddleware(app))
    assert json.loads(reply.body) == {"title": "Not Found", "type": "about:blank", "status": 404}
    assert (reply.status, reply.header("content-type")) == (404, "application/problem+json")
    assert int(reply.header("content-length")) == len(reply.body)
    assert (reply.header("allow"), reply.header("etag")) == ("GET", None)


async def test_the_text_of_a_4xx_is_its_detail_and_that_of_a_5xx_is_nobodys_business():
    reply = await request(ProblemDetailsMiddleware(answering(400, b"no such field: a", headers=[TEXT])))
    assert json.loads(reply.body)["detail"] == "no such field: a"
    reply = await request(ProblemDetailsMiddleware(answering(503, b"database password wrong", headers=[TEXT])))
    assert json.loads(reply.body) == {"title": "Service Unavailable", "type": "about:blank", "status": 503}


def refusing(name):
    """The middleware of this package that answers errors itself, and a request that each refuses."""
    ok = answering(200)
    bare = [(b"host", b"site.example")]
    return {
        400: (TrustedHostMiddleware(ok, allowed_hosts=["other.example"]), {"headers": bare}),
        401: (BearerAuthMiddleware(ok, lambda token, scope: None), {}),
        403: (CSRFMiddleware(ok), {"method": "POST", "headers": [(b"sec-fetch-site", b"cross-site")]}),
        413: (RequestBodyLimitMiddleware(ok, 1), {"method": "POST", "headers": [(b"content-length", b"9")]}),
        415: (DecompressionMiddleware(ok), {"method": "POST", "headers": [(b"content-encoding", b"made-up")]}),
        429: (RateLimitMiddleware(ok, "1/hour", cost=2), {}),
        503: (TimeoutMiddleware(lambda scope, receive, send: anyio.sleep_forever(), timeout=0.01), {}),
    }[name]


KEPT = {401: "www-authenticate", 429: "retry-after", 415: "accept-encoding"}


@pytest.mark.parametrize("status", [400, 401, 403, 413, 415, 429, 503])
async def test_what_other_middleware_refuses_is_a_problem_too(status):
    app, asked = refusing(status)
    plain = await request(app, **asked)
    reply = await request(ProblemDetailsMiddleware(app), **asked)
    assert (reply.status, reply.header("content-type")) == (status, "application/problem+json")
    assert json.loads(reply.body)["status"] == status
    kept = KEPT.get(status)
    assert kept is None or reply.header(kept) == plain.header(kept) is not None


async def test_head_gets_the_head_alone():
    reply = await request(ProblemDetailsMiddleware(answering(404)), "HEAD")
    assert (reply.body, int(reply.header("content-length")) > 10) == (b"", True)


@pytest.mark.parametrize(
    "app",
    [
        answering(200, b"ok", headers=[TEXT]),
        answering(404, b"{}", headers=[(b"content-type", b"application/json")]),
        answering(404, b"<p>", headers=[(b"content-type", b"text/html")]),
        answering(404, b"x", headers=[TEXT, (b"content-encoding", b"gzip")]),
        answering(404, b"x" * 3000, headers=[TEXT]),
        answering(404, b"end", headers=[TEXT], more=[b"a stream"]),
    ],
)
async def test_what_the_application_has_said_in_its_own_way_stays(app):
    plain, reply = await request(app), await request(ProblemDetailsMiddleware(app))
    assert reply.messages == plain.messages


async def test_answers_may_be_left_alone():
    assert (await request(ProblemDetailsMiddleware(answering(404, b"no"), plain=False))).body == b"no"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (b"", True),
        (b"*/*", True),
        (b"application/json", True),
        (b"application/problem+json;q=0.5, text/html;q=0.4", True),
        (b"application/*", True),
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        (b"text/html", False),
        (b"image/png", False),
        (b"application/json;q=0, */*", False),
    ],
)
async def test_the_client_decides(accept, wanted):
    assert accepts_problems([(b"accept", accept)] if accept else []) is wanted
    reply = await request(ProblemDetailsMiddleware(answering(404, b"no")), headers=[(b"accept", accept)])
    assert (reply.header("content-type") == "application/problem+json") is wanted


@pytest.mark.parametrize("accept", [b"application/json", b"text/html"])
async def test_a_cache_learns_that_the_client_has_decided(accept):
    app = answering(404, b"no", headers=[TEXT, (b"vary", b"cookie")])
    reply = await request(ProblemDetailsMiddleware(app), headers=[(b"accept", accept)])
    assert reply.header("vary") == "cookie, accept"
    reply = await request(ProblemDetailsMiddleware(answering(200, b"ok")), headers=[(b"accept", accept)])
    assert reply.header("vary") is None


async def test_to_head_no_other_length_is_reported_than_to_get():
    async def app(scope, receive, send):
        headers = [TEXT, (b"content-length", b"12")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"No such user"})

    got = await request(ProblemDetailsMiddleware(app))
    head = await request(ProblemDetailsMiddleware(app), "HEAD")
    assert head.header("content-length") in (None, got.header("content-length"))
    assert head.header("content-type") == got.header("content-type")


async def test_a_header_of_a_problem_cannot_become_two():
    app = ProblemDetailsMiddleware(raising(Problem(401, headers={"WWW-Authenticate": "x\r\nset-cookie: a=b"})))
    with pytest.raises(ValueError, match="control character"):
        await request(app)


async def test_a_problem_is_raised_with_all_its_members():
    problem = Problem(
        409, "Closed", type="https://a.example/closed", title="Account closed", instance="/accounts/7",
        headers={"Retry-After": "7"}, account=7,
    )  # fmt: skip
    reply = await request(ProblemDetailsMiddleware(raising(problem), extend=lambda scope: {"path": scope["path"]}))
    assert json.loads(reply.body) == {
        "type": "https://a.example/closed",
        "title": "Account closed",
        "status": 409,
        "detail": "Closed",
        "instance": "/accounts/7",
        "account": 7,
        "path": "/",
    }
    assert (reply.status, reply.header("retry-after"), str(problem)) == (409, "7", "Closed")


async def test_a_problem_is_reported_to_a_browser_too():
    app = ProblemDetailsMiddleware(raising(Problem(403)))
    assert (await request(app, headers=[(b"accept", b"text/html")])).status == 403


async def test_exceptions_are_described_or_answered_and_raised():
    def describe(scope, exc):
        return Problem(404, f"{exc.args[0]} is not here") if isinstance(exc, LookupError) else None

    reply = await request(ProblemDetailsMiddleware(raising(KeyError("x")), describe=describe))
    assert (reply.status, json.loads(reply.body)["detail"]) == (404, "x is not here")
    middleware = ProblemDetailsMiddleware(raising(ValueError("secret")), describe=describe)
    from raw_asgi import Reply

    reply = Reply()
    with pytest.raises(ValueError, match="^secret$"):
        await run(middleware, http_scope(), reply=reply)
    assert json.loads(reply.body) == {"title": "Internal Server Error", "type": "about:blank", "status": 500}
    reply = Reply()
    with pytest.raises(ValueError, match="^secret$"):
        await run(middleware, http_scope(headers=[(b"accept", b"text/html")]), reply=reply)
    assert reply.messages == []


async def test_nothing_is_sent_twice():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        raise Problem(409)

    from raw_asgi import Reply

    reply = Reply()
    with pytest.raises(Problem):
        await run(ProblemDetailsMiddleware(app), http_scope(), reply=reply)
    assert [message["type"] for message in reply.messages] == ["http.response.start"]


@pytest.mark.parametrize(
    ("between", "after"),
    [
        ({"type": "http.response.early_hint", "links": []}, False),
        ({"type": "http.response.pathsend", "path": "/a"}, True),
    ],
)
async def test_other_messages_keep_their_place(between, after):
    start = {"type": "http.response.start", "status": 404, "headers": []}

    async def app(scope, receive, send):
        await send(start)
        await send(between)

    reply = await request(ProblemDetailsMiddleware(app))
    assert reply.messages == ([start, between] if after else [between, start])


async def test_trailers_and_unknown_statuses():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "trailers": True})
        await send({"type": "http.response.body", "body": b"x"})
        await send({"type": "http.response.trailers", "headers": []})

    assert (await request(ProblemDetailsMiddleware(app))).types[-1] == "http.response.trailers"
    assert json.loads((await request(ProblemDetailsMiddleware(answering(499)))).body)["title"] == "Error"


async def test_websockets_pass():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    assert (await run(ProblemDetailsMiddleware(app), websocket_scope())).types == ["websocket.accept"]


@pytest.mark.parametrize("status", [200, 399, 600])
def test_a_problem_is_an_error(status):
    with pytest.raises(ValueError, match="400 to 599"):
        Problem(status)
