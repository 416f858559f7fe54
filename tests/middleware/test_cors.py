"""CORSMiddleware: preflight answers, grants, Vary, and what is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum

import pytest

from asgi_middleware import ConfigurationWarning
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.cors import ALL_METHODS, SAFELISTED_HEADERS, CORSMiddleware
from asgi_middleware.errors import ServerErrorMiddleware
from raw_asgi import Reply, http_scope, request, run, websocket_scope

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
    cors = CORSMiddleware(app, [SITE], ["POST"], ["X-A", "b", "Content-Type"], expose_headers=["x"])
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
async def test_a_refused_preflight_says_why_and_what_is_allowed(method, headers, site, text):
    cors = CORSMiddleware(app, [SITE], allow_headers=["x-a"], allow_credentials=True)
    reply = await request(cors, "OPTIONS", headers=preflight(method, headers, site))
    assert (reply.status, reply.text) == (400, text)
    assert reply.header("access-control-allow-methods") == "GET"
    assert reply.header("access-control-allow-origin") == (SITE if site == SITE else None)
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
    assert (reply.status, reply.header("access-control-allow-headers")) == (400, None)
    reply = await request(cors, headers=[(b"origin", b"https://a\r\nb")])
    assert granted(reply) == set()


async def test_a_preflight_without_a_method_in_it_is_answered_too():
    assert (
        await request(CORSMiddleware(app, [SITE]), "OPTIONS", headers=preflight(""))
    ).text == "Disallowed CORS method"


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
        (
            [],
            "https://.*",
            [SITE],
            ["https://a b", "https://a,b", "https://a\tb", "https://é"],
        ),  # no browser sends them
    ],
)
async def test_origins_may_be_patterns_that_match_as_a_whole(patterns, regex, allowed, refused):
    cors = CORSMiddleware(app, patterns, allow_origin_regex=regex)
    for value in allowed:
        assert (await request(cors, headers=origin(value))).header("access-control-allow-origin") == value
    for value in refused:
        assert granted(await request(cors, headers=origin(value))) == set()


async def test_only_options_is_a_preflight():
    cors = CORSMiddleware(app, [SITE])
    assert (await request(cors, "OPTIONS", headers=preflight())).text == "OK"
    for method in ("GET", "PATCH", "POST", "QUERY"):
        assert (await request(cors, method, headers=preflight())).text == "hello"


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


async def test_every_name_that_the_answer_depends_on_is_in_vary():
    cors = CORSMiddleware(answering([(b"Vary", b"x-tenant, Accept")]), [SITE], vary=["X-Tenant", "X-B"])
    assert (await request(cors, headers=origin())).header("vary") == "x-tenant, Accept, Origin, X-B"
    answer = await request(cors, "OPTIONS", headers=preflight())
    assert answer.header("vary") == f"{PREFLIGHT_VARY}, X-Tenant, X-B"


async def test_vary_star_stays_and_missing_headers_are_none():
    assert (await request(CORSMiddleware(answering([(b"vary", b"*")])))).header("vary") == "*"

    async def bare(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    assert (await request(CORSMiddleware(bare))).headers == [(b"vary", b"Origin")]


async def test_headers_of_the_application_are_replaced_by_those_of_the_configuration():
    theirs = [(b"Access-Control-Expose-Headers", b"x-theirs"), (b"access-control-allow-methods", b"x")]
    reply = await request(CORSMiddleware(answering(theirs), [SITE], expose_headers=["x-ours"]), headers=origin())
    assert reply.header("access-control-expose-headers") == "x-ours"
    assert reply.header("access-control-allow-methods") == "x"


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
    reply = Reply()
    cors = CORSMiddleware(failing, [SITE], expose_errors=expose)
    with pytest.raises(LookupError) as caught:
        await run(cors, http_scope("GET", path, headers=origin()), reply=reply)
    assert caught.value.__context__ is None
    assert [kind.rpartition(".")[2] for kind in reply.types] == sent
    if sent == ["start", "body"]:
        assert (reply.status, reply.text) == (500, "Internal Server Error")
        assert reply.header("access-control-allow-origin") == SITE


async def page(scope, exc):
    return answering([(b"content-type", b"text/html"), (b"vary", b"Accept"), (b"access-control-allow-origin", b"x")])


@pytest.mark.parametrize(
    ("options", "body"),
    [({"handler": page}, b"hello"), ({"debug": True}, b"LookupError: no"), ({}, b"Internal Server Error")],
)
async def test_the_answer_of_an_outer_middleware_to_an_exception_is_the_one_that_is_readable(options, body):
    class Between:
        """Something that wraps `send`, and is done with it when the exception has passed."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def send_on(message):
                await send(message)

            await self.app(dict(scope), receive, send_on)

    cors = CORSMiddleware(failing, [SITE], allow_credentials=True, expose_errors=True)
    for outer in (cors, Between(cors), CORSMiddleware(cors, [SITE], expose_errors=True)):
        reply = Reply()
        errors = ServerErrorMiddleware(outer, **options)
        with pytest.raises(LookupError):
            await run(errors, http_scope(headers=origin()), reply=reply)
        assert body in reply.body
        assert reply.header("access-control-allow-origin") == SITE
        assert reply.header("access-control-allow-credentials") == "true"
        assert reply.header("vary").startswith(
            "Accept, Origin" if "handler" in options or "debug" in options else "Ori"
        )


