"""HTTPSRedirectMiddleware: where it sends, and what it leaves alone."""

from __future__ import annotations

import pytest

from asgi_middleware import ConfigurationWarning
from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware, _log_endless_redirect
from raw_asgi import http_scope, request, run, websocket_scope


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def host(value):
    return [(b"Host", value.encode("latin-1"))]


@pytest.mark.parametrize(
    ("authority", "target"),
    [
        ("e.org", "https://e.org/"),
        ("E.org.", "https://e.org/"),
        ("e.org:80", "https://e.org/"),
        ("e.org:443", "https://e.org/"),
        ("e.org:8000", "https://e.org:8000/"),
        ("e.org:8080", "https://e.org:8443/"),
        ("[::1]:80", "https://[::1]/"),
        ("[::1]:8000", "https://[::1]:8000/"),
        ("my_service", "https://my_service/"),
        ("e.org:", "https://e.org/"),
        ("e.org:000080", "https://e.org/"),
        ("e.org:008000", "https://e.org:8000/"),
        ("[v1.Foo]:80", "https://[v1.foo]/"),
        ("[0:0::1]", "https://[::1]/"),
        ("", "https://testserver/"),
    ],
)
async def test_the_authority_is_kept_but_for_its_port(authority, target):
    redirect = HTTPSRedirectMiddleware(app, port_map={8080: 8443})
    reply = await request(redirect, headers=host(authority))
    assert (reply.status, reply.header("location")) == (307, target)
    assert (reply.body, reply.header("content-length"), reply.header("content-type")) == (b"", "0", None)


@pytest.mark.parametrize(
    ("path", "raw_path", "query", "target"),
    [
        ("/a b", b"/a%20b", b"", "/a%20b"),
        ("/ü", b"/%C3%BC", b"q=%20+&&", "/%C3%BC?q=%20+&&"),
        ("/a/b", b"/a%2fb", b"", "/a%2fb"),
        ("//evil.org/x", b"//evil.org/x", b"", "//evil.org/x"),
        ("@evil.org", b"@evil.org", b"", "/@evil.org"),
        ("/rewritten ü", b"/other", b"", "/rewritten%20%C3%BC"),
        ("/p", None, b"", "/p"),
        ("/p", b"/p?q=1", b"q=1", "/p?q=1"),
        ("/p", b"/p", b"a\r\nb: c", "/p?a%0D%0Ab:%20c"),
        ("/\ufffd", b"/%ff", b"", "/%ff"),
    ],
)
async def test_path_and_query_stay_byte_for_byte(path, raw_path, query, target):
    reply = await request(
        HTTPSRedirectMiddleware(app), path=path, raw_path=raw_path, query=query, headers=host("e.org")
    )
    assert reply.header("location") == f"https://e.org{target}"


@pytest.mark.parametrize(
    "headers", [host("bad/host"), host("a") + host("b"), host("a:99999"), host("[:::]"), host("[1::2::3]"), host(".")]
)
async def test_without_a_valid_host_the_answer_is_400(headers):
    reply = await request(HTTPSRedirectMiddleware(app), headers=headers)
    assert (reply.status, reply.text) == (400, "Invalid host header")


@pytest.mark.parametrize(
    ("server", "status"), [(None, 400), (("/run/socket", None), 400), (("::1", 80), 307), (("e.org", 80), 307)]
)
async def test_without_a_host_the_servers_name_stands_in(server, status):
    reply = await request(HTTPSRedirectMiddleware(app), server=server)
    assert reply.status == status


@pytest.mark.parametrize("status_code", [301, 302, 303, 307, 308])
async def test_any_redirect_may_be_chosen(status_code):
    redirect = HTTPSRedirectMiddleware(app, status_code=status_code)
    assert (await request(redirect, headers=host("e.org"))).status == status_code


async def test_a_scope_without_a_scheme_is_http():
    scope = http_scope(headers=host("e.org"))
    del scope["scheme"], scope["raw_path"]
    assert (await run(HTTPSRedirectMiddleware(app, status_code=308), scope)).status == 308


