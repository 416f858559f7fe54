"""Security headers where the application has none, and a nonce only for pages that ask for one."""

from __future__ import annotations

import re

import pytest

from asgi_middleware.security_headers import NONCE, SELF, SecurityHeadersMiddleware, csp_nonce
from raw_asgi import http_scope, request, run, websocket_scope


def answering(*headers, status=200, nonce=False):
    async def app(scope, receive, send):
        body = csp_nonce(scope).encode() if nonce else b""
        assert not nonce or csp_nonce(scope).encode() == body
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def ask(app, *, scheme="http", **options):
    return await run(SecurityHeadersMiddleware(app, **options), http_scope(scheme=scheme))


async def test_the_defaults_are_those_of_helmet():
    reply = await ask(answering((b"content-type", b"text/html")), scheme="https")
    assert dict(reply.headers) == {
        b"content-type": b"text/html",
        b"content-security-policy": b"default-src 'self'; base-uri 'self'; font-src 'self' https: data:; "
        b"form-action 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; script-src 'self'; "
        b"script-src-attr 'none'; style-src 'self' https: 'unsafe-inline'; upgrade-insecure-requests",
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"origin-agent-cluster": b"?1",
        b"referrer-policy": b"no-referrer",
        b"strict-transport-security": b"max-age=31536000; includeSubDomains",
        b"x-content-type-options": b"nosniff",
        b"x-dns-prefetch-control": b"off",
        b"x-download-options": b"noopen",
        b"x-frame-options": b"SAMEORIGIN",
        b"x-permitted-cross-domain-policies": b"none",
        b"x-xss-protection": b"0",
    }


async def test_hsts_is_sent_over_https_alone():
    assert (await ask(answering())).header("strict-transport-security") is None
    reply = await ask(answering(), scheme="https", strict_transport_security="max-age=60")
    assert reply.header("strict-transport-security") == "max-age=60"
    reply = await ask(answering(), scheme="https", strict_transport_security=None)
    assert reply.header("strict-transport-security") is None


async def test_what_the_application_sets_stays():
    reply = await ask(answering((b"X-Frame-Options", b"DENY"), (b"Content-Security-Policy", b"default-src 'none'")))
    assert reply.all("x-frame-options") == ["DENY"]
    assert reply.all("content-security-policy") == ["default-src 'none'"]


async def test_what_tells_too_much_is_removed():
    app = answering((b"X-Powered-By", b"PHP"), (b"server", b"mine"))
    assert (await ask(app)).all("x-powered-by") == []
    assert (await ask(app, hide=["Server"])).header("server") is None
    assert (await ask(app, hide=[])).header("x-powered-by") == "PHP"


async def test_a_default_is_replaced_or_left_out():
    reply = await ask(answering(), headers={"X-Frame-Options": None, "referrer-policy": "origin", "x-more": "1"})
    assert reply.header("x-frame-options") is None
    assert (reply.header("referrer-policy"), reply.header("x-more")) == ("origin", "1")


async def test_a_policy_may_be_yours_only_reported_or_none():
    policy = {"default-src": "'none'", "script-src": [SELF, "https://cdn.example"]}
    reply = await ask(answering(), content_security_policy=policy, report_only=True)
    assert reply.header("content-security-policy") is None
    expected = "default-src 'none'; script-src 'self' https://cdn.example"
    assert reply.header("content-security-policy-report-only") == expected
    assert (await ask(answering(), content_security_policy=None)).header("content-security-policy") is None


async def test_a_page_that_asks_for_a_nonce_gets_one_of_its_own():
    app = answering(nonce=True)
    policies = set()
    for _ in range(2):
        reply = await ask(app, content_security_policy={"script-src": [SELF, NONCE], "style-src": NONCE})
        assert len(reply.text) >= 22
        policy = reply.header("content-security-policy")
        assert policy == f"script-src 'self' 'nonce-{reply.text}'; style-src 'nonce-{reply.text}'"
        assert reply.header("cache-control") == "no-store"
        policies.add(policy)
    assert len(policies) == 2


async def test_a_page_with_a_nonce_keeps_a_policy_of_its_own():
    reply = await ask(answering((b"content-security-policy", b"script-src 'none'"), nonce=True))
    assert reply.all("content-security-policy") == ["script-src 'none'"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (b"private, max-age=60", "private, max-age=60"),
        (b"No-Store", "No-Store"),
        (b"no-cache", "no-cache"),
        (b"public, max-age=60", "no-store"),
    ],
)
async def test_a_page_with_a_nonce_is_never_stored_by_mistake(given, sent, caplog):
    reply = await ask(answering((b"x-a", b"1"), (b"Cache-Control", given), nonce=True))
    assert reply.header("cache-control") == sent
    assert ("is cacheable" in caplog.text) is (sent == "no-store")


@pytest.mark.parametrize("nonce", [False, True])
async def test_a_304_leaves_the_policy_of_the_stored_page_alone(nonce):
    assert (await ask(answering(status=304, nonce=nonce))).header("content-security-policy") is None
    reply = await ask(answering(status=304), content_security_policy={"default-src": SELF})
    assert reply.header("content-security-policy") == "default-src 'self'"


async def test_websockets_and_lifespans_are_not_touched():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    for scope in (websocket_scope(), {"type": "lifespan"}):
        assert (await run(SecurityHeadersMiddleware(app), scope)).messages == [{"type": "websocket.accept"}]


async def test_a_response_may_have_no_headers():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    assert (await ask(app)).header("x-frame-options") == "SAMEORIGIN"


def test_a_nonce_outside_of_the_middleware_says_what_is_missing():
    with pytest.raises(RuntimeError, match="SecurityHeadersMiddleware"):
        csp_nonce(http_scope())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"content_security_policy": {"default src": SELF}}, "directive"),
        ({"content_security_policy": {"default-src": ["a;script-src"]}}, "semicolon"),
        ({"content_security_policy": {"default-src": ["a,b"]}}, "comma"),
        ({"content_security_policy": {"default-src": ["a b"]}}, "no space"),
        ({"content_security_policy": {"default-src": "self"}}, re.escape("\"'self'\"")),
        ({"headers": {"x-a": "b\r\nc"}}, "invalid header"),
        ({"headers": {"x a": "b"}}, "invalid header"),
        ({"strict_transport_security": "max-age=1\n"}, "invalid header"),
    ],
)
def test_what_would_change_the_structure_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        SecurityHeadersMiddleware(answering(), **options)


async def test_a_page_with_a_nonce_may_have_any_bytes_in_cache_control(caplog):
    async def app(scope, receive, send):
        csp_nonce(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"max-age=9, \xe9")]})

    reply = await request(SecurityHeadersMiddleware(app))
    assert reply.header("cache-control") == "no-store"
    assert r"max-age=9, \xe9" in caplog.text


async def test_a_nonce_that_comes_too_late_for_the_policy_is_logged(caplog):
    async def late(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": csp_nonce(scope).encode() + csp_nonce(scope).encode()})

    reply = await request(SecurityHeadersMiddleware(late))
    assert reply.text not in reply.header("content-security-policy")
    assert caplog.text.count("its policy does not have it") == 1