async def test_without_expose_errors_the_answer_to_an_exception_is_left_alone():
    reply = Reply()
    with pytest.raises(LookupError):
        await run(ServerErrorMiddleware(CORSMiddleware(failing, [SITE])), http_scope(headers=origin()), reply=reply)
    assert granted(reply) == set()


@pytest.mark.parametrize("outside", [True, False])
async def test_the_refusal_of_a_large_body_is_readable(outside):
    """By a limit inside; one outside answers before any page is known."""
    cors = CORSMiddleware(app, [SITE])
    limited = CORSMiddleware(RequestBodyLimitMiddleware(app, 10, overridable=False), [SITE])
    reply = await request(
        RequestBodyLimitMiddleware(cors, 10, overridable=False) if outside else limited,
        "POST",
        headers=[*origin(), (b"content-length", b"20")],
        body=b"a" * 20,
    )
    assert reply.status == 413
    assert granted(reply) == (set() if outside else {"access-control-allow-origin"})


async def websocket_app(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})


@pytest.mark.parametrize(
    ("headers", "host", "scheme", "accepted"),
    [
        ([], None, "ws", True),
        (origin(), None, "ws", True),
        (origin("https://a.shop.example"), None, "wss", True),
        (origin("https://evil.example"), None, "wss", False),
        (origin("null"), "us.example", "ws", False),
        (origin("https://us.example"), "US.example", "wss", True),
        (origin("https://us.example"), "us.example:443", "wss", True),
        (origin("https://us.example:443"), "us.example", "https", True),
        (origin("https://us.example:8000"), "us.example:8000", "wss", True),
        (origin("https://us.example:8000"), "us.example", "wss", False),
        (origin("http://us.example"), "us.example", "ws", True),
        (origin("http://us.example"), "us.example:80", "http", True),
        (origin("http://us.example"), "us.example:443", "ws", False),
        # A network attacker answers for http://us.example: its page must not use the cookies of https.
        (origin("http://us.example"), "us.example", "wss", False),
        (origin("http://us.example:443"), "us.example:443", "wss", False),
        (origin("http://us.example"), "us.example", "https", False),
        # The server knows nothing of the proxy that ended TLS: a browser opens no ws from an https page.
        (origin("https://us.example"), "us.example", "ws", True),
        (origin("https://us.example"), "us.example", "", True),
        (origin("https://us.example"), "us.example", "unknown", True),
        (origin("http://us.example"), "us.example", "unknown", False),
        (origin("http://[::1]:8000"), "[0::1]:8000", "ws", True),
        (origin("https://"), "", "wss", False),
        (origin("us.example"), "us.example", "ws", False),
        (origin("https://us.example"), None, "wss", False),
    ],
)
async def test_a_websocket_of_another_origin_is_rejected_on_demand(headers, host, scheme, accepted):
    cors = CORSMiddleware(websocket_app, [SITE, "https://*.shop.example"], check_websocket_origin=True)
    named = [] if host is None else [(b"host", host.encode())]
    reply = await run(cors, websocket_scope(headers=[*headers, *named], scheme=scheme), [{"type": "websocket.connect"}])
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

    scope = http_scope() | {"headers": iter(origin())}
    assert granted(await run(CORSMiddleware(reading, [SITE]), scope)) == {"access-control-allow-origin"}


