"""The routes of the framework: what they add to those of asgi-routing."""

from __future__ import annotations

import pytest

import asgi_routing
from asgi_framework import URL, App, Host, Mount, PlainTextResponse, Route, Router, URLPath, WebSocketRoute
from asgi_routing import InvalidParameter, RouteWarning
from raw_asgi import http_scope, request, run


def home(request):
    return PlainTextResponse(str(request.url_for("home")))


ROUTES = [
    Route("/", home, name="home"),
    WebSocketRoute("/talk", lambda websocket: None, name="talk"),
    Mount("/m/{tenant}", routes=[Route("/x/{id:int}", home, name="x")], name="m"),
    Host("{sub}.example.org", Router([Route("/h", home, name="h")]), name="host"),
    asgi_routing.Route("/plain", home, name="plain"),
]


@pytest.mark.parametrize(
    ("name", "params", "base", "url"),
    [
        ("home", {}, "https://e.org/root/", "https://e.org/root/"),
        ("talk", {}, URL("https://e.org:81"), "wss://e.org:81/talk"),
        ("m:x", {"tenant": "t", "id": 1}, URL("http://e.org"), "http://e.org/m/t/x/1"),
        ("host:h", {"sub": "s"}, "http://e.org", "http://s.example.org/h"),
        ("plain", {}, "http://e.org", "http://e.org/plain"),
    ],
)
@pytest.mark.parametrize("make", [Router, lambda routes: App(routes=routes)], ids=["router", "app"])
def test_a_path_becomes_a_url_that_can_be_changed(make, name, params, base, url):
    path = make(ROUTES).url_path_for(name, **params)
    assert type(path) is URLPath
    absolute = path.make_absolute_url(base_url=base)
    assert (absolute, type(absolute)) == (url, URL)
    assert absolute.include_query_params(a=1) == f"{url}?a=1"
    assert absolute.replace(path="/other").path == "/other"
    assert absolute.path.endswith(path)


def test_every_route_gives_such_a_path():
    for route, name, params in (
        (ROUTES[0], "home", {}),
        (ROUTES[1], "talk", {}),
        (ROUTES[2], "m", {"path": "x"}),
        (ROUTES[3], "host", {"path": "/x"}),
    ):
        assert type(route.url_path_for(name, **params)) is URLPath


def test_a_path_that_begins_with_two_slashes_names_no_host():
    assert URLPath("//evil.org").make_absolute_url("http://e.org") == "http://e.org/%2Fevil.org"


async def test_a_url_for_a_request_is_made_of_it():
    reply = await request(App(routes=ROUTES), "GET", "/", headers=[(b"host", b"e.org")])
    assert reply.text == "http://e.org/"


def test_a_value_that_a_convertor_refuses_is_named():
    with pytest.raises(InvalidParameter, match="The convertor of \"id\" does not take 'x'"):
        App(routes=ROUTES).url_path_for("m:x", tenant="t", id="x")


@pytest.mark.parametrize(
    "make",
    [lambda methods: Route("/", home, methods=methods), lambda methods: App().add_route("/", home, methods=methods)],
)
def test_one_method_in_place_of_a_list_is_refused(make):
    with pytest.raises(TypeError, match=r"write methods=\['POST'\]"):
        make("POST")


@pytest.mark.parametrize(
    "make",
    [lambda path: Route(path, home), lambda path: App().add_route(path, home), lambda path: App().mount(path, home)],
)
def test_a_mistake_in_a_path_is_warned_of_where_it_was_written(make):
    with pytest.warns(RouteWarning, match="<a> is not a parameter in '/<a>': write {a}") as caught:
        make("/<a>")
    assert caught[0].filename == __file__


def test_a_middleware_that_is_not_a_record_is_named():
    with pytest.raises(TypeError, match="middleware=int: a list of middleware has Middleware"):
        Mount("/", home, middleware=[int])


