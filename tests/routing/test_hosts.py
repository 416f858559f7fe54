"""Hosts are compared without case and port."""

from __future__ import annotations

import pytest

from asgi_routing import Host, Match, Router
from wire import http_scope, request


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
        host(b"api.example.org."),
        host(b""),
        host("äpi.example.org".encode("latin-1")),
        host(b"[::1"),
        [(b"x-host", b"api.example.org")],
    ],
)
@pytest.mark.parametrize("pattern", ["api.example.org", "{tenant:int}.example.org"])
async def test_another_missing_doubled_or_malformed_host_is_no_match(pattern, headers, endpoint):
    route = Host(pattern, endpoint("app"))
    assert (await request(Router([route]), "GET", "/", headers=headers)).status == 404
    assert route.matches(http_scope(headers=headers)) == (Match.NONE, {})


async def test_a_host_leaves_the_path_and_gives_its_parameters(endpoint):
    app = endpoint("app")
    await request(Router([Host("{tenant}.example.org", app)]), "GET", "/x", headers=host(b"acme.example.org"))
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
