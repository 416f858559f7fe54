"""What routing writes to scopes, what it leaves alone, and how it refuses."""

from __future__ import annotations

import pytest

from asgi_routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute, get_route_path
from wire import http_scope, request, run, websocket_scope


async def test_a_route_writes_what_matched_to_the_scope_of_its_caller(endpoint):
    app = endpoint("app")
    route = Route("/users/{id:int}", app)
    router, scope = Router([route]), http_scope("GET", "/users/7")
    before = dict(scope)
    await run(router, scope)
    assert scope == before | {"router": router, "route": route, "endpoint": app, "path_params": {"id": 7}}
    assert scope["route"] is route


async def test_the_parameters_of_the_caller_are_not_edited(endpoint):
    outer = {"tenant": "x"}
    scope = http_scope("GET", "/a/1", path_params=outer)
    await run(Router([Route("/a/{id:int}", endpoint("a"))]), scope)
    assert outer == {"tenant": "x"}
    assert scope["path_params"] == {"tenant": "x", "id": 1}


async def test_a_mount_leaves_the_path_of_its_caller_and_returns_what_matched(endpoint):
    app = endpoint("app")
    inner = Router([Route("/users/{id:int}", app)])
    scope = http_scope("GET", "/m/x/users/7")
    await run(Router([Mount("/m/{tenant}", inner)]), scope)
    assert (scope["path"], scope["root_path"], "app_root_path" in scope) == ("/m/x/users/7", "", False)
    assert scope["endpoint"] is app
    assert scope["path_params"] == {"tenant": "x", "id": 7}
    assert scope["route"].path_format == "/m/{tenant}/users/{id}"
    assert (app.seen[0]["root_path"], app.seen[0]["app_root_path"]) == ("/m/x", "")
    assert not [key for key in scope if key.startswith("asgi_routing.")]


async def test_what_matched_is_returned_past_an_exception():
    async def failing(scope, receive, send):
        raise ValueError("boom")

    scope = http_scope("GET", "/m/a")
    with pytest.raises(ValueError, match="boom"):
        await run(Router([Mount("/m", routes=[Route("/a", failing)])]), scope)
    assert scope["route"].path_format == "/m/a"
    assert scope["root_path"] == ""


async def test_a_subclass_chooses_what_a_mount_hands_back():
    class Telling(Mount):
        returned_keys = (*Mount.returned_keys, "story", "never")

    async def app(scope, receive, send):
        scope["story"] = "told"

    scope = http_scope("GET", "/m/a")
    await run(Router([Telling("/m", app)]), scope)
    assert scope["story"] == "told"
    assert "never" not in scope


@pytest.mark.parametrize("path", ["/a/1/b/2/c/3", "/a/9/b/8/c/7"])
async def test_the_template_of_a_route_joins_those_of_its_mounts(path, endpoint):
    route = Route("/c/{z}", endpoint("c"))
    router = Router([Mount("/a/{x}", routes=[Mount("/b/{y}", routes=[route])])])
    for _ in range(2):
        scope = http_scope("GET", path)
        await run(router, scope)
        assert scope["route"].path_format == "/a/{x}/b/{y}/c/{z}"
        assert scope["route"] == route
        assert isinstance(scope["route"], Route)
    assert route.path_format == "/c/{z}"


async def test_one_router_in_two_mounts_has_two_templates(endpoint):
    inner = Router([Route("/x", endpoint("x"))])
    router = Router([Mount("/a", inner), Mount("/b", inner)])
    for prefix in ("/a", "/b"):
        scope = http_scope("GET", f"{prefix}/x")
        await run(router, scope)
        assert scope["route"].path_format == f"{prefix}/x"


async def test_a_foreign_application_below_mounts_has_their_template(endpoint):
    scope = http_scope("GET", "/a/b/c")
    await run(Router([Mount("/a", routes=[Mount("/b", endpoint("b"))])]), scope)
    assert scope["route"].path_format == "/a/b/{path}"


async def test_a_scope_used_twice_has_the_template_of_the_second_time(endpoint):
    router = Router([Mount("/m", endpoint("m")), Route("/a", endpoint("a"))])
    scope = http_scope("GET", "/m/x")
    await run(router, scope)
    scope["path"] = "/a"
    await run(router, scope)
    assert scope["route"].path_format == "/a"


async def test_only_the_outermost_router_names_itself(endpoint):
    app = endpoint("app")
    outer = Router([Mount("/m", Router([Route("/a", app)]))])
    await request(outer, "GET", "/m/a")
    assert app.seen[0]["router"] is outer


async def test_the_state_is_the_same_object_below_a_mount(endpoint):
    app = endpoint("app")
    scope = http_scope("GET", "/m/a")
    await run(Router([Mount("/m", app)]), scope)
    assert app.seen[0]["state"] is scope["state"]


async def test_a_mount_alone_serves_and_leaves_its_callers_path(endpoint):
    app = endpoint("app")
    scope = http_scope("GET", "/m/a")
    assert (await run(Mount("/m", app), scope)).text == "app"
    assert (scope["root_path"], app.seen[0]["root_path"]) == ("", "/m")


@pytest.mark.parametrize("make", [WebSocketRoute, lambda path, app: Router([WebSocketRoute(path, app)])])
async def test_a_websocket_at_an_unknown_path_is_denied_with_404(make, endpoint):
    reply = await run(make("/a", endpoint("a")), websocket_scope("/b"), [{"type": "websocket.connect"}])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (reply.status, reply.body) == (404, b"Not Found")


