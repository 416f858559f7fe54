"""CORSMiddleware: preflight answers, grants, Vary, and what is refused."""

from __future__ import annotations

import pytest

from asgi_middleware.cors import ALL_METHODS, SAFELISTED_HEADERS, CORSMiddleware
from wire import request, run, websocket_scope

SITE = "https://shop.example"
PREFLIGHT_VARY = (
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
)
HEADERS = [(b"content-type", b"text/plain")]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}


async def app(scope, receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"hello"})


def answering(headers):
    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": headers, "x": 1})
        await send({"type": "http.response.body", "body": b"hello"})

    return answer


def origin(value=SITE):
    return [(b"origin", value.encode("latin-1"))]


def preflight(method="GET", headers=None, value=SITE, *more):
    asked = [(b"Access-Control-Request-Method", method.encode())]
    if headers is not None:
        asked += [(b"access-control-request-headers", line.encode()) for line in headers]
    return [*origin(value), *asked, *more]


def granted(reply):
    return {name.decode() for name, _ in reply.headers if name.startswith(b"access-control-")}


async def test_a_preflight_is_answered_as_starlette_does():
    cors = CORSMiddleware(app, [SITE], ["POST"], ["X-A", "b"], expose_headers=["x"])
    reply = await request(cors, "OPTIONS", headers=preflight("POST", ["x-a, B"]))
    assert (reply.status, reply.text) == (200, "OK")
    assert dict(reply.headers) == {
        b"vary": PREFLIGHT_VARY.encode(),
        b"access-control-allow-methods": b"POST",
        b"access-control-max-age": b"600",
        b"access-control-allow-headers": b"Accept, Accept-Language, Content-Language, Content-Type, X-A, b",
        b"access-control-allow-origin": SITE.encode(),
        b"content-length": b"2",
        b"content-type": b"text/plain; charset=utf-8",
    }


async def test_a_preflight_may_be_answered_204():
    cors = CORSMiddleware(app, [SITE], allow_credentials=True, max_age=0, preflight_status=204)
    reply = await request(cors, "OPTIONS", headers=preflight())
    assert (reply.status, reply.body, reply.header("content-length")) == (204, b"", None)
    assert reply.header("access-control-allow-credentials") == "true"
    assert reply.header("access-control-max-age") == "0"


@pytest.mark.parametrize(
    ("method", "headers", "site", "text"),
    [
        ("GET", None, "https://evil.example", "Disallowed CORS origin"),
        ("PUT", None, SITE, "Disallowed CORS method"),
        ("get", None, SITE, "Disallowed CORS method"),
        ("GET", ["x-b"], SITE, "Disallowed CORS headers"),
        ("GET", ["x a"], SITE, "Disallowed CORS headers"),
        ("GET", ["x" * 9000], SITE, "Disallowed CORS headers"),
        ("PUT", ["x-b"], "https://evil.example", "Disallowed CORS origin, method, headers"),
    ],
)
async def test_a_refused_preflight_says_why_and_grants_nothing(method, headers, site, text):
    cors = CORSMiddleware(app, [SITE], allow_headers=["x-a"], allow_credentials=True)
    reply = await request(cors, "OPTIONS", headers=preflight(method, headers, site))
    assert (reply.status, reply.text) == (400, text)
    assert granted(reply) == set()
    assert reply.header("vary") == PREFLIGHT_VARY


@pytest.mark.parametrize("lines", [[""], [","], ["x-a,,\t x-b ,"], ["x-a", "X-B"], ["," * 20 + "x-a"], None])
async def test_requested_headers_may_be_empty_spaced_and_split(lines):
    cors = CORSMiddleware(app, [SITE], allow_headers=["X-A", "x-b"])
    assert (await request(cors, "OPTIONS", headers=preflight("GET", lines))).status == 200


@pytest.mark.parametrize(("lines", "echo"), [(["x-a,zz"], "x-a,zz"), (["a", "b"], "a, b"), ([""], None), (None, None)])
async def test_any_header_is_allowed_by_echoing_what_was_asked(lines, echo):
    cors = CORSMiddleware(app, ["*"], ["*"], ["*"])
    reply = await request(cors, "OPTIONS", headers=preflight("QUERY", lines))
    assert reply.header("access-control-allow-headers") == echo
    assert reply.header("access-control-allow-methods") == ", ".join(ALL_METHODS)
    assert reply.header("access-control-allow-origin") == "*"


async def test_what_would_split_a_response_is_not_echoed():
    cors = CORSMiddleware(app, ["*"], allow_headers=["*"], allow_credentials=True)
    reply = await request(cors, "OPTIONS", headers=preflight("GET", ["x\r\nset-cookie: a"]))
    assert (reply.status, granted(reply)) == (400, set())
    reply = await request(cors, headers=[(b"origin", b"https://a\r\nb")])
    assert granted(reply) == set()


