"""Hosts are compared without case and port."""

from __future__ import annotations

import pytest

from asgi_routing import Host, Match, Router
from raw_asgi import http_scope, request


def host(*values):
    return [(b"host", value) for value in values]


@pytest.mark.parametrize(
    ("pattern", "sent"),
    [
        ("api.example.org", b"api.example.org"),
        ("api.example.org", b"API.Example.org:8080"),
        ("API.example.org:8000", b"api.example.org"),
        ("[::1]", b"[::1]"),
        ("[::1]", b"[::1]:8000"),
        ("[::1]:80", b"[::1]"),
        ("{tenant}.example.org", b"x.EXAMPLE.org:1"),
        ("{tenant}.example.org:80", b"x.example.org"),
        ("api.example.org", b"api.example.org."),
        ("api.example.org.", b"API.example.org"),
        ("{tenant}.Example.org.", b"x.example.org.:80"),
        ("{a}-{b}.Example.org", b"X-Y-Z.EXAMPLE.org"),
        ("api.example.org", b"api.example.org:"),
        ("api.example.org", b"api.example.org:65536"),
        ("[0:0::1]", b"[::1]"),
        ("[2001:DB8::1]", b"[2001:db8:0::1]:80"),
        ("[v1.foo]", b"[V1.FOO]"),
        ("a_b!c", b"A_b!c"),
    ],
)
async def test_a_host_matches_without_case_and_port(pattern, sent, endpoint):
    route = Host(pattern, endpoint("app"))
    assert (await request(Router([route]), "GET", "/", headers=host(sent))).text == "app"
    assert route.matches(http_scope(headers=host(sent)))[0] is Match.FULL


@pytest.mark.parametrize(
    "headers",
    [
        [],
        host(b"other.org"),
        host(b"api.example.org", b"api.example.org"),
        host(b"api.example.org/x"),
        host(b"api.example.org\n"),
        host(b"api.example.org:80:90"),
        host(b"api.example.org:x"),
        host(b"user@api.example.org"),
        host(b""),
        host("äpi.example.org".encode("latin-1")),
        host(b"[::1"),
        host(b"[:::::]"),
        host(b"[1:2]"),
        host(b"."),
        [(b"x-host", b"api.example.org")],
    ],
)
@pytest.mark.parametrize("pattern", ["api.example.org", "{tenant:int}.example.org"])
async def test_another_missing_doubled_or_malformed_host_is_not_a_match(pattern, headers, endpoint):
    route = Host(pattern, endpoint("app"))
    assert (await request(Router([route]), "GET", "/", headers=headers)).status == 404
    assert route.matches(http_scope(headers=headers)) == (Match.NONE, {})


@pytest.mark.parametrize("sent", [b"acme.example.org", b"ACME.Example.ORG.:80"])
async def test_a_host_leaves_the_path_and_gives_its_parameters_in_lower_case(sent, endpoint):
    app = endpoint("app")
    await request(Router([Host("{tenant}.example.org", app)]), "GET", "/x", headers=host(sent))
    seen = app.seen[0]
    assert (seen["path"], seen["root_path"], seen["path_params"]) == ("/x", "", {"tenant": "acme"})


async def test_the_first_of_many_hosts_answers(endpoint):
    router = Router(
        [
            Host("a.org", endpoint("first")),
            Host("{any}.org", endpoint("any")),
            Host("b.org", endpoint("never")),
        ]
    )
    assert (await request(router, "GET", "/", headers=host(b"a.org"))).text == "first"
    assert (await request(router, "GET", "/", headers=host(b"b.org"))).text == "any"


async def test_a_host_whose_pattern_was_replaced_matches_by_it(endpoint):
    import re

    route = Host("{tenant}.example.org", endpoint("app"))
    route.host_regex = re.compile("(?P<tenant>a|b)[.]test")
    reply = await request(Router([route]), "GET", "/", headers=host(b"A.test"))
    assert reply.text == "app"
    assert (await request(Router([route]), "GET", "/", headers=host(b"a.example.org"))).status == 404