@pytest.mark.parametrize("extensions", [{}, None])
async def test_a_websocket_is_closed_where_denials_are_not_offered(extensions, endpoint):
    scope = websocket_scope("/b", extensions=extensions)
    reply = await run(Router([Route("/b", endpoint("b"), methods=["PUT"])]), scope, [{"type": "websocket.connect"}])
    assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_a_websocket_that_left_before_it_connected_hears_nothing():
    reply = await run(Router([]), websocket_scope("/b"), [{"type": "websocket.disconnect", "code": 1006}])
    assert reply.messages == []


async def test_websockets_find_their_route_through_mounts_and_parameters(endpoint):
    app = endpoint("app")
    router = Router([Mount("/m", routes=[WebSocketRoute("/{room:int}", app, name="room")])])
    reply = await run(router, websocket_scope("/m/7"))
    assert reply.types == ["websocket.accept"]
    assert app.seen[0]["path_params"] == {"room": 7}
    assert (await run(WebSocketRoute("/{room:int}", app), websocket_scope("/7"))).types == ["websocket.accept"]


async def test_the_default_application_answers_where_no_route_does(endpoint):
    assert (await request(Router(default=endpoint("default")), "GET", "/x")).text == "default"


async def test_a_subclass_may_answer_404_itself(endpoint):
    class Own(Router):
        async def not_found(self, scope, receive, send):
            await endpoint("own")(scope, receive, send)

    assert (await request(Own(), "GET", "/x")).text == "own"


async def test_a_404_is_plain_text():
    reply = await request(Router(), "GET", "/x")
    assert (reply.status, reply.body) == (404, b"Not Found")
    assert reply.headers == [(b"content-length", b"9"), (b"content-type", b"text/plain; charset=utf-8")]


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/a", "", "/a"),
        ("/r/a", "/r", "/a"),
        ("/r/a", "/r/", "/a"),
        ("/r", "/r", ""),
        ("/rest", "/r", "/rest"),
        ("/a", "/r", "/a"),
        ("/a", "/", "/a"),
    ],
)
def test_the_route_path_is_what_stands_below_the_root_path(path, root_path, expected):
    assert get_route_path({"path": path, "root_path": root_path}) == expected


def test_a_scope_may_lack_a_root_path():
    assert get_route_path({"path": "/a"}) == "/a"


@pytest.mark.parametrize(
    ("path", "root_path", "inner_path", "inner_root"),
    [
        ("/m/a", "", "/m/a", "/m"),
        ("/r/m/a", "/r", "/r/m/a", "/r/m"),
        ("/r/m/a", "/r/", "/r/m/a", "/r/m"),
        ("/m/a", "/r", "/r/m/a", "/r/m"),
        ("/m/", "", "/m/", "/m"),
        ("/m/a\nb", "", "/m/a\nb", "/m"),
    ],
)
async def test_a_mounted_application_finds_path_and_root_path_as_asgi_defines_them(
    path, root_path, inner_path, inner_root, endpoint
):
    app = endpoint("app")
    await run(Router([Mount("/m", app)]), http_scope("GET", path, root_path=root_path))
    assert (app.seen[0]["path"], app.seen[0]["root_path"]) == (inner_path, inner_root)


@pytest.mark.parametrize("path", ["/staticX", "/static", "/stati", "/x/static/", "//static/a", "static/a"])
async def test_a_mount_takes_whole_segments_only(path, endpoint):
    router = Router([Mount("/static", endpoint("static"))], redirect_slashes=False)
    assert (await request(router, "GET", path)).status == 404


def test_a_mount_gives_its_routes_and_its_application(endpoint):
    inner = Router([Route("/a", endpoint("a"))])
    assert Mount("/m", inner).routes is inner.routes
    assert Mount("/m", endpoint("m")).routes == []
    assert Host("h", inner).routes is inner.routes
    assert Host("h", inner).base_app is inner
    assert Mount("/m", inner).base_app is inner


async def test_a_subclass_of_mount_makes_its_own_router(endpoint):
    class OwnRouter(Router):
        pass

    class OwnMount(Mount):
        def make_router(self, routes):
            return OwnRouter(routes)

    assert type(OwnMount("/m", routes=[]).app) is OwnRouter


async def test_a_copied_mount_with_another_path_matches_there(endpoint):
    import copy

    from asgi_routing import compile_path

    mount = copy.copy(Mount("/m", endpoint("m")))
    mount.path = "/n/m"
    mount.path_regex, mount.path_format, mount.param_convertors = compile_path(mount.path + "/{path:path}")
    router = Router([mount])
    assert (await request(router, "GET", "/n/m/a")).text == "m"
    assert (await request(router, "GET", "/m/a")).status == 404


async def test_routers_take_routes_by_their_methods(endpoint):
    router = Router()
    router.add_route("/route", endpoint("route"), methods=["PUT"], name="r", include_in_schema=False)
    router.add_websocket_route("/socket", endpoint("socket"), name="s")
    router.mount("/mount", endpoint("mount"), name="m")
    router.host("host.test", endpoint("host"), name="h")
    assert [(type(route), route.name) for route in router.routes] == [
        (Route, "r"),
        (WebSocketRoute, "s"),
        (Mount, "m"),
        (Host, "h"),
    ]
    assert (await request(router, "PUT", "/route")).text == "route"
    assert (await run(router, websocket_scope("/socket"))).types == ["websocket.accept"]
    assert (await request(router, "GET", "/mount/x")).text == "mount"
    assert (await request(router, "GET", "/", headers=[(b"host", b"host.test")])).text == "host"
    assert all(isinstance(route, BaseRoute) for route in router.routes)
