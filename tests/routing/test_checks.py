"""Findings about a table, and the table as people read it."""

from __future__ import annotations

import pytest

from asgi_routing import CONVERTOR_TYPES, BaseRoute, Convertor, Host, Mount, Route, Router, WebSocketRoute
from asgi_routing.exceptions import RouteWarning


async def app(scope, receive, send):
    raise NotImplementedError


def get(path, **options):
    return Route(path, app, methods=["GET"], name=options.pop("name", ""), **options)


class Slow(Convertor[str]):
    regex = "[0-9]+"

    def convert(self, value):
        return value

    def to_string(self, value):
        return value


CONVERTOR_TYPES["slow"] = Slow()
SLOW, SLOW_TWIN, SLOW_MIXED, SLOW_LONG = get("/{a:slow}"), get("/{b:slow}"), get("/x{a:slow}"), get("/{a:slow}/b")
SLOW_SOCKET = WebSocketRoute("/{a:slow}", app, name="")
del CONVERTOR_TYPES["slow"]


class Own(Route):
    def matches(self, scope):
        raise NotImplementedError


class Bare(BaseRoute):
    pass


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (get("/a"), get("/a")),
        (get("/{a}"), get("/a")),
        (get("/{a}"), get("/{b:int}")),
        (get("/{a}"), get("/{b:uuid}")),
        (get("/{a:float}"), get("/{b:int}")),
        (get("/{a:int}"), get("/{b:int}")),
        (get("/{a:int}"), get("/7")),
        (get("/{a:path}"), get("/x/{b}/y")),
        (get("/x/{a:path}"), get("/x/")),
        (get("/x{a:int}"), get("/x{a:int}")),
        (Route("/a", app, methods=[], name=""), get("/a")),
        (Route("/a", app, methods=["GET", "POST"], name=""), get("/a")),
        (Mount("/a", app), get("/a/{b}")),
        (Mount("", app), Mount("/a", app)),
        (Mount("/{x}", app), Mount("/a/b", app)),
        (Mount("/a", app), WebSocketRoute("/a/b", app, name="")),
        (WebSocketRoute("/{a}", app, name=""), WebSocketRoute("/b", app, name="")),
        (Host("a.b", app), Host("A.B:80", app)),
        (Host("{a}.b", app), Host("{a}.b", app)),
        (SLOW, SLOW_TWIN),
        (SLOW, get("/7")),
    ],
)
def test_a_route_that_is_never_reached_is_reported_with_the_one_before_it(first, second):
    (finding,) = Router([get("/before"), first, second]).check()
    assert finding.kind == "shadowed"
    assert finding.first is first
    assert finding.second is second
    assert str(finding) == f"{second} is never reached: {first} answers before it"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (get("/a"), get("/b")),
        (get("/a"), get("/a/")),
        (get("/a"), get("/{a}")),
        (get("/a/b"), get("/a")),
        (get("/a"), get("/a/b")),
        (get("/{a:int}"), get("/{b}")),
        (get("/{a:int}"), get("/x")),
        (get("/{a:int}"), get("/" + "9" * 5000)),
        (get("/{a}"), get("/x{b}")),
        (get("/x{a:int}"), get("/x{a}")),
        (get("/{a:path}/x"), get("/y")),
        (get("/{a:path}/x"), get("/y/x")),
        (get("/{a}"), get("/{b:path}")),
        (get("/a"), Route("/a", app, methods=["POST"], name="")),
        (get("/a"), Route("/a", app, methods=["GET", "POST"], name="")),
        (get("/a"), Route("/a", app, methods=[], name="")),
        (get("/{a:path}"), Mount("/a", app)),
        (get("/a"), WebSocketRoute("/a", app, name="")),
        (WebSocketRoute("/a", app, name=""), get("/a")),
        (Mount("/a", app), get("/a")),
        (Host("a", app), Host("b", app)),
        (Host("a", app), get("/a")),
        (Mount("", app), Host("a", app)),
        (Own("/a", app, name=""), get("/a")),
        (get("/a"), Own("/a", app, name="")),
        (get("/a"), Bare()),
        (get("/a"), SLOW),
        (get("/y"), SLOW_MIXED),
        (SLOW_LONG, SLOW),
        (SLOW_SOCKET, SLOW),
    ],
)
def test_a_route_that_can_be_reached_is_not_reported(first, second):
    assert Router([first, second]).check() == []


