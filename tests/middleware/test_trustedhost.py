"""TrustedHostMiddleware: which hosts it lets through, and how it refuses the rest."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from asgi_middleware import ConfigurationWarning
from asgi_middleware.trustedhost import ENFORCE_DOMAIN_WILDCARD, TrustedHostMiddleware
from raw_asgi import http_scope, request, run, websocket_scope


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def host(*values):
    return [(b"host", value.encode("latin-1")) for value in values]


ALLOWED = ["e.org", "*.x.org", "[::1]", "::2", "10.0.0.0/8", "fd00::/8", "127.0.0.1", "D.org.", "[v1.foo]", "my_host!x"]


@pytest.mark.parametrize(
    "value",
    [
        "e.org",
        "E.ORG",
        "e.org.",
        "e.org:8000",
        "a.x.org",
        "a.b.x.org:1",
        "[::1]",
        "[::1]:80",
        "[0:0::2]",
        "d.org",
        "10.1.2.3",
        "10.1.2.3:99",
        "[fd00::5]",
        "127.0.0.1",
        "e.org:",
        "e.org:000080",
        "e.org:99999",
        "[::1]:",
        "[V1.FOO]:1",
        "my_host!x",
        "[fd00::5]:00",
    ],
)
async def test_an_allowed_host_passes_in_any_spelling(value):
    assert (await request(TrustedHostMiddleware(app, ALLOWED), headers=host(value))).text == "hello"


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        ("x.org",),
        (".x.org",),
        ("..x.org",),
        ("e.org:x",),
        ("e.org", "e.org"),
        ("a e.org",),
        ("e.org/",),
        ("u@e.org",),
        ("e.org..",),
        ("11.0.0.1",),
        ("[::3]",),
        ("[::1",),
        ("::1",),
        ("e.org\r\n",),
        ("[:::]",),
        ("-e.org",),
        ("a..x.org",),
        ("é.x.org",),
        ("x" * 65536,),
    ],
)
async def test_any_other_host_is_refused(values):
    reply = await request(TrustedHostMiddleware(app, ALLOWED), headers=host(*values))
    assert (reply.status, reply.text) == (400, "Invalid host header")


async def test_no_hosts_or_a_star_let_everything_through():
    for hosts in (None, ["*"], "*", ["e.org", "*"]):
        assert (await request(TrustedHostMiddleware(app, hosts), headers=host("bad/"))).text == "hello"


async def test_a_single_string_is_one_host():
    trusted = TrustedHostMiddleware(app, "e.org")
    assert (await request(trusted, headers=host("e.org"))).status == 200
    assert (await request(trusted, headers=host("e"))).status == 400


async def test_a_host_without_www_is_sent_to_the_one_with_it():
    trusted = TrustedHostMiddleware(app, ["www.y.org"])
    reply = await request(trusted, path="/a b", raw_path=b"/a%20b", query=b"q=%20", headers=host("Y.org:8000"))
    assert (reply.status, reply.header("location")) == (307, "http://www.y.org:8000/a%20b?q=%20")
    assert (await request(trusted, headers=host("y.org/@evil"))).status == 400
    assert (await request(trusted, headers=host("www.www.y.org"))).status == 400
    assert (await request(TrustedHostMiddleware(app, ["www.y.org"], False), headers=host("y.org"))).status == 400


async def test_a_websocket_is_refused_as_the_server_can():
    trusted = TrustedHostMiddleware(app, ["www.y.org"])
    connect = [{"type": "websocket.connect"}]
    assert (await run(trusted, websocket_scope(headers=host("z")), connect)).status == 400
    reply = await run(trusted, websocket_scope(headers=host("y.org")), connect)
    assert (reply.status, reply.header("location")) == (307, "ws://www.y.org/")
    reply = await run(trusted, websocket_scope(headers=host("z"), extensions={}), connect)
    assert reply.types == ["websocket.close"]


async def test_probes_may_name_any_host():
    trusted = TrustedHostMiddleware(app, ["e.org"], exempt_paths=["/healthz"])
    assert (await request(trusted, path="/healthz")).status == 200
    assert (await request(trusted, path="/")).status == 400


async def test_lifespan_passes_and_headers_may_be_a_generator():
    seen = []

    async def any_app(*triple):
        seen.append(triple)

    triple = ({"type": "lifespan"}, object(), object())
    await TrustedHostMiddleware(any_app, ["e.org"])(*triple)
    assert all(a is b for a, b in zip(seen[0], triple, strict=True))
    scope = http_scope() | {"headers": iter(host("e.org"))}
    assert (await run(TrustedHostMiddleware(app, ["e.org"]), scope)).status == 200


@pytest.mark.parametrize(
    ("entry", "meant", "host_sent"),
    [
        ("localhost:8000", "localhost", "localhost:8000"),
        ("*.e.org:8000", "*.e.org", "a.e.org"),
        ("[::1]:80", "[::1]", "[::1]"),
        (" e.org", "e.org", "e.org"),
        ("e.org,", "e.org", "e.org"),
        ("e.org:", "e.org", "e.org"),
        ("http://e.org", "e.org", "e.org"),
        ("https://E.org:8000/", "e.org", "e.org"),
        ("https://*.e.org/", "*.e.org", "a.e.org"),
        ("m\u00fcnchen.example", "xn--mnchen-3ya.example", "XN--mnchen-3ya.example"),
        ("*.M\u00dcNCHEN.example:80", "*.xn--mnchen-3ya.example", "a.xn--mnchen-3ya.example"),
        ("stra\u00dfe.example", "xn--strae-oqa.example", "xn--strae-oqa.example"),
    ],
)
async def test_an_entry_that_means_a_host_is_read_as_it_with_a_warning(entry, meant, host_sent):
    with pytest.warns(ConfigurationWarning) as caught:
        trusted = TrustedHostMiddleware(app, [entry])
    assert str(caught[-1].message) == f"allowed_hosts: {entry!r} is read as {meant!r}: write {meant!r}"
    assert caught[0].filename == __file__
    assert (await request(trusted, headers=host(host_sent))).status == 200
    assert (await request(trusted, headers=host("other.example"))).status == 400


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("", "leave it out"),
        (None, "leave it out"),
        (".e.org", "write 'e.org' for the host, '*.e.org' for those below it, or both"),
        ("..", "write a name"),
        ("*.", "write a name"),
        ("e.org/path", "write a network"),
        ("http://e.org/path", "write 'e.org'"),
        ("http://", "write a name"),
        ("e .org", "write a name"),
        ("user@e.org", "write a name"),
        ("10.0.0.1/8", "write a network such as 10.0.0.0/8 (10.0.0.1/8 has host bits set)"),
        ("::g", "write a name"),
    ],
)
async def test_an_entry_that_could_never_match_is_ignored_with_a_warning(entry, advice):
    with pytest.warns(ConfigurationWarning) as caught:
        trusted = TrustedHostMiddleware(app, ["ok.example", entry])
    assert f"allowed_hosts: {entry!r} is ignored: {advice}" in str(caught[-1].message)
    assert (await request(trusted, headers=host("ok.example"))).status == 200
    for value in ("e.org", "a.e.org", "10.0.0.1", "none"):
        assert (await request(trusted, headers=host(value))).status == 400


def test_entries_that_are_taken_as_they_are_warn_of_nothing():
    for entry in ("E.ORG", "e.org.", "::1", "[v1.foo]", "my_host!x", "-e.org", ";", ip_network("10.0.0.0/8")):
        TrustedHostMiddleware(app, [entry])


async def test_several_hosts_in_one_string_are_several_with_a_warning():
    with pytest.warns(ConfigurationWarning, match="is read as"):
        trusted = TrustedHostMiddleware(app, "a.example, b.example")
    for value in ("a.example", "b.example"):
        assert (await request(trusted, headers=host(value))).status == 200


def test_an_exempt_path_that_no_request_has_is_ignored_with_a_warning():
    with pytest.warns(ConfigurationWarning, match="exempt_paths: 'healthz' is ignored: write '/healthz'"):
        trusted = TrustedHostMiddleware(app, ["e.org"], exempt_paths=["healthz", "/"])
    assert trusted.exempt_paths == {"/"}
    assert TrustedHostMiddleware(app, ["e.org"], exempt_paths="/healthz").exempt_paths == {"/healthz"}


@pytest.mark.parametrize("pattern", ["a*", "*.a.*", "a.*.org", "*a.org"])
def test_a_wildcard_stands_for_whole_labels_in_front(pattern):
    with pytest.raises(ValueError, match="Domain wildcard") as caught:
        TrustedHostMiddleware(app, [pattern])
    assert str(caught.value) == ENFORCE_DOMAIN_WILDCARD


@pytest.mark.parametrize("value", [None, "app:app", {}])
def test_what_is_not_an_application_is_refused_where_it_is_passed(value):
    with pytest.raises(TypeError, match="TrustedHostMiddleware needs an ASGI application, not "):
        TrustedHostMiddleware(value)
