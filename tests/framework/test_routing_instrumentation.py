"""Methods that instrumentation wraps on the class are called for every request, whenever they were wrapped."""

from __future__ import annotations

import pytest

import asgi_framework.routing as framework
import asgi_routing as routing
from asgi_framework import App, Middleware, PlainTextResponse
from raw_asgi import request, run, websocket_scope

MOMENTS = ["before the application", "before the first request", "after the first request"]


class Seen(list):
    """Wraps a method of a class, as instrumentation does, and counts its calls."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def wrap(self, cls, name):
        original = getattr(cls, name)

        async def wrapper(self_, scope, receive, send):
            self.append(scope["type"])
            await original(self_, scope, receive, send)

        self.monkeypatch.setattr(cls, name, wrapper)


@pytest.fixture
def seen(monkeypatch):
    return Seen(monkeypatch)


async def plain(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def hello(request):
    return PlainTextResponse("hello")


async def talk(websocket):
    await websocket.accept()


def table(module):
    http, socket = (plain, plain) if module is routing else (hello, talk)
    return [
        module.Route("/", http),
        module.Route("/{name}", http, methods=["GET"]),
        module.WebSocketRoute("/", socket),
        module.Mount("/m", routes=[module.Route("/x", http)]),
        module.Host("h.test", module.Router([module.Route("/at/host", http)])),
    ]


class Passing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


APPLICATIONS = {
    "router": lambda: routing.Router(table(routing)),
    "framework router": lambda: framework.Router(table(framework)),
    "app": lambda: App(routes=table(framework)),
    "app with middleware": lambda: App(routes=table(framework), middleware=[Middleware(Passing)]),
    "app of plain routes": lambda: App(routes=table(routing)),
}
each_application = pytest.mark.parametrize("make", APPLICATIONS.values(), ids=APPLICATIONS)


async def ask_all(app):
    for method, path in (("GET", "/"), ("GET", "/name"), ("POST", "/name"), ("GET", "/m/x"), ("GET", "/none/here")):
        await request(app, method, path)
    await request(app, "GET", "/at/host", headers=[(b"host", b"h.test")])
    await run(app, websocket_scope("/"), [{"type": "websocket.connect"}])


async def count(seen, make, moment, classes, name):
    """The calls that were seen in three rounds of requests, or two where the first came before the patch."""
    if moment == MOMENTS[0]:
        for cls in classes:
            seen.wrap(cls, name)
    app = make()
    if moment == MOMENTS[2]:
        await ask_all(app)
    if moment != MOMENTS[0]:
        for cls in classes:
            seen.wrap(cls, name)
    await ask_all(app)
    first = list(seen)
    await ask_all(app)
    assert seen == first * 2
    return first


@each_application
@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_call_of_a_router_is_seen(seen, make, moment):
    calls = await count(seen, make, moment, [routing.Router], "__call__")
    # Each request, and once more for those below the mount and at the host.
    assert (calls.count("http"), calls.count("websocket")) == (8, 1)


@pytest.mark.parametrize("make", [make for name, make in APPLICATIONS.items() if name.startswith(("app", "framework"))])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_call_of_a_subclass_of_router_is_seen(seen, make, moment):
    calls = await count(seen, make, moment, [framework.Router], "__call__")
    assert calls.count("websocket") == 1
    assert calls.count("http") >= 6


@each_application
async def test_the_app_of_a_router_is_seen_where_it_was_wrapped_first(seen, make):
    calls = await count(seen, make, MOMENTS[0], [routing.Router], "app")
    assert (calls.count("http"), calls.count("websocket")) == (8, 1)


@each_application
@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_handle_of_a_route_is_seen(seen, make, moment):
    # GET /, GET and POST (405) /name, /m/x, /at/host
    assert await count(seen, make, moment, [routing.Route], "handle") == ["http"] * 5


@each_application
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    ("name", "calls"), [("WebSocketRoute", ["websocket"]), ("Mount", ["http"]), ("Host", ["http"])]
)
async def test_the_handle_of_other_routes_is_seen(seen, make, moment, name, calls):
    assert await count(seen, make, moment, [getattr(routing, name)], "handle") == calls


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_method_of_a_subclass_is_seen(seen, moment):
    make = APPLICATIONS["app"]
    assert await count(seen, make, moment, [framework.Route], "handle") == ["http"] * 5


@each_application
async def test_the_matching_of_routes_is_seen_where_it_was_wrapped_first(monkeypatch, make):
    asked = []
    original = routing.Route.matches

    def matches(self, scope):
        asked.append(self.path)
        return original(self, scope)

    monkeypatch.setattr(routing.Route, "matches", matches)
    reply = await request(make(), "GET", "/m/x")
    assert (reply.status, asked) == (200, ["/", "/{name}", "/x"])


async def test_methods_set_on_one_router_or_route_are_called():
    calls = []
    route = routing.Route("/", plain)

    async def handle(scope, receive, send):
        calls.append("handle")
        await plain(scope, receive, send)

    route.handle = handle
    assert (await request(routing.Router([route]), "GET", "/")).text == "hello"
    assert (await request(App(routes=[route]), "GET", "/")).text == "hello"
    assert calls == ["handle"] * 2


async def test_a_router_with_ways_of_its_own_is_entered_by_its_call():
    class Calling(routing.Router):
        async def __call__(self, scope, receive, send):
            scope["called"] = scope.get("called", 0) + 1
            await self.dispatch(scope, receive, send)

    class Serving(routing.Router):
        async def app(self, scope, receive, send):
            scope["called"] = scope.get("called", 0) + 1
            await super().app(scope, receive, send)

    async def counting(scope, receive, send):
        seen.append(scope["called"])
        await plain(scope, receive, send)

    seen = []
    for cls in (Calling, Serving):
        router = cls([routing.Route("/", counting)])
        assert router.entrance is router
        await request(router, "GET", "/")
        await request(router.entrance, "GET", "/")
    assert seen == [1] * 4


def test_a_plain_router_has_a_shorter_entrance():
    router = routing.Router()
    assert router.entrance == router.dispatch
    assert routing.Router(middleware=[(Passing, (), {})]).entrance.__class__ is routing.Router
    router.middleware_stack = Passing(router.middleware_stack)
    assert router.entrance is router


async def test_a_stack_that_is_set_later_is_passed(seen):
    router = routing.Router([routing.Route("/", plain)])
    router.middleware_stack = Passing(router.middleware_stack)
    seen.wrap(Passing, "__call__")
    assert (await request(router, "GET", "/")).text == "hello"
    assert seen == ["http"]
