"""Routing: the keys that it writes to scopes, those it leaves alone, and how it refuses."""

from __future__ import annotations

import pytest

from asgi_routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute, get_route_path
from raw_asgi import http_scope, request, run, websocket_scope


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


async def test_a_mount_adds_its_part_to_the_root_path_of_the_one_scope(endpoint):
    app = endpoint("app")
    inner = Router([Route("/users/{id:int}", app)])
    scope = http_scope("GET", "/m/x/users/7", root_path="")
    await run(Router([Mount("/m/{tenant}", inner)]), scope)
    assert (scope["path"], scope["root_path"], scope["app_root_path"]) == ("/m/x/users/7", "/m/x", "")
    assert scope["endpoint"] is app
    assert scope["path_params"] == {"tenant": "x", "id": 7}
    assert scope["route"].path_format == "/m/{tenant}/users/{id}"
    assert (app.seen[0]["root_path"], app.seen[0]["app_root_path"]) == ("/m/x", "")
    assert not [key for key in scope if key.startswith("asgi_routing.")]


@pytest.mark.parametrize(
    "table",
    [
        lambda app: [Route("/m/{id:int}", app)],
        lambda app: [Mount("/m", routes=[Route("/{id:int}", app)])],
        lambda app: [Mount("", routes=[Mount("/m", routes=[Route("/{id:int}", app)])])],
        lambda app: [Host("h.test", Router([Mount("/m", routes=[Route("/{id:int}", app)])]))],
        lambda app: [Mount("/m", routes=[Route("/{id:int}", app)], middleware=[(Passing, (), {})])],
    ],
    ids=["route", "mount", "two mounts", "host", "mount with middleware"],
)
async def test_outer_code_sees_what_matched_when_the_response_starts(table, endpoint):
    app, seen = endpoint("app"), []

    async def outside(scope, receive, send):
        async def watch(message):
            seen.append((scope["route"].path_format, scope["endpoint"], scope["path_params"]))
            await send(message)

        await router(scope, receive, watch)

    router = Router(table(app))
    await run(outside, http_scope("GET", "/m/7", headers=[(b"host", b"h.test")]))
    assert seen == [("/m/{id}", app, {"id": 7})] * 2


class Passing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


async def test_keys_that_an_endpoint_adds_are_seen_outside():
    async def app(scope, receive, send):
        scope["route_pattern"] = "theirs"

    scope = http_scope("GET", "/m/a")
    await run(Router([Mount("/m", routes=[Route("/a", app)])]), scope)
    assert scope["route_pattern"] == "theirs"


async def test_what_matched_is_seen_past_an_exception():
    async def failing(scope, receive, send):
        raise ValueError("boom")

    scope = http_scope("GET", "/m/a")
    with pytest.raises(ValueError, match="boom"):
        await run(Router([Mount("/m", routes=[Route("/a", failing)])]), scope)
    assert scope["route"].path_format == "/m/a"
    assert (scope["root_path"], scope["app_root_path"]) == ("/m", "")
    assert not [key for key in scope if key.startswith("asgi_routing.")]


NESTS = {
    "router": lambda: Router([Route("/a", no_application)]),
    "empty": lambda: Router(),
    "mount": lambda: Router([Mount("/m/{tenant}", routes=[Route("/a", no_application)])]),
    "two mounts": lambda: Router([Mount("/m", routes=[Mount("/{tenant}", routes=[Route("/a", no_application)])])]),
    "host": lambda: Router([Host("{tenant}.test", Router([Route("/a", no_application)]))]),
    "mount alone": lambda: Mount("/m/{tenant}", routes=[Route("/a", no_application)]),
    "middleware": lambda: Router([Mount("/m", routes=[Route("/a", no_application)], middleware=[(Passing, (), {})])]),
    "default": lambda: Router(default=Router([Mount("/m", routes=[Route("/a", no_application)])])),
}


async def no_application(scope, receive, send):
    raise NotImplementedError


@pytest.mark.parametrize("make", NESTS.values(), ids=NESTS)
@pytest.mark.parametrize("extra", [{}, {"root_path": "/r", "path_params": {"outer": 1}, "app_root_path": "/r"}])
async def test_what_matches_nothing_leaves_the_scope_as_it_found_it(make, extra):
    path = extra.get("root_path", "") + "/m/x/b"
    scope = http_scope("GET", path, headers=[(b"host", b"acme.test")], **extra)
    before = dict(scope)
    for _ in range(2):
        assert (await run(make(), scope)).status == 404
        # How far the path led stays, for metrics and traces.
        assert {key: scope[key] for key in scope if key not in ("route", "endpoint")} == before


