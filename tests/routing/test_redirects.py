"""Redirects to the path that has one slash more or less."""

from __future__ import annotations

import pytest

from asgi_routing import BaseRoute, Host, Match, Mount, Route, Router
from raw_asgi import request, run, websocket_scope


def table(endpoint):
    return [
        Route("/plain", endpoint("plain"), methods=["POST"]),
        Route("/slash/", endpoint("slash")),
        Route("/u/{name}/", endpoint("user")),
        Mount("/m", routes=[Route("/inner/", endpoint("inner"))]),
        Mount("/only", endpoint("only")),
        Route("/deep/{rest:path}/", endpoint("deep")),
    ]


@pytest.mark.parametrize(
    ("path", "extra", "location"),
    [
        ("/slash", {}, "/slash/"),
        ("/plain/", {}, "/plain"),
        ("/plain///", {}, "/plain"),
        ("/slash", {"query": b"a=b&c=%20"}, "/slash/?a=b&c=%20"),
        ("/slash", {"query": b"a=\r\nX: y\xff"}, "/slash/?a=%0D%0AX:%20y%FF"),
        ("/u/a b?é\\", {}, "/u/a%20b%3F%C3%A9%5C/"),
        ("/u/\udcff", {"raw_path": b"/u/%FF"}, "/u/%FF/"),
        ("/m/inner", {}, "/m/inner/"),
        ("/only", {}, "/only/"),
        ("/r/slash", {"root_path": "/r"}, "/r/slash/"),
        ("/slash", {"root_path": "/r"}, "/r/slash/"),
        ("/r/m/inner", {"root_path": "/r"}, "/r/m/inner/"),
        ("/m/inner", {"root_path": "/r"}, "/r/m/inner/"),
        ("/m/inner", {"root_path": "/r/"}, "/r/m/inner/"),
        ("/slashes/slash", {"root_path": "/slashes"}, "/slashes/slash/"),
        ("/slash", {"root_path": "/s"}, "/slash/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_redirect_is_relative_and_keeps_query_and_method(method, path, extra, location, endpoint):
    from raw_asgi import http_scope

    scope = (
        http_scope(method, "/", query=extra.get("query", b""))
        | {"path": path}
        | {key: value for key, value in extra.items() if key != "query"}
    )
    reply = await run(Router(table(endpoint)), scope)
    assert (reply.status, reply.header("location"), reply.body) == (307, location, b"")


@pytest.mark.parametrize("path", ["//evil.org", "//evil.org//", "///evil.org", "/\\evil.org", "/\t/evil.org"])
async def test_a_redirect_never_names_another_host(path, endpoint):
    router = Router([Route("/{a:path}/", endpoint("a")), Route("/{a:path}b", endpoint("b"))])
    reply = await request(Router([Mount("", router), *router.routes]), "GET", path.rstrip("/"))
    assert reply.status == 307
    assert not reply.header("location").startswith(("//", "/\\", "/\t"))


async def test_a_location_with_two_slashes_is_written_so_that_it_leads_back(endpoint):
    reply = await request(Router([Route("/{a:path}/", endpoint("a"))]), "GET", "//evil.org")
    assert reply.header("location") == "/%2Fevil.org/"


@pytest.mark.parametrize(
    ("path", "root_path", "location"),
    [("/api", "/api", "/api/"), ("/api", "/api/", "/api/"), ("", "", "/"), ("", "/api", "/api/")],
)
@pytest.mark.parametrize("make", [lambda e: Route("/", e), lambda e: Mount("", e), lambda e: Mount("/", e)])
async def test_the_root_of_an_application_is_redirected_to_its_slash(make, path, root_path, location, endpoint):
    router = Router([make(endpoint("root"))])
    reply = await request(router, "GET", path, root_path=root_path)
    assert (reply.status, reply.header("location")) == (307, location)
    assert (await request(router, "GET", location, root_path=root_path)).text == "root"


async def test_a_mount_is_redirected_to_its_slash_below_a_root_path(endpoint):
    router = Router([Mount("/api", routes=[Mount("/v1", routes=[Route("/", endpoint("v1"))])])])
    reply = await request(router, "GET", "/r/api/v1", root_path="/r")
    assert (reply.status, reply.header("location")) == (307, "/r/api/v1/")


async def test_a_redirect_may_be_permanent(endpoint):
    reply = await request(Router(table(endpoint), redirect_status=308), "POST", "/slash")
    assert (reply.status, reply.header("location")) == (308, "/slash/")


@pytest.mark.parametrize(
    ("extra", "location"),
    [
        ({"headers": [(b"host", b"e.org:81")]}, "http://e.org:81/slash/"),
        ({"headers": [(b"host", b"e.org/x")], "server": ("s", 80)}, "http://s/slash/"),
        ({"headers": [(b"host", b"e.org:65536")], "server": ("s", 80)}, "http://s/slash/"),
        ({"headers": [(b"host", b"E.org.:")]}, "http://E.org./slash/"),
        ({"server": ("s", 8000)}, "http://s:8000/slash/"),
        ({"server": ("::1", 443), "scheme": "https"}, "https://[::1]/slash/"),
        ({"server": ("/run/x.sock", None)}, "/slash/"),
        ({"server": None}, "/slash/"),
    ],
)
async def test_a_redirect_may_be_absolute(extra, location, endpoint):
    reply = await request(Router(table(endpoint), absolute_redirects=True), "GET", "/slash", **extra)
    assert reply.header("location") == location


@pytest.mark.parametrize(("absolute", "location"), [(True, "http://e.org/sub/slash/"), (False, "/sub/slash/")])
async def test_redirects_of_mounts_are_absolute_where_those_of_the_outermost_router_are(absolute, location, endpoint):
    app = Router([Mount("/sub", routes=table(endpoint))], absolute_redirects=absolute)
    reply = await request(app, "GET", "/sub/slash", headers=[(b"host", b"e.org")])
    assert reply.header("location") == location


@pytest.mark.parametrize("path", ["/nothing", "/nothing/", "/", "", "//"])
async def test_what_would_lead_nowhere_is_not_redirected(path, endpoint):
    assert (await request(Router(table(endpoint)), "GET", path)).status == 404


async def test_redirects_can_be_turned_off(endpoint):
    assert (await request(Router(table(endpoint), redirect_slashes=False), "GET", "/slash")).status == 404


async def test_websockets_are_not_redirected(endpoint):
    reply = await run(Router(table(endpoint)), websocket_scope("/slash"), [{"type": "websocket.connect"}])
    assert reply.status == 404


async def test_routes_that_ask_the_scope_see_the_other_path(endpoint):
    class Own(BaseRoute):
        def matches(self, scope):
            return (Match.FULL if scope["path"] == "/own/" else Match.NONE), {}

    router = Router([Host("h.test", endpoint("host")), Own()])
    reply = await request(router, "GET", "/own", headers=[(b"host", b"other.test")])
    assert reply.header("location") == "/own/"


async def test_the_other_path_is_not_redirected_to_where_its_parameter_is_refused(endpoint):
    router = Router([Route("/{n:int}", endpoint("number"))])
    assert (await request(router, "GET", "/x/")).status == 404
    assert (await request(router, "GET", "/1/")).header("location") == "/1"
