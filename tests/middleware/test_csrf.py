"""Requests from other sites are refused, by what browsers say of them; old browsers need a token."""

from __future__ import annotations

import re

import pytest

from asgi_middleware import ConfigurationWarning
from asgi_middleware.csrf import CSRFMiddleware, csrf_token
from raw_asgi import body_messages, http_scope, run, websocket_scope

HOST = ("host", "site.example")
TRUSTED = ["https://partner.example", "https://other.example:8443"]


async def page(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.accept"})
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
    return None


def pairs(headers):
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


async def ask(app, headers=(), method="POST", path="/", body=b"", scheme="https"):
    return await run(app, http_scope(method, path, headers=pairs(headers), scheme=scheme), body_messages(body))


async def status(headers, *, method="POST", path="/", **options):
    options = {"trusted_origins": TRUSTED} | options
    return (await ask(CSRFMiddleware(page, **options), [HOST, *headers], method, path)).status


SITE, ORIGIN = "sec-fetch-site", "origin"
CASES = {
    "says nothing": ([], 200),
    "same origin": ([(SITE, "same-origin")], 200),
    "the user's own": ([(SITE, "none")], 200),
    "cross-site": ([(SITE, "cross-site")], 403),
    "same site, another origin": ([(SITE, "same-site")], 403),
    "same site, and our origin": ([(SITE, "same-site"), (ORIGIN, "https://site.example")], 403),
    "a word of its own": ([(SITE, "whatever")], 403),
    "an empty field counts as none": ([(SITE, ""), (ORIGIN, "https://site.example")], 200),
    "our origin": ([(ORIGIN, "https://site.example")], 200),
    "our origin, with the default port": ([(ORIGIN, "https://site.example:443")], 200),
    "our origin, in other letters": ([(ORIGIN, "https://Site.Example")], 200),
    "another port": ([(ORIGIN, "https://site.example:8443")], 403),
    "another origin": ([(ORIGIN, "https://evil.example")], 403),
    "null": ([(ORIGIN, "null")], 403),
    "user information": ([(ORIGIN, "https://site.example@evil.example")], 403),
    "our name as user information": ([(ORIGIN, "https://user@site.example")], 403),
    "no scheme": ([(ORIGIN, "site.example")], 403),
    "another scheme": ([(ORIGIN, "ftp://site.example")], 403),
    "empty": ([(ORIGIN, "")], 403),
    "trusted": ([(SITE, "cross-site"), (ORIGIN, "https://partner.example")], 200),
    "trusted, without fetch metadata": ([(ORIGIN, "https://other.example:8443")], 200),
    "http of a trusted https origin": ([(ORIGIN, "http://partner.example")], 403),
    "below a trusted origin": ([(ORIGIN, "https://a.partner.example")], 403),
    "two sites": ([(SITE, "same-origin"), (SITE, "cross-site")], 403),
    "two origins": ([(ORIGIN, "https://site.example"), (ORIGIN, "https://evil.example")], 403),
    "two hosts": ([("host", "evil.example"), (ORIGIN, "https://evil.example")], 403),
    "names in title case": ([("Sec-Fetch-Site", "cross-site")], 403),
}


@pytest.mark.parametrize(("headers", "expected"), CASES.values(), ids=CASES)
async def test_unsafe_requests_are_judged(headers, expected):
    for method in ("POST", "PUT", "DELETE", "QUERY", "PATCH", "TRACE"):
        assert await status(headers, method=method) == expected


@pytest.mark.parametrize(("headers", "expected"), CASES.values(), ids=CASES)
async def test_websockets_are_judged_alike(headers, expected):
    app = CSRFMiddleware(page, trusted_origins=TRUSTED)
    scope = websocket_scope(headers=pairs([HOST, *headers]))
    reply = await run(app, scope, [{"type": "websocket.connect"}])
    expected_types = ["websocket.accept"] if expected == 200 else ["websocket.http.response.start"]
    assert reply.types[:1] == expected_types


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_safe_requests_pass(method):
    assert await status([(SITE, "cross-site")], method=method) == 200


async def test_the_default_port_of_the_host_is_folded_too():
    app = CSRFMiddleware(page)
    for host, origin, expected in [
        ("a.example:443", "https://a.example", 200),
        ("a.example:80", "http://a.example", 200),
        ("a.example:8000", "http://a.example:8000", 200),
        ("a.example:80", "https://a.example", 403),
        ("[::1]:80", "http://[0::1]", 200),
        ("a b", "http://a", 403),
    ]:
        assert (await ask(app, [("host", host), ("origin", origin)])).status == expected
    assert (await ask(app, [("origin", "https://a.example")])).status == 403


async def test_exempt_paths_are_exact():
    options = {"exempt_paths": ["/hooks/pay"]}
    assert await status([(SITE, "cross-site")], path="/hooks/pay", **options) == 200
    assert await status([(SITE, "cross-site")], path="/hooks/pay/", **options) == 403
    assert await status([(SITE, "cross-site")], path="/hooks/pay2", **options) == 403


async def test_the_refusal_says_why():
    reply = await ask(CSRFMiddleware(page), [HOST, (SITE, "cross-site")])
    assert (reply.status, reply.text) == (403, "Forbidden: this request comes from another site")


async def test_the_refusal_is_yours_to_answer():
    async def mine(scope, receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": []})

    assert await status([(SITE, "cross-site")], reject=mine) == 418


async def test_other_scopes_pass():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await run(CSRFMiddleware(app), {"type": "lifespan"})
    assert seen == ["lifespan"]


async def test_headers_may_be_a_generator():
    scope = http_scope("POST") | {"headers": (pair for pair in pairs([HOST, (SITE, "cross-site")]))}
    assert (await run(CSRFMiddleware(page), scope, body_messages(b""))).status == 403


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("https://partner.example/", "https://partner.example"),
        ("HTTPS://Partner.Example:443", "https://partner.example"),
        ("http://partner.example:8080", "http://partner.example:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
async def test_trusted_origins_are_read_as_browsers_send_them(entry, meant, recwarn):
    assert await status([(ORIGIN, meant)], trusted_origins=entry) == 200
    assert [warning.category for warning in recwarn] == ([] if entry == meant else [ConfigurationWarning])


@pytest.mark.parametrize(
    "entry", ["partner.example", "https://*.example", "https://", "null", "https://a/b", "https://a:99999", "ftp://a"]
)
async def test_trusted_origins_that_are_none_are_ignored(entry):
    with pytest.warns(ConfigurationWarning, match="scheme://host"):
        CSRFMiddleware(page, trusted_origins=[entry])


# Tokens


async def form(scope, receive, send):
    """The page of a form on GET, the body of what is sent to it otherwise."""
    if scope["method"] != "GET":
        return await page(scope, receive, send)
    token = csrf_token(scope)
    assert token != csrf_token(scope)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
    return await send({"type": "http.response.body", "body": token.encode()})


async def token_and_cookie(app, scheme="https", headers=()):
    reply = await ask(app, [HOST, *headers], "GET", scheme=scheme)
    return reply.text, reply.header("set-cookie")


def protected(**options):
    return CSRFMiddleware(form, **({"secret_key": "swordfish"} | options))


URLENCODED = ("content-type", "application/x-www-form-urlencoded")
MULTIPART = ("content-type", "multipart/form-data; boundary=edge")


def multipart(token):
    return (
        b'--edge\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + token.encode() + b"\r\n"
        b'--edge\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + b"x" * 100_000
        + b"\r\n--edge--\r\n"
    )


async def test_an_old_browser_needs_the_token_of_its_page():
    app = protected()
    token, cookie = await token_and_cookie(app)
    assert re.fullmatch(r"__Host-csrf=[\w-]+; Path=/; HttpOnly; SameSite=lax; Secure", cookie)
    sent = ("cookie", f"a=b; {cookie.partition(';')[0]}")
    urlencoded = f"a=1&csrf_token={token}&b=2".encode()
    for headers, body in [
        ([sent, ("X-CSRF-Token", token)], b"any"),
        ([sent, URLENCODED], urlencoded),
        ([sent, MULTIPART], multipart(token)),
        ([sent, URLENCODED], [urlencoded[:9], urlencoded[9:]]),
    ]:
        reply = await ask(app, [HOST, *headers], body=body)
        assert (reply.status, reply.body) == (200, body if isinstance(body, bytes) else b"".join(body))
        assert reply.header("set-cookie") is None


async def test_without_the_token_it_is_refused():
    app = protected()
    token, cookie = await token_and_cookie(app)
    _, another = await token_and_cookie(app)
    sent = ("cookie", cookie.partition(";")[0])
    for headers, body in [
        ([sent], b""),
        ([sent, ("x-csrf-token", "x" * 40)], b""),
        ([sent, ("x-csrf-token", "x" * 300)], b""),
        ([sent, ("x-csrf-token", "é")], b""),
        ([sent, ("x-csrf-token", "A")], b""),
        ([("cookie", another.partition(";")[0]), ("x-csrf-token", token)], b""),
        ([("cookie", "__Host-csrf=forged"), ("x-csrf-token", token)], b""),
        ([("cookie", "__Host-csrf=" + "A" * 64), ("x-csrf-token", token)], b""),
        ([("cookie", "other=1"), ("x-csrf-token", token)], b""),
        ([sent, URLENCODED], b"a=1"),
        ([sent, URLENCODED], b"a=" + b"x" * 70_000 + b"&csrf_token=" + token.encode()),
        ([sent, MULTIPART], b"--edge\r\nno head"),
        ([sent, MULTIPART], multipart("wrong")),
        ([sent, ("content-type", "text/plain")], f"csrf_token={token}".encode()),
    ]:
        assert (await ask(app, [HOST, *headers], body=body)).status == 403


async def test_a_request_without_a_cookie_can_do_nothing_in_a_visitors_name():
    assert (await ask(protected(), [HOST])).status == 200


async def test_a_browser_that_says_where_it_comes_from_needs_no_token():
    app = protected()
    assert (await ask(app, [HOST, (SITE, "same-origin"), ("cookie", "a=b")])).status == 200
    assert (await ask(app, [HOST, (SITE, "cross-site"), ("cookie", "a=b")])).status == 403


async def test_a_client_that_leaves_is_the_applications():
    async def app(scope, receive, send):
        raise AssertionError("without a token nothing gets here")

    middleware = CSRFMiddleware(app, secret_key=b"swordfish")
    scope = http_scope("POST", headers=pairs([HOST, URLENCODED, ("cookie", "a=b")]))
    assert (await run(middleware, scope, [{"type": "http.disconnect"}])).status == 403


async def test_the_token_belongs_to_the_session():
    app = protected(bind=lambda scope: dict(scope["headers"]).get(b"x-session", b"").decode())
    token, cookie = await token_and_cookie(app, headers=[("x-session", "anonymous")])
    headers = [HOST, ("cookie", cookie.partition(";")[0]), ("x-csrf-token", token)]
    assert (await ask(app, [*headers, ("x-session", "anonymous")])).status == 200
    assert (await ask(app, [*headers, ("x-session", "ada")])).status == 403


async def test_keys_may_be_changed():
    token, cookie = await token_and_cookie(protected(secret_key="old"))
    headers = [HOST, ("cookie", cookie.partition(";")[0]), ("x-csrf-token", token)]
    assert (await ask(protected(secret_key=["new", "old"]), headers)).status == 200
    assert (await ask(protected(secret_key=["new"]), headers)).status == 403


async def test_the_cookie_that_is_there_is_used_again():
    app = protected()
    first, cookie = await token_and_cookie(app)
    sent = ("cookie", cookie.partition(";")[0])
    second, again = await token_and_cookie(app, headers=[sent])
    assert (first != second, again) == (True, None)
    for token in (first, second):
        assert (await ask(app, [HOST, sent, ("x-csrf-token", token)])).status == 200


async def test_a_page_with_a_token_is_private_whether_the_cookie_is_new_or_not():
    _, cookie = await token_and_cookie(protected())
    for headers in ([HOST], [HOST, ("cookie", cookie.partition(";")[0])]):
        reply = await ask(protected(), headers, "GET")
        assert (reply.header("cache-control"), reply.header("x-a")) == ("private", "1")
        assert reply.header("vary") == "cookie"


async def test_a_token_that_comes_too_late_for_its_cookie_is_logged(caplog):
    async def late(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": csrf_token(scope).encode()})

    reply = await ask(CSRFMiddleware(late, secret_key="swordfish"), [HOST], "GET")
    assert (reply.header("set-cookie"), "its cookie is not set" in caplog.text) == (None, True)
    caplog.clear()
    _, cookie = await token_and_cookie(protected())
    await ask(CSRFMiddleware(late, secret_key="swordfish"), [HOST, ("cookie", cookie.partition(";")[0])], "GET")
    assert caplog.text == ""


async def test_an_outer_error_page_may_have_a_token_of_the_cookie():
    async def failing(scope, receive, send):
        raise LookupError("no")

    async def error_page(scope, receive, send):
        with pytest.raises(LookupError):
            await CSRFMiddleware(failing, secret_key="swordfish")(scope, receive, send)
        await form(scope, receive, send)

    _, cookie = await token_and_cookie(protected())
    sent = ("cookie", cookie.partition(";")[0])
    token = (await ask(error_page, [HOST, sent], "GET", scheme="https")).text
    reply = await ask(protected(), [HOST, sent, ("x-csrf-token", token)], scheme="https")
    assert reply.status == 200


async def test_a_page_without_a_token_stays_as_it_is():
    reply = await ask(protected(), [HOST, (SITE, "same-origin")])
    assert (reply.header("cache-control"), reply.header("vary"), reply.header("set-cookie")) == (None, None, None)


async def test_over_http_the_cookie_has_no_prefix_where_that_is_allowed():
    _, cookie = await token_and_cookie(protected(https_only=False), scheme="http")
    assert cookie.startswith("csrf=")
    assert "Secure" not in cookie
    _, cookie = await token_and_cookie(protected(https_only=False))
    assert cookie.startswith("__Host-csrf=")


async def test_with_tokens_exempt_paths_and_websockets_are_as_without():
    app = protected(exempt_paths="/hook")
    assert (await ask(app, [HOST, ("cookie", "a=b")], path="/hook")).status == 200
    scope = websocket_scope(headers=pairs([HOST, (SITE, "cross-site")]))
    reply = await run(app, scope, [{"type": "websocket.connect"}])
    assert reply.types[0] == "websocket.http.response.start"


def test_a_token_outside_of_the_middleware_says_what_is_missing():
    with pytest.raises(RuntimeError, match="secret_key"):
        csrf_token(http_scope())


@pytest.mark.parametrize("key", ["", b"", [], ["good", ""]])
def test_an_empty_key_is_refused(key):
    with pytest.raises(ValueError, match="empty"):
        CSRFMiddleware(form, secret_key=key)