async def test_the_private_network_is_allowed_only_on_request():
    asked = (b"access-control-request-private-network", b"true")
    closed = await request(CORSMiddleware(app, [SITE]), "OPTIONS", headers=preflight("GET", None, SITE, asked))
    assert (closed.status, closed.text) == (400, "Disallowed CORS private-network")
    cors = CORSMiddleware(app, [SITE], allow_private_network=True)
    opened = await request(cors, "OPTIONS", headers=preflight("GET", None, SITE, asked))
    assert opened.header("access-control-allow-private-network") == "true"
    assert (await request(cors, "OPTIONS", headers=preflight())).header("access-control-allow-private-network") is None


@pytest.mark.parametrize("headers", [origin(), [(b"access-control-request-method", b"GET")]])
async def test_other_options_requests_reach_the_application(headers):
    assert (await request(CORSMiddleware(app, [SITE]), "OPTIONS", headers=headers)).text == "hello"


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize("expose", [(), ("x", "y")])
async def test_an_allowed_origin_may_read_the_response(credentials, expose):
    cors = CORSMiddleware(app, [SITE], allow_credentials=credentials, expose_headers=expose)
    reply = await request(cors, headers=origin())
    assert reply.header("access-control-allow-origin") == SITE
    assert reply.header("access-control-allow-credentials") == ("true" if credentials else None)
    assert reply.header("access-control-expose-headers") == ("x, y" if expose else None)
    assert reply.header("vary") == "Origin"


@pytest.mark.parametrize(
    "headers", [[], origin("https://evil.example"), origin("null"), origin("https://shop.example ")]
)
async def test_other_origins_are_granted_nothing(headers):
    cors = CORSMiddleware(app, [SITE], allow_credentials=True, expose_headers=["x"])
    reply = await request(cors, headers=headers)
    assert (granted(reply), reply.header("vary"), reply.text) == (set(), "Origin", "hello")


async def test_any_origin_gets_a_star_and_with_credentials_its_own_name():
    assert (await request(CORSMiddleware(app, "*"), headers=origin())).header("access-control-allow-origin") == "*"
    cors = CORSMiddleware(app, ["*"], allow_credentials=True)
    for value in (SITE, "null", "capacitor://localhost"):
        reply = await request(cors, headers=origin(value))
        assert reply.header("access-control-allow-origin") == value
    assert granted(await request(cors, headers=origin("https://é.example"))) == set()


@pytest.mark.parametrize(
    ("patterns", "regex", "allowed", "refused"),
    [
        (["https://*.shop.example"], None, ["https://a.shop.example", "https://a.b.shop.example"], [SITE]),
        (["http://localhost:*"], None, ["http://localhost", "http://localhost:3000"], ["http://localhost:x"]),
        ([], r"https://(a|b)\.example", ["https://a.example"], ["https://a.example.evil", "xhttps://a.example"]),
        (["http://[::1]:8000", "null"], None, ["http://[::1]:8000", "null"], ["http://[::1]"]),
        (["chrome-extension://abcdef"], None, ["chrome-extension://abcdef"], ["chrome-extension://abc"]),
        (SITE, None, [SITE], ["https", "https://shop"]),
    ],
)
async def test_origins_may_be_patterns_that_match_as_a_whole(patterns, regex, allowed, refused):
    cors = CORSMiddleware(app, patterns, allow_origin_regex=regex)
    for value in allowed:
        assert (await request(cors, headers=origin(value))).header("access-control-allow-origin") == value
    for value in refused:
        assert granted(await request(cors, headers=origin(value))) == set()


async def test_a_subclass_may_decide_about_origins():
    class Friends(CORSMiddleware):
        def is_allowed_origin(self, origin):
            return origin.startswith("https://friend")

    cors = Friends(app, [SITE])
    assert granted(await request(cors, headers=origin())) == set()
    assert granted(await request(cors, headers=origin("https://friend.example"))) == {"access-control-allow-origin"}


async def test_origins_may_be_asked_about_at_once_or_later():
    async def later(value, scope):
        return value.endswith(scope["path"][1:])

    cors = CORSMiddleware(app, origin_check=later, vary=["X-Tenant"])
    reply = await request(cors, path="/a.example", headers=origin("https://a.example"))
    assert reply.header("access-control-allow-origin") == "https://a.example"
    assert reply.header("vary") == "Origin, X-Tenant"
    assert granted(await request(cors, path="/b.example", headers=origin("https://a.example"))) == set()
    cors = CORSMiddleware(app, origin_check=lambda value, scope: True)
    assert granted(await request(cors, headers=origin())) == {"access-control-allow-origin"}


@pytest.mark.parametrize("container", [list, tuple, iter, lambda pairs: [[*pair] for pair in pairs]])
async def test_the_applications_headers_are_merged_in_any_container(container):
    theirs = [
        (b"Vary", b"Accept, origin"),
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"\xff"),
        (b"vary", b"accept"),
    ]
    reply = await request(CORSMiddleware(answering(container(theirs)), [SITE]), headers=origin())
    assert reply.header("access-control-allow-origin") == SITE
    assert reply.all("set-cookie") == ["a", "\xff"]
    assert reply.header("vary") == "Accept, origin"
    assert reply.start["x"] == 1


