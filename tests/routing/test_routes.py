"""Routes by themselves: what they are made of, what they refuse, how they show themselves."""

from __future__ import annotations

import functools
import inspect

import pytest

from asgi_routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute, get_name
from raw_asgi import http_scope, request, run, websocket_scope


async def app(scope, receive, send):
    raise NotImplementedError


class Application:
    async def __call__(self, scope, receive, send):
        raise NotImplementedError


@pytest.mark.parametrize("make", [lambda p: Route(p, app), lambda p: WebSocketRoute(p, app), lambda p: Mount(p, app)])
def test_paths_begin_with_a_slash(make):
    with pytest.raises(AssertionError, match="Routed paths must start with '/'"):
        make("a")


def test_a_mount_needs_something_to_mount():
    with pytest.raises(AssertionError, match=r"Either 'app=...', or 'routes=' must be specified"):
        Mount("/a")


def test_a_host_is_not_a_path():
    with pytest.raises(AssertionError, match="Host must not start with '/'"):
        Host("/a", app)


@pytest.mark.parametrize(
    ("route", "shown"),
    [
        (Route("/a/{b:int}", app), "Route(path='/a/{b:int}', name='app', methods=['GET', 'HEAD'])"),
        (Route("/a", Application()), "Route(path='/a', name='Application', methods=[])"),
        (WebSocketRoute("/a", app), "WebSocketRoute(path='/a', name='app')"),
        (Mount("/a/", app), f"Mount(path='/a', name='', app={app!r})"),
        (Host("a.{b}", app, name="h"), f"Host(host='a.{{b}}', name='h', app={app!r})"),
    ],
    ids=["params", "object", "websocket", "mount", "host"],
)
def test_a_route_shows_what_it_is(route, shown):
    assert repr(route) == shown


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Route(f"/{x}", app),
        lambda x: WebSocketRoute(f"/{x}", app),
        lambda x: Mount(f"/{x}", app),
        lambda x: Host(x, app),
        lambda x: Router([Route(f"/{x}", app)]),
    ],
)
def test_routes_of_the_same_parts_are_equal(make):
    assert make("a") == make("a")
    assert make("a") != make("b")
    assert make("a") != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(make("a"))


def test_a_route_has_starlettes_attributes():
    route = Route("/a/{b:int}", app, name="n", include_in_schema=False)
    assert (route.path, route.path_format, route.name, route.include_in_schema) == ("/a/{b:int}", "/a/{b}", "n", False)
    assert route.path_regex.match("/a/1").groupdict() == {"b": "1"}
    assert route.path_regex is route.path_regex
    assert list(route.param_convertors) == ["b"]
    assert (route.endpoint, route.app) == (app, app)
    assert Route.path_regex is not None


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [(app, "app"), (Application, "Application"), (Application(), "Application"), (functools.partial(app), "partial")],
)
def test_a_route_is_named_for_its_endpoint(endpoint, name):
    assert get_name(endpoint) == name


async def test_a_subclass_adapts_endpoints_and_keeps_them(endpoint):
    class Named(Route):
        def application(self, name):
            return endpoint(name)

    class NamedSocket(WebSocketRoute):
        def application(self, name):
            return endpoint(name)

    route = Named("/a", "words", name="n")
    assert route.endpoint == "words"
    assert (await request(Router([route]), "GET", "/a")).text == "words"
    socket = NamedSocket("/a", "words", name="n")
    assert (await run(Router([socket]), websocket_scope("/a"))).types == ["websocket.accept"]


class Tag:
    def __init__(self, app, name, *, sign=""):
        self.app, self.name = app, name + sign

    async def __call__(self, scope, receive, send):
        scope["tags"] = [*scope.get("tags", []), self.name]
        await self.app(scope, receive, send)


TAGS = [(Tag, ("one",), {}), (Tag, ("two",), {"sign": "!"})]


@pytest.mark.parametrize(
    "make",
    [
        lambda e: Router([Route("/a", e, middleware=TAGS)]),
        lambda e: Router([Mount("/", e, middleware=iter(TAGS))]),
        lambda e: Router([Mount("/", routes=[Route("/a", e)], middleware=TAGS)]),
        lambda e: Router([Route("/a", e)], middleware=TAGS),
    ],
    ids=["route", "mount", "mounted routes", "router"],
)
async def test_middleware_comes_first_and_the_first_is_outermost(make, endpoint):
    last = endpoint("last")
    assert (await request(make(last), "GET", "/a")).text == "last"
    assert last.seen[0]["tags"] == ["one", "two!"]


