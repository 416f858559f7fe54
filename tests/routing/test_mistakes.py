"""Mistakes are named where they are made, with what to write instead."""

from __future__ import annotations

import re
import warnings

import pytest

from asgi_routing import Host, Mount, Route, Router, RouteWarning, WebSocketRoute
from raw_asgi import request


async def app(scope, receive, send):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/<int:a>", "<int:a> is not a parameter in '/<int:a>': write {a:int}"),
        ("/x/<a>/y", "<a> is not a parameter in '/x/<a>/y': write {a}"),
        ("/<string:a>", "<string:a> is not a parameter in '/<string:a>': write {a}"),
        ("/<path:rest>", "<path:rest> is not a parameter in '/<path:rest>': write {rest:path}"),
        ("/{a", "{a is not a parameter in '/{a': write {name} or {name:convertor}, without blanks"),
        ("/a}", "} is not a parameter in '/a}': write"),
        ("/{}", "{} is not a parameter in '/{}': write"),
        ("/{a-b}/{c}", "{a-b} is not a parameter in '/{a-b}/{c}': write"),
        ("/{a: int}", "{a: int} is not a parameter in '/{a: int}': write"),
        ("/{1}", "{1} is not a parameter in '/{1}': write"),
    ],
)
@pytest.mark.parametrize("make", [Route, WebSocketRoute, Mount, lambda path, app: Host(f"h{path}", app)])
def test_a_path_that_seems_to_have_a_parameter_is_warned_of(make, path, message):
    if make not in (Route, WebSocketRoute, Mount):
        message = message.replace(repr(path), repr(f"h{path}"))
    with pytest.warns(RouteWarning, match=re.escape(message)) as caught:
        route = make(path, app)
    assert caught[0].filename == __file__
    (finding,) = Router([route]).check()
    assert (finding.kind, finding.first, finding.second) == ("mistake", route, route)
    assert message in str(finding)


@pytest.mark.parametrize(
    "path", ["/", "/a<b", "/a>b<c", "/x/{a}-{b:int}", "/things/{id}:search", "/:id", "/*", "/a<1>", "/{a}{b:path}"]
)
def test_a_path_without_a_mistake_is_not_warned_of(path):
    assert Router([Route(path, app)]).check() == []


@pytest.mark.parametrize("methods", ["POST", "get", ""])
@pytest.mark.parametrize(
    "make",
    [
        lambda methods: Route("/", app, methods=methods),
        lambda methods: Router().add_route("/", app, methods),
    ],
)
def test_one_method_in_place_of_a_list_is_refused(make, methods):
    with pytest.raises(TypeError, match=re.escape(f"methods={methods!r} is one text: write methods=[{methods!r}]")):
        make(methods)


MAKE_WITH_ENDPOINT = {
    "route": lambda endpoint: Route("/", endpoint),
    "websocket": lambda endpoint: WebSocketRoute("/", endpoint),
    "add_route": lambda endpoint: add(Router(), endpoint),
}


def add(router, endpoint):
    router.add_route("/", endpoint)
    return router.routes[0]


@pytest.mark.parametrize("make", MAKE_WITH_ENDPOINT.values(), ids=MAKE_WITH_ENDPOINT)
async def test_an_endpoint_that_cannot_be_called_is_warned_of_and_raises_when_called(make):
    with pytest.warns(
        RouteWarning, match="the endpoint 'index' cannot be called: pass a function or an ASGI"
    ) as caught:
        route = make("index")
    assert all(warning.filename == __file__ for warning in caught)
    (finding,) = Router([route]).check()
    assert finding.kind == "mistake"
    if isinstance(route, Route):
        with pytest.raises(TypeError, match="'str' object is not callable"):
            await request(Router([route]), "GET", "/")


def test_mistakes_below_mounts_and_hosts_are_found():
    with warnings.catch_warnings(action="ignore"):
        bad = Route("/<a>", app)
    router = Router([Mount("/m", routes=[bad]), Host("h", Router([bad]))])
    assert [finding.kind for finding in router.check() if finding.kind == "mistake"] == ["mistake", "mistake"]


class Wrapping:
    def __init__(self, app):
        self.app = app


@pytest.mark.parametrize(
    ("middleware", "shown"),
    [([Wrapping], "Wrapping"), (["cors"], "'cors'"), ([(Wrapping, ())], r"\(<class"), ([7], "7")],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda middleware: Route("/", app, middleware=middleware),
        lambda middleware: WebSocketRoute("/", app, middleware=middleware),
        lambda middleware: Mount("/", app, middleware=middleware),
        lambda middleware: Router(middleware=middleware),
    ],
)
def test_a_middleware_that_is_not_a_record_is_named(make, middleware, shown):
    with pytest.raises(TypeError, match=rf"middleware={shown}.*: a list of middleware has Middleware\(cls, \.\.\.\)"):
        make(middleware)


def test_an_unknown_convertor_is_named_with_those_there_are():
    with pytest.raises(
        AssertionError,
        match=r"Unknown path convertor 'nope' in '/{a:nope}': there are date, datetime, decimal, float, int, path",
    ):
        Route("/{a:nope}", app)