def test_two_routes_together_may_shadow_a_third():
    post = Route("/a", app, methods=["POST"], name="")
    both = Route("/a", app, methods=["GET", "POST"], name="")
    (finding,) = Router([get("/a"), post, both]).check()
    assert (finding.first, finding.second) == (post, both)


def test_what_is_mounted_is_checked_too():
    mount = Mount("/m", routes=[get("/{a}"), get("/b")])
    (finding,) = Router([mount, Host("h", Router([get("/c")]))]).check()
    assert finding.second.path == "/b"


def test_two_routes_of_one_name_are_reported_with_both():
    first, second = get("/a", name="same"), get("/b/{x}", name="same")
    (finding,) = Router([first, second]).check()
    assert (finding.kind, finding.first, finding.second) == ("duplicate name", first, second)
    assert str(finding) == f'"same" is the name of both {first} and {second}'


def test_names_are_compared_as_they_are_asked_for():
    inner = [get("/x", name="x")]
    assert Router([get("/x", name="x"), Mount("/m", routes=inner, name="m")]).check() == []
    assert len(Router([get("/x", name="x"), Mount("/m", routes=inner)]).check()) == 1
    assert len(Router([get("/x", name="m:x"), Mount("/m", routes=inner, name="m")]).check()) == 1
    assert len(Router([get("/x", name="h:x"), Host("h", Router(inner), name="h")]).check()) == 1


def test_one_path_with_two_methods_may_have_one_name():
    assert Router([get("/x", name="x"), Route("/x", app, methods=["POST"], name="x")]).check() == []


class Handler:
    async def __call__(self, scope, receive, send):
        raise NotImplementedError


HANDLER = Handler()
TABLE = Router(
    [
        Route("/", app, name="home"),
        Route("/any/{x:int}", HANDLER),
        WebSocketRoute("/ws", app, name="ws"),
        Mount("/m", routes=[Route("/b", app, methods=["POST", "PUT"], name="b")], name="m"),
        Mount("/nameless", routes=[Route("/c", app, name="c")]),
        Mount("/foreign", HANDLER, name="foreign"),
        Host("api.test", Router([Route("/d", app, name="d")])),
        Bare(),
    ]
)


def test_a_router_prints_itself_as_a_table():
    here = __name__
    lines = [line.split() for line in str(TABLE).splitlines()]
    assert lines == [
        ["method", "path", "name", "endpoint"],
        ["GET,HEAD", "/", "home", f"{here}.app"],
        ["*", "/any/{x:int}", "Handler", f"{here}.Handler"],
        ["WEBSOCKET", "/ws", "ws", f"{here}.app"],
        ["POST,PUT", "/m/b", "m:b", f"{here}.app"],
        ["GET,HEAD", "/nameless/c", "c", f"{here}.app"],
        ["*", "/foreign/*", "foreign", f"{here}.Handler"],
        ["GET,HEAD", "{api.test}/d", "d", f"{here}.app"],
        ["*", "*", f"{here}.Bare"],
    ]
    assert str(TABLE).splitlines()[1].index("/") == str(TABLE).splitlines()[4].index("/")


class Endpoint:
    """A class with a method for each verb, as asgi_requests.HTTPEndpoint has."""

    get = post = Handler.__call__


class Posting:
    post = delete = Handler.__call__


class Wrapping:
    def __init__(self, app):
        self.app = app


def test_a_table_shows_the_methods_of_a_class_and_what_middleware_wraps():
    inner = Router([Route("/e", Endpoint), Route("/p", Posting), Route("/h", Handler)])
    endless = Wrapping(None)
    endless.app = endless
    table = str(Router([Mount("/m", Wrapping(Wrapping(inner))), Host("h.test", endless)]))
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [
        ["GET,HEAD,POST", "/m/e"],
        ["DELETE,POST", "/m/p"],
        ["*", "/m/h"],
        ["*", "{h.test}/*"],
    ]


def test_an_application_that_is_mounted_in_itself_is_checked_once_more():
    router = Router([get("/{page}", name="page"), get("/about", name="about")])
    router.mount("/deep/again", router, name="again")
    router.host("again.test", router, name="host")
    kinds = [finding.kind for finding in router.check()]
    assert kinds == ["shadowed"] * 3
    with pytest.warns(RouteWarning):
        wrong = Mount("/m", routes=[Route("/<name>", app)])
    wrong.routes.append(wrong)
    assert [finding.kind for finding in Router([wrong]).check()] == ["mistake"]