async def test_vary_star_stays_and_missing_headers_are_none():
    assert (await request(CORSMiddleware(answering([(b"vary", b"*")])))).header("vary") == "*"

    async def bare(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    assert (await request(CORSMiddleware(bare))).headers == [(b"vary", b"Origin")]


async def test_two_of_them_send_each_header_once():
    cors = CORSMiddleware(CORSMiddleware(app, [SITE]), [SITE])
    reply = await request(cors, headers=origin())
    assert sorted(reply.headers) == [(b"access-control-allow-origin", SITE.encode()), *HEADERS, (b"vary", b"Origin")]


async def test_a_list_that_the_application_keeps_is_not_touched():
    cors = CORSMiddleware(app, [SITE])
    for _ in range(3):
        await request(cors, headers=origin())
    assert START == {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    assert (await request(cors)).headers == [*HEADERS, (b"vary", b"Origin")]


async def failing(scope, receive, send):
    if scope["path"] == "/late":
        await send(START)
    raise LookupError("no")


@pytest.mark.parametrize(
    ("expose", "path", "sent"), [(False, "/", []), (True, "/", ["start", "body"]), (True, "/late", ["start"])]
)
async def test_an_exception_may_be_answered_readably_and_goes_on(expose, path, sent):
    from wire import Reply, http_scope

    reply = Reply()
    cors = CORSMiddleware(failing, [SITE], expose_errors=expose)
    with pytest.raises(LookupError) as caught:
        await run(cors, http_scope("GET", path, headers=origin()), reply=reply)
    assert caught.value.__context__ is None
    assert [kind.rpartition(".")[2] for kind in reply.types] == sent
    if sent == ["start", "body"]:
        assert (reply.status, reply.text) == (500, "Internal Server Error")
        assert reply.header("access-control-allow-origin") == SITE


async def websocket_app(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})


@pytest.mark.parametrize(
    ("headers", "options", "accepted"),
    [
        ([], {}, True),
        (origin(), {}, True),
        (origin("https://a.shop.example"), {}, True),
        (origin("https://evil.example"), {}, False),
        (origin("null"), {}, False),
        (origin("https://us.example"), {"host": "US.example"}, True),
        (origin("https://us.example"), {"host": "us.example:443"}, True),
        (origin("https://us.example:8000"), {"host": "us.example"}, False),
        (origin("https://"), {"host": ""}, False),
    ],
)
async def test_a_websocket_of_another_origin_is_refused_on_demand(headers, options, accepted):
    cors = CORSMiddleware(websocket_app, [SITE, "https://*.shop.example"], check_websocket_origin=True)
    scope = websocket_scope(headers=[*headers, *((name.encode(), value.encode()) for name, value in options.items())])
    reply = await run(cors, scope, [{"type": "websocket.connect"}])
    assert (reply.types == ["websocket.accept"]) is accepted
    if not accepted:
        assert (reply.status, reply.text) == (403, "Disallowed WebSocket origin")


async def test_websockets_pass_unless_they_are_to_be_checked():
    scope = websocket_scope(headers=origin("https://evil.example"))
    for cors in (
        CORSMiddleware(websocket_app, [SITE]),
        CORSMiddleware(websocket_app, ["*"], check_websocket_origin=True),
    ):
        assert (await run(cors, scope, [{"type": "websocket.connect"}])).types == ["websocket.accept"]


async def test_request_headers_may_be_a_generator():
    async def reading(scope, receive, send):
        assert [*scope["headers"]] == origin()
        await app(scope, receive, send)

    from wire import http_scope

    scope = http_scope() | {"headers": iter(origin())}
    assert granted(await run(CORSMiddleware(reading, [SITE]), scope)) == {"access-control-allow-origin"}


@pytest.mark.parametrize(
    "options",
    [
        {"allow_origins": ["https://shop.example/"]},
        {"allow_origins": ["shop.example"]},
        {"allow_origins": ["https://Shop.example"]},
        {"allow_origins": ["https://shop.example:443"]},
        {"allow_origins": ["http://shop.example:80"]},
        {"allow_origins": ["http://shop.example:99999"]},
        {"allow_origins": ["https://h*.example"]},
        {"allow_origins": ["https://bücher.example"]},
        {"allow_origins": [""]},
        {"allow_origin_regex": "("},
        {"allow_methods": ["GET POST"]},
        {"allow_headers": [""]},
        {"expose_headers": ["a\r\nb"]},
        {"max_age": -1},
        {"preflight_status": 403},
        {"allow_origins": ["*"], "allow_credentials": True, "reflect_any_origin": False},
    ],
)
def test_a_configuration_that_could_not_work_is_refused(options):
    with pytest.raises(ValueError, match="."):
        CORSMiddleware(app, **options)


def test_the_constants_are_starlettes():
    assert ALL_METHODS == ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
    assert {"Accept", "Accept-Language", "Content-Language", "Content-Type"} == SAFELISTED_HEADERS