def test_routers_make_the_routes_of_the_framework():
    router = Router(redirect_status=308, auto_options=True, absolute_redirects=True, lifespan_of_mounts=True)
    router.add_route("/r", home)
    router.add_websocket_route("/w", home)
    router.mount("/m", home)
    router.host("h", home)
    assert [type(route) for route in router.routes] == [Route, WebSocketRoute, Mount, Host]
    assert type(Mount("/m", routes=[]).app) is Router
    assert (router.redirect_status, router.auto_options) == (308, True)
    with pytest.raises(TypeError, match="auto_option"):
        Router(auto_option=True)


async def test_two_applications_may_be_tried_with_one_scope():
    def here(request):
        return PlainTextResponse(str(request.url_for("here", id=request.path_params["id"])))

    first = App(routes=[Mount("/m/{tenant}", routes=[Route("/a", home)]), Route("/other/{id}", home, name="here")])
    second = App(routes=[Mount("/m", routes=[Route("/{id}/b", here, name="here")])])

    async def cascade(scope, receive, send):
        statuses = []

        async def hold(message):
            statuses.append(message.get("status"))

        await first(scope, receive, hold)
        assert statuses[0] == 404
        await second(scope, receive, send)

    scope = http_scope("GET", "/m/7/b", headers=[(b"host", b"e.org")])
    assert (await run(cascade, scope)).text == "http://e.org/m/7/b"


async def test_a_page_for_404_may_name_routes():
    def page(request, exc):
        return PlainTextResponse(str(request.url_for("home")), 404)

    app = App(routes=ROUTES, exception_handlers={404: page})
    for path in ("/nothing", "/m/t/nothing"):
        reply = await request(app, "GET", path, headers=[(b"host", b"e.org")], root_path="")
        assert (reply.status, reply.text) == (404, "http://e.org/")


async def test_a_request_and_a_template_write_a_query_and_a_fragment(tmp_path):
    pytest.importorskip("jinja2")
    from asgi_framework import Jinja2Templates

    (tmp_path / "page.html").write_text("{{ url_for('item', id=7, query={'a': 'x y', 'b': [1, 2]}, fragment='f') }}")
    templates = Jinja2Templates(directory=tmp_path)

    def item(request):
        url = request.url_for("item", id=8, query={"q": "&"}, fragment="f")
        return templates.TemplateResponse(request, "page.html", headers={"x-url": str(url)})

    app = App(routes=[Mount("/m", routes=[Route("/items/{id:int}", item, name="item")])])
    reply = await request(app, "GET", "/m/items/1", headers=[(b"host", b"e.org")])
    assert reply.header("x-url") == "http://e.org/m/items/8?q=%26#f"
    assert reply.body == b"http://e.org/m/items/7?a=x%20y&amp;b=1&amp;b=2#f"


async def test_predicates_and_descriptions_are_passed_on():
    def new(scope):
        return (b"x-new", b"1") in scope["headers"]

    def text(name):
        return lambda request: PlainTextResponse(name)

    app = App(routes=[Route("/", text("new"), when=new, openapi={"summary": "x"}), Route("/", text("old"))])
    app.add_route("/late", text("late"), when=new)
    app.mount("/m", text("m"), when=new)
    app.host("h", text("h"), when=new)
    app.routes.append(Mount("/n", routes=[], when=new))
    app.routes.append(WebSocketRoute("/w", text("w"), when=new))
    assert [route.when for route in app.routes] == [new, None, new, new, new, new, new]
    assert app.routes[0].openapi == {"summary": "x"}
    assert (await request(app, "GET", "/", headers=[(b"x-new", b"1")])).body == b"new"
    assert (await request(app, "GET", "/")).body == b"old"
    assert (await request(app, "GET", "/late")).status == 404


async def test_a_predicate_that_raises_is_a_500_with_its_exception():
    def fail(scope):
        raise LookupError("no such header")

    seen = []

    async def show(request, exc):
        seen.append(exc)
        return PlainTextResponse("shown", 500)

    app = App(routes=[Route("/", home, when=fail)], exception_handlers={500: show})
    with pytest.raises(LookupError):
        await request(app, "GET", "/")
    assert [type(exc) for exc in seen] == [LookupError]