@pytest.mark.parametrize("path", ["/healthz", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/x"])
async def test_exempt_paths_pass(path):
    redirect = HTTPSRedirectMiddleware(app, exempt_paths=["/healthz", "/.well-known/acme-challenge/"])
    assert (await request(redirect, path=path)).text == "hello"
    assert (await request(redirect, path="/healthz/x")).status == 307


async def test_https_passes_and_so_does_everything_else():
    redirect = HTTPSRedirectMiddleware(app)
    assert (await request(redirect, scheme="https")).text == "hello"
    seen = []

    async def any_app(*triple):
        seen.append(triple)

    scope, receive, send = {"type": "lifespan"}, object(), object()
    await HTTPSRedirectMiddleware(any_app)(scope, receive, send)
    assert all(a is b for a, b in zip(seen[0], (scope, receive, send), strict=True))


@pytest.mark.parametrize(
    ("options", "policy"),
    [
        ({}, "max-age=300"),
        ({"hsts_include_subdomains": True}, "max-age=300; includeSubDomains"),
        (
            {"hsts_max_age": 31536000, "hsts_include_subdomains": True, "hsts_preload": True},
            "max-age=31536000; includeSubDomains; preload",
        ),
    ],
)
async def test_browsers_may_be_restricted_to_https(options, policy):
    redirect = HTTPSRedirectMiddleware(app, **{"hsts_max_age": 300, **options})
    name = "strict-transport-security"
    assert (await request(redirect, headers=host("e.org"), scheme="https")).header(name) == policy
    for headers in (host("[::1]"), host("10.0.0.1"), host("bad/")):
        assert (await request(redirect, headers=headers, scheme="https")).header(name) is None
    assert (await request(redirect, headers=host("e.org"))).header(name) is None
    scope = http_scope(scheme="https") | {"headers": iter(host("e.org"))}
    assert (await run(redirect, scope)).header(name) == policy


async def test_a_policy_of_the_application_stays():
    async def own(scope, receive, send):
        headers = iter([(b"Strict-Transport-Security", b"max-age=1")])
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    redirect = HTTPSRedirectMiddleware(own, hsts_max_age=300)
    reply = await request(redirect, headers=host("e.org"), scheme="https")
    assert reply.header("strict-transport-security") == "max-age=1"


async def test_a_websocket_is_sent_to_wss_or_closed():
    redirect = HTTPSRedirectMiddleware(app)
    connect = [{"type": "websocket.connect"}]
    reply = await run(redirect, websocket_scope("/ws", headers=host("e.org")), connect)
    assert (reply.status, reply.header("location")) == (307, "wss://e.org/ws")
    scope = websocket_scope("/ws", headers=host("e.org"), extensions={})
    del scope["scheme"]
    assert (await run(redirect, scope, connect)).types == ["websocket.close"]


async def test_request_headers_may_be_a_generator():
    scope = http_scope() | {"headers": iter(host("e.org"))}
    assert (await run(HTTPSRedirectMiddleware(app), scope)).header("location") == "https://e.org/"


def test_an_exempt_path_that_no_request_has_is_ignored_with_a_warning():
    with pytest.warns(ConfigurationWarning, match="exempt_paths: 'healthz' is ignored: write '/healthz'"):
        redirect = HTTPSRedirectMiddleware(app, exempt_paths=["healthz", "/a/"])
    assert (redirect.exempt_paths, redirect.exempt_below) == ({"/a/"}, ("/a/",))


@pytest.mark.parametrize("header", [(b"x-forwarded-proto", b"HTTPS"), (b"Forwarded", b"for=1.2.3.4;Proto=https;by=x")])
async def test_an_endless_redirect_behind_a_proxy_is_logged_once(caplog, header):
    _log_endless_redirect.cache_clear()
    redirect = HTTPSRedirectMiddleware(app)
    for _ in range(3):
        assert (await request(redirect, headers=[*host("e.org"), header])).status == 307
    assert [record.name for record in caplog.records] == ["asgi_middleware.httpsredirect"]
    assert "uvicorn --forwarded-allow-ips" in caplog.text


async def test_an_honest_proxy_is_not_logged(caplog):
    _log_endless_redirect.cache_clear()
    await request(HTTPSRedirectMiddleware(app), headers=[*host("e.org"), (b"x-forwarded-proto", b"http")])
    assert caplog.records == []


@pytest.mark.parametrize(
    "options",
    [
        {"status_code": 200},
        {"hsts_max_age": -1},
        {"hsts_max_age": 300, "hsts_include_subdomains": True, "hsts_preload": True},
        {"hsts_max_age": 31536000, "hsts_preload": True},
    ],
)
def test_a_configuration_that_could_not_work_is_refused(options):
    with pytest.raises(ValueError, match="."):
        HTTPSRedirectMiddleware(app, **options)


@pytest.mark.parametrize("value", [None, "app:app", {}])
def test_what_is_not_an_application_is_refused_where_it_is_passed(value):
    with pytest.raises(TypeError, match="HTTPSRedirectMiddleware needs an ASGI application, not "):
        HTTPSRedirectMiddleware(value)