@pytest.mark.parametrize(
    ("entry", "origin_sent"),
    [
        ("https://shop.example/", SITE),
        ("https://Shop.Example", SITE),
        ("HTTPS://shop.example", SITE),
        ("https://shop.example:443", SITE),
        ("https://shop.example:0443/", SITE),
        ("https://shop.example:", SITE),
        ("http://shop.example:80/", "http://shop.example"),
        (" https://shop.example ", SITE),
        ("https://shop.example\n", SITE),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://B\u00dcCHER\u3002example:8000", "https://xn--bcher-kva.example:8000"),
        ("https://stra\u00dfe.example", "https://xn--strae-oqa.example"),
        ("http://[0:0::1]:8000", "http://[::1]:8000"),
        ("https://*.Shop.example/", "https://a.shop.example"),
        ("http://LOCALHOST:*", "http://localhost:3000"),
        ("capacitor://localhost/", "capacitor://localhost"),
        ("https://a.example, https://shop.example", SITE),
        ("https://a.example,https://shop.example,", SITE),
    ],
)
async def test_an_origin_that_means_one_is_read_as_it_with_a_warning(entry, origin_sent):
    with pytest.warns(ConfigurationWarning, match=r"allow_origins: .* is read as .*: write ") as caught:
        cors = CORSMiddleware(app, [entry])
    assert repr(entry) in str(caught[0].message)
    assert caught[0].filename == __file__
    reply = await request(cors, headers=origin(origin_sent))
    assert reply.header("access-control-allow-origin") == origin_sent


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("", "leave it out"),
        (" , ", "leave it out"),
        (None, "leave it out"),
        ("shop.example", "write 'https://shop.example' or 'http://shop.example'"),
        ("localhost:3000", "write 'https://localhost:3000' or 'http://localhost:3000'"),
        ("https://shop.example/app", "write 'https://shop.example'"),
        ("https://shop.example//", "write 'https://shop.example'"),
        ("wss://shop.example", "write 'https://shop.example'"),
        ("ws://shop.example:8000/socket", "write 'http://shop.example:8000'"),
        ("https://user@shop.example", "scheme://host"),
        ("https://h*.example", "scheme://host"),
        ("https://*", "scheme://host"),
        ("https://*.*.example", "scheme://host"),
        ("https://shop.example:80:*", "scheme://host"),
        ("http://shop.example:99999", "scheme://host"),
        ("https://shop.example?x", "scheme://host"),
        ("https://", "scheme://host"),
        ("http", "write 'https://http'"),
        ("https://a b.example", "scheme://host"),
        ("http://[::g]", "scheme://host"),
        ("no scheme://x", "scheme://host"),
    ],
)
async def test_an_origin_that_no_browser_sends_is_ignored_with_a_warning(entry, advice):
    with pytest.warns(ConfigurationWarning) as caught:
        cors = CORSMiddleware(app, [SITE, entry])
    assert f"allow_origins: {entry!r} is ignored: " in str(caught[-1].message)
    assert advice in str(caught[-1].message)
    assert (await request(cors, headers=origin())).header("access-control-allow-origin") == SITE
    if entry:
        assert granted(await request(cors, headers=origin(entry))) == set()