async def test_middleware_of_a_router_finds_a_coroutine_function(endpoint):
    found = []

    class Asking(Tag):
        def __init__(self, app):
            super().__init__(app, "asking")
            found.append(inspect.iscoroutinefunction(app))

    router = Router([Route("/a", endpoint("a"))], middleware=[(Asking, (), {})])
    assert found == [True]
    assert inspect.iscoroutinefunction(router.__call__)
    assert (await request(router.app, "GET", "/a")).text == "a"


async def test_a_subclass_may_override_app(endpoint):
    class Own(Router):
        async def app(self, scope, receive, send):
            scope["seen"] = True
            await super().app(scope, receive, send)

    last = endpoint("last")
    assert (await request(Own([Route("/a", last)]), "GET", "/a")).text == "last"
    assert last.seen[0]["seen"] is True


async def test_a_websocket_route_may_have_middleware(endpoint):
    last = endpoint("last")
    await run(Router([WebSocketRoute("/a", last, middleware=TAGS)]), websocket_scope("/a"))
    assert last.seen[0]["tags"] == ["one", "two!"]


def test_a_base_route_leaves_everything_to_its_subclasses():
    with pytest.raises(NotImplementedError):
        BaseRoute().matches({})
    with pytest.raises(NotImplementedError):
        BaseRoute().url_path_for("name")


async def test_a_base_route_answers_nothing():
    class Greedy(BaseRoute):
        def matches(self, scope):
            return Match.FULL, {}

    with pytest.raises(NotImplementedError):
        await request(Greedy(), "GET", "/")


async def test_a_route_class_without_a_template_shows_itself_below_a_mount(endpoint):
    class Greedy(BaseRoute):
        def matches(self, scope):
            return Match.FULL, {"mine": True}

        async def handle(self, scope, receive, send):
            await last(scope, receive, send)

    last, route = endpoint("last"), Greedy()
    scope = http_scope("GET", "/m/x")
    await run(Router([Mount("/m", routes=[route])]), scope)
    assert last.seen[0]["mine"] is True
    assert scope["route"] is route
    assert scope["mine"] is True


@pytest.mark.parametrize("kind", [Route, WebSocketRoute])
def test_a_route_of_one_kind_ignores_the_other(kind):
    scope = websocket_scope("/a") if kind is Route else http_scope("GET", "/a")
    assert kind("/a", app).matches(scope) == (Match.NONE, {})


def test_mounts_and_hosts_ignore_the_lifespan():
    assert Mount("", app).matches({"type": "lifespan"}) == (Match.NONE, {})
    assert Host("a", app).matches({"type": "lifespan"}) == (Match.NONE, {})


async def test_a_scope_of_another_type_is_refused():
    with pytest.raises(AssertionError, match="not 'email'"):
        await run(Router([]), {"type": "email", "path": "/"})


async def test_a_call_that_was_patched_is_entered_by_who_holds_the_entrance(monkeypatch, endpoint):
    router, seen = Router([Route("/a", endpoint("a"))]), []
    entrance, original = router.entrance, Router.__call__
    assert entrance == router.dispatch
    assert (await request(entrance, "GET", "/a")).text == "a"

    async def patched(self, scope, receive, send):
        seen.append(scope["path"])
        await original(self, scope, receive, send)

    monkeypatch.setattr(Router, "__call__", patched)
    for app in (entrance, router):
        assert (await request(app, "GET", "/a")).text == "a"
    assert seen == ["/a", "/a"]
    assert router.entrance is router
    assert Router([], middleware=TAGS).entrance.routes == []


@pytest.mark.parametrize(
    ("path", "params"), [("/m", {}), ("/{tenant}", {"tenant": "m"}), ("/{a}{b}", {"a": "m", "b": "x"})]
)
async def test_a_mount_with_a_handle_of_its_own_is_asked_to_handle(path, params, endpoint):
    class Own(Mount):
        async def handle(self, scope, receive, send):
            scope["handled"] = True
            await super().handle(scope, receive, send)

    sent = "/mx/a" if "b" in params else "/m/a"
    for kind in (Own, Mount):
        last = endpoint("last")
        assert (await request(Router([kind(path, routes=[Route("/a", last)])]), "GET", sent)).text == "last"
        seen = last.seen[0]
        assert (seen.get("handled", False), seen["root_path"]) == (kind is Own, sent.removesuffix("/a"))
        assert (seen["path_params"], seen["route"].path_format) == (params, f"{path}/a")