async def test_two_applications_may_be_tried_with_one_scope(endpoint):
    app = endpoint("app")
    first = Router(
        [Mount("/m/{tenant}", routes=[Route("/a", no_application)]), Route("/named", no_application, name="x")]
    )
    second = Router([Mount("/m", routes=[Route("/{id}/b", app, name="x")])])

    async def cascade(scope, receive, send):
        refused = []

        async def hold(message):
            refused.append(message)

        await first(scope, receive, hold)
        assert refused[0]["status"] == 404
        await second(scope, receive, send)

    scope = http_scope("GET", "/m/7/b")
    assert (await run(cascade, scope)).text == "app"
    assert scope["path_params"] == {"id": "7"}
    assert scope["root_path"] == "/m"
    assert scope["router"] is second
    assert app.seen[0]["router"].url_path_for("x", id="9") == "/m/9/b"


async def test_a_mount_that_found_nothing_can_still_be_named():
    scope = http_scope("GET", "/api/missing")
    await run(Router([Mount("/api", routes=[Mount("/v1", no_application)])]), scope)
    assert scope["route"].path_format == "/api"


async def test_a_404_that_is_raised_restores_the_scope_too():
    class Raising(Router):
        async def not_found(self, scope, receive, send):
            raise LookupError

    scope = http_scope("GET", "/m/a")
    before = dict(scope)
    with pytest.raises(LookupError):
        await run(Router([Mount("/m", Raising())]), scope)
    assert {key: scope[key] for key in scope if key not in ("route", "endpoint")} == before


async def test_a_router_in_place_of_a_404_keeps_what_it_finds(endpoint):
    second = Router([Mount("/n", routes=[Route("/{id}", endpoint("second"))])])
    scope = http_scope("GET", "/n/7")
    first = Router([Route("/a", no_application)], default=second)
    assert (await run(Router([Mount("", first)]), scope)).text == "second"
    assert (scope["root_path"], scope["path_params"]) == ("/n", {"id": "7"})


async def test_a_response_of_a_mounted_application_is_a_match_whatever_its_status():
    async def refusing(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body"})

    scope = http_scope("GET", "/static/x.css")
    await run(Router([Mount("/static", refusing)]), scope)
    assert (scope["root_path"], scope["route"].path_format) == ("/static", "/static")


@pytest.mark.parametrize(
    ("path", "template"),
    [("", "/"), ("/static", "/static"), ("/t/{tenant}", "/t/{tenant}"), ("/t/{n:int}", "/t/{n}")],
)
async def test_a_mounted_application_has_the_template_of_the_mount(path, template, endpoint):
    scope = http_scope("GET", path.replace("{tenant}", "acme").replace("{n:int}", "7") + "/x.css")
    mount = Mount(path, endpoint("app"))
    await run(Router([mount]), scope)
    assert scope["route"] == mount
    assert (scope["route"].path_format, scope["route"].full_path_format) == (template, template)
    assert mount.path_format.endswith("/{path}")


async def test_the_whole_template_of_a_route_is_a_documented_attribute(endpoint):
    router = Router([Route("/a/{b:int}", endpoint("a")), Mount("/m", routes=[WebSocketRoute("/{c}", endpoint("c"))])])
    for scope, template in (
        (http_scope("GET", "/r/a/1", root_path="/r"), "/a/{b}"),
        (websocket_scope("/m/x"), "/m/{c}"),
    ):
        await run(router, scope)
        assert scope["route"].full_path_format == template
    assert Host("h", no_application).full_path_format is None


async def test_a_class_with_a_template_of_its_own_is_shown_with_its_mounts(endpoint):
    class Own(BaseRoute):
        def __init__(self):
            self.path_format = "/own/{x}"

        def matches(self, scope):
            return Match.FULL, {}

        async def handle(self, scope, receive, send):
            await endpoint("own")(scope, receive, send)

    scope = http_scope("GET", "/m/anything")
    assert (await run(Router([Mount("/m", routes=[Own()])]), scope)).text == "own"
    assert scope["route"].path_format == "/m/own/{x}"


async def test_a_class_that_writes_its_route_itself_is_shown_with_its_mounts(endpoint):
    class Writing(Route):
        def matches(self, scope):
            match, child_scope = super().matches(scope)
            return match, child_scope | ({"route": self} if child_scope else {})

    for prefix in ("", "/m"):
        route = Writing("/a", endpoint("a"))
        scope = http_scope("GET", f"{prefix}/a")
        await run(Router([Mount("/m", routes=[route]), route]), scope)
        assert scope["route"].path_format == f"{prefix}/a"
        assert scope["route"] == route


async def test_the_route_in_the_scope_of_a_mount_matches_as_the_route_itself(endpoint):
    route, mount = Route("/{a}.{b}", endpoint("a"), name="file"), Mount("/s/{x}", endpoint("s"))
    router = Router([Mount("/m", routes=[route, mount])])
    for path, own, params in (("/m/1.2", "/1.2", {"a": "1", "b": "2"}), ("/m/s/1/2", "/s/1/2", {"x": "1"})):
        scope = http_scope("GET", path)
        await run(router, scope)
        shown = scope["route"]
        assert shown.path_regex == (route if "." in own else mount).path_regex
        assert shown.matches(http_scope("GET", path))[0] is Match.NONE
        match, child_scope = shown.matches(http_scope("GET", own))
        assert (match, child_scope["path_params"]) == (Match.FULL, params)


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
    assert scope["route"].path_format == "/a/b"


async def test_a_scope_used_twice_has_the_template_of_the_second_time(endpoint):
    router = Router([Mount("/m", endpoint("m")), Route("/a", endpoint("a"))])
    scope = http_scope("GET", "/m/x")
    await run(router, scope)
    scope |= {"path": "/a", "root_path": ""}
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


async def test_a_mount_alone_serves(endpoint):
    app = endpoint("app")
    scope = http_scope("GET", "/m/a")
    assert (await run(Mount("/m", app), scope)).text == "app"
    assert (scope["path"], scope["root_path"], app.seen[0]["root_path"]) == ("/m/a", "/m", "/m")


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
        ("/m//a", "/m/", "/a"),
    ],
)
def test_the_route_path_is_what_stands_below_the_root_path(path, root_path, expected):
    assert get_route_path({"path": path, "root_path": root_path}) == expected