async def test_origins_may_be_url_objects_or_strings_of_another_class():
    class Url:
        def __str__(self):
            return "https://shop.example/"

    class Site(str, Enum):
        SHOP = "https://shop.example"

    for origins in ([Url()], Url(), [Site.SHOP], Site.SHOP, iter([SITE])):
        cors = CORSMiddleware(app, origins)
        assert (await request(cors, headers=origin())).header("access-control-allow-origin") == SITE


async def test_no_origins_at_all_warn_and_let_none_read():
    with pytest.warns(ConfigurationWarning, match="allow_origins: None is ignored"):
        cors = CORSMiddleware(app, None)
    assert granted(await request(cors, headers=origin())) == set()


@pytest.mark.parametrize(
    ("options", "message", "header", "value"),
    [
        ({"allow_methods": ["get", "PUT"]}, "allow_methods: 'get' is read as 'GET'", "methods", "GET, PUT"),
        ({"allow_methods": "GET, POST"}, "allow_methods: 'GET, POST' is read as", "methods", "GET, POST"),
        ({"allow_methods": ["GET POST", "PUT"]}, "allow_methods: 'GET POST' is ignored", "methods", "PUT"),
        ({"allow_headers": ["x-a,x-b"]}, "allow_headers: 'x-a,x-b' is read as", "headers", "x-a, x-b"),
        ({"allow_headers": ["", "x-a"]}, "allow_headers: '' is ignored: leave it out", "headers", "x-a"),
        ({"allow_headers": ["x a"]}, "allow_headers: 'x a' is ignored: a name has", "headers", "Content-Type"),
        ({"max_age": -1}, "max_age: -1 is read as 0", "max-age", "0"),
        ({"max_age": "10m"}, "max_age: '10m' is ignored: write a whole number of seconds", "max-age", None),
        ({"max_age": timedelta(1)}, "max_age: .* is ignored: write a whole number", "max-age", None),
    ],
)
async def test_an_entry_of_another_kind_is_corrected_or_ignored_with_a_warning(options, message, header, value):
    with pytest.warns(ConfigurationWarning, match=re.escape(message).replace(r"\.\*", ".*")):
        cors = CORSMiddleware(app, [SITE], **options)
    reply = await request(cors, "OPTIONS", headers=preflight("PUT"))
    sent = reply.header(f"access-control-{'allow-' if header != 'max-age' else ''}{header}")
    assert sent == value if header != "headers" else value in sent


@pytest.mark.parametrize(("max_age", "sent"), [(None, None), ("600", "600"), (60.0, "60"), (0, "0")])
async def test_the_age_of_a_preflight_may_be_left_to_the_browser(max_age, sent):
    reply = await request(CORSMiddleware(app, [SITE], max_age=max_age), "OPTIONS", headers=preflight())
    assert reply.header("access-control-max-age") == sent


async def test_a_method_that_browsers_leave_in_lower_case_is_another():
    cors = CORSMiddleware(app, [SITE], ["patch"])
    assert (await request(cors, "OPTIONS", headers=preflight("patch"))).status == 200
    assert (await request(cors, "OPTIONS", headers=preflight("PATCH"))).status == 400


@pytest.mark.parametrize(
    "options",
    [
        {"allow_origin_regex": "("},
        {"allow_headers": ["a\r\nb"]},
        {"expose_headers": ["a\r\nset-cookie: b"]},
        {"vary": ["a\0b"]},
        {"preflight_status": 403},
        {"allow_origins": ["*"], "allow_credentials": True, "reflect_any_origin": False},
    ],
)
def test_a_configuration_that_is_unsafe_or_has_no_meaning_is_refused(options):
    with pytest.raises(ValueError, match="."):
        CORSMiddleware(app, **options)


def test_the_constants_are_starlettes():
    assert ALL_METHODS == ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
    assert {"Accept", "Accept-Language", "Content-Language", "Content-Type"} == SAFELISTED_HEADERS


@pytest.mark.parametrize("value", [None, "app:app", {}])
def test_what_is_not_an_application_is_refused_where_it_is_passed(value):
    with pytest.raises(TypeError, match="CORSMiddleware needs an ASGI application, not "):
        CORSMiddleware(value)