async def test_a_mount_may_end_in_an_empty_parameter():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})

    router = Router([Mount("/m/{rest:path}", routes=[Route("/a", app)])])
    assert (await request(router, path="/m//a")).status == 204
    assert (await request(router, path="/m/x/a")).status == 204


def test_a_scope_may_lack_a_root_path():
    assert get_route_path({"path": "/a"}) == "/a"


@pytest.mark.parametrize(
    ("path", "root_path", "inner_path", "inner_root"),
    [
        ("/m/a", "", "/m/a", "/m"),
        ("/r/m/a", "/r", "/r/m/a", "/r/m"),
        ("/r/m/a", "/r/", "/r/m/a", "/r/m"),
        ("/m/a", "/r", "/m/a", "/r/m"),
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


@pytest.mark.parametrize("root_path", ["/r", "/r/"])
@pytest.mark.parametrize("path", ["/m/n/a", "/r/m/n/a"])
async def test_routes_below_mounts_are_found_under_a_root_path_that_the_server_may_leave_out(path, root_path, endpoint):
    app = endpoint("app")
    router = Router([Mount("/m", routes=[Mount("/{x}", routes=[Route("/a", app)])])])
    assert (await request(router, "GET", path, root_path=root_path)).text == "app"
    assert (app.seen[0]["path"], app.seen[0]["root_path"]) == (path, "/r/m/n")


@pytest.mark.parametrize("path", ["/rm/a", "/m", "/mm/a", "/x/m/a"])
async def test_a_path_that_lacks_the_root_path_keeps_whole_segments(path, endpoint):
    scope = {"path": path, "root_path": "/r/m", "app_root_path": "/r"}
    assert get_route_path(scope) == path


async def test_subclasses_choose_the_classes_they_make():
    class OwnRouter(Router):
        pass

    class OwnMount(Mount):
        router_class = OwnRouter

    class Made(Router):
        route_class = type("OwnRoute", (Route,), {})
        websocket_route_class = type("OwnSocket", (WebSocketRoute,), {})
        mount_class = OwnMount
        host_class = type("OwnHost", (Host,), {})

    assert type(OwnMount("/m", routes=[]).app) is OwnRouter
    router = Made()
    router.add_route("/a", no_application)
    router.add_websocket_route("/b", no_application)
    router.mount("/c", no_application)
    router.host("d", no_application)
    assert [type(route).__name__ for route in router.routes] == ["OwnRoute", "OwnSocket", "OwnMount", "OwnHost"]


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
