"""The compiled lookup answers as a scan in order of declaration would."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_routing import BaseRoute, Convertor, Host, Match, Mount, Route, Router, WebSocketRoute, register_url_convertor
from asgi_routing.convertors import CONVERTOR_TYPES
from raw_asgi import http_scope, request, run, websocket_scope


class Even(Convertor[int]):
    regex = "[0-9]+"

    def convert(self, value):
        if int(value) % 2:
            raise ValueError(value)
        return int(value)

    def to_string(self, value):
        return str(value)


class Dated(Convertor[str]):
    regex = "[0-9]/[a-z]"

    def convert(self, value):
        return value

    def to_string(self, value):
        return value


@pytest.fixture(autouse=True, scope="module")
def _convertors():
    register_url_convertor("even", Even())
    register_url_convertor("dated", Dated())
    yield
    del CONVERTOR_TYPES["even"], CONVERTOR_TYPES["dated"]


class Own(BaseRoute):
    """Matches some paths by a rule of its own, and others in part."""

    methods = {"LINK"}

    def __init__(self, letter):
        self.letter = letter

    def matches(self, scope):
        path = scope["path"]
        if self.letter not in path:
            return Match.NONE, {}
        full = scope.get("method") == "LINK" or path.endswith("1")
        return (Match.FULL if full else Match.PARTIAL), {"endpoint": self, "path_params": {"own": self.letter}}

    async def handle(self, scope, receive, send):
        raise NotImplementedError


class Shouting(Route):
    """A Route that compares without case."""

    def matches(self, scope):
        return super().matches({**scope, "path": scope["path"].lower()})


class Handling(Route):
    async def handle(self, scope, receive, send):
        raise NotImplementedError


async def nothing(scope, receive, send):
    raise NotImplementedError


SEGMENTS = ["a", "b", "A", "1", "", "{p}", "{p:int}", "{p:even}", "{p:float}", "x{p}", "{p}.j", "{p:path}", "{p:dated}"]
SEGMENTS += ["{p}-{q}", "{p:int}{q}.j", "{p:path}-{q}"]
METHODS = [None, ["GET"], ["POST"], ["GET", "PUT"]]


@st.composite
def paths(draw):
    segments = draw(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3))
    numbered = (segment.replace("{p", f"{{p{i}").replace("{q", f"{{q{i}") for i, segment in enumerate(segments))
    return "/" + "/".join(numbered)


@st.composite
def routes(draw):
    kind = draw(st.sampled_from(["route"] * 6 + ["websocket", "mount", "host", "own", "shouting", "handling"]))
    path = draw(paths())
    if kind == "host":
        return Host(draw(st.sampled_from(["one.test", "{h}.test:80", "TWO.test"])), nothing)
    if kind == "own":
        return Own(draw(st.sampled_from("ab1")))
    if kind == "mount":
        return Mount(draw(st.sampled_from(["", path])), nothing)
    if kind == "websocket":
        return WebSocketRoute(path, nothing)
    cls = {"route": Route, "shouting": Shouting, "handling": Handling}[kind]
    return cls(path, nothing, methods=draw(st.sampled_from(METHODS)))


REQUEST_PATHS = st.lists(
    st.sampled_from(["a", "b", "A", "1", "2", "", "x1", "1.j", "1.5", "a-1-.j", "a\n", "\n", "٣", "9" * 5000]),
    max_size=4,
).map(lambda segments: "/" + "/".join(segments)) | st.sampled_from(["", "*", "a/b", "a"])


def scan(table, scope):
    partial = []
    for place, route in enumerate(table):
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return place, child_scope["path_params"]
        if match is Match.PARTIAL:
            partial.append((place, child_scope["path_params"]))
    return partial


def look_up(router, scope, method):
    routes = router._routes
    lookup = getattr(routes, scope["type"]) or routes.compile(scope["type"])
    known = lookup.static.get((scope["path"], method))
    if known is not None:
        return next(i for i, route in enumerate(routes) if route is known[0]), known[1]
    indexed, found = lookup.find(scope["path"], method, scope)
    if indexed is None:
        return [(c.place, f["path_params"] if c.extract is None else f) for c, f in found]
    if indexed.mount is not None:
        found.pop("path", None)  # the rest, of a mount with parameters
    return indexed.place, found["path_params"] if indexed.extract is None else found


@settings(max_examples=200, deadline=None)
@given(
    st.lists(routes(), max_size=8),
    st.lists(
        st.tuples(
            REQUEST_PATHS,
            st.sampled_from(["GET", "POST", "HEAD", "LINK"]),
            st.sampled_from([[], [(b"host", b"one.test")], [(b"Host", b"two.TEST:8000")], [(b"host", b"a b")]]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_a_lookup_answers_as_a_scan_in_order_would(table, requests):
    router = Router(table)
    for path, method, headers, websocket in requests:
        if websocket:
            scope, method = websocket_scope(path, headers=headers), ""
        else:
            scope = http_scope(method, path, headers=headers)
        assert look_up(router, scope, method) == scan(table, scope)


CHANGES = {
    "append": lambda table, route: table.append(route),
    "extend": lambda table, route: table.extend([route]),
    "insert": lambda table, route: table.insert(0, route),
    "iadd": lambda table, route: table.__iadd__([route]),
    "setitem": lambda table, route: table.__setitem__(0, route),
    "slice": lambda table, route: table.__setitem__(slice(None), [route]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_routes_may_be_added_after_the_first_request(change, endpoint):
    router = Router([Route("/first", endpoint("first"))])
    assert (await request(router, "GET", "/late")).status == 404
    change(router.routes, Route("/late", endpoint("late")))
    assert (await request(router, "GET", "/late")).text == "late"


REMOVALS = {
    "remove": lambda table: table.remove(table[0]),
    "pop": lambda table: table.pop(0),
    "clear": lambda table: table.clear(),
    "delitem": lambda table: table.__delitem__(0),
    "imul": lambda table: table.__imul__(0),
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
async def test_routes_may_be_removed_after_the_first_request(remove, endpoint):
    router = Router([Route("/first", endpoint("first"))])
    assert (await request(router, "GET", "/first")).status == 200
    remove(router.routes)
    assert (await request(router, "GET", "/first")).status == 404


@pytest.mark.parametrize(
    "reorder",
    [
        lambda router: router.routes.reverse(),
        lambda router: router.routes.sort(key=lambda route: -len(route.path)),
        lambda router: setattr(router, "routes", list(router.routes)[::-1]),
    ],
    ids=["reverse", "sort", "assign"],
)
async def test_routes_may_be_reordered_after_the_first_request(reorder, endpoint):
    router = Router([Route("/{a}", endpoint("any")), Route("/fixed", endpoint("fixed"))])
    assert (await request(router, "GET", "/fixed")).text == "any"
    reorder(router)
    assert (await request(router, "GET", "/fixed")).text == "fixed"


def test_a_table_of_routes_is_copied_as_a_list(endpoint):
    import copy

    router = Router([Route("/a", endpoint("a"))])
    twin = copy.copy(router.routes)
    twin.append(Route("/b", endpoint("b")))
    assert (len(router.routes), len(twin)) == (1, 2)


async def test_a_route_whose_pattern_was_replaced_matches_by_it(endpoint):
    import re

    route = Route("/a", endpoint("a"))
    route.path_regex = re.compile("^/(a|b)$", re.IGNORECASE)
    router = Router([route])
    assert (await request(router, "GET", "/B")).text == "a"
    loud = Route("/loud", endpoint("loud"))
    loud.path_regex = re.compile(loud.path_regex.pattern, re.IGNORECASE)
    assert (await request(Router([loud]), "GET", "/LOUD")).text == "loud"


async def test_a_subclass_that_skips_our_init_matches(endpoint):
    from asgi_routing import compile_path

    class Bare(Route):
        def __init__(self, path, app):
            self.path, self.endpoint, self.app, self.name, self.methods = path, app, app, "bare", {"GET"}
            self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    router = Router([Bare("/x/{id:int}", endpoint("bare"))])
    assert (await request(router, "GET", "/x/3")).text == "bare"
    assert (await request(router, "POST", "/x/3")).header("allow") == "GET"


async def test_a_path_without_a_first_slash_can_be_matched_by_a_pattern_of_its_own(endpoint):
    from asgi_routing import compile_path

    route = Route("/x", endpoint("star"))
    route.path_regex, route.path_format, route.param_convertors = compile_path("{any}")
    assert (await request(Router([route]), "GET", "*")).text == "star"


async def test_a_convertor_that_refuses_its_text_gives_way_to_the_next_route(endpoint):
    router = Router(
        [
            Route("/{n:even}", endpoint("even")),
            Route("/{a}/{n:even}", endpoint("two")),
            Route("/{s:path}", endpoint("any")),
        ]
    )
    paths = {"/2": "even", "/3": "any", "/x": "any", "/a/4": "two", "/a/5": "any"}
    assert {path: (await request(router, "GET", path)).text for path in paths} == paths


async def test_a_method_replaced_on_one_route_is_honoured(endpoint):
    route = Route("/a", endpoint("a"))
    route.matches = lambda scope: (Match.FULL, {"endpoint": None, "path_params": {}})
    assert (await request(Router([route]), "GET", "/elsewhere")).text == "a"


async def test_an_own_handle_answers_full_and_partial_matches(endpoint):
    class Counting(Route):
        calls = 0

        async def handle(self, scope, receive, send):
            Counting.calls += 1
            await super().handle(scope, receive, send)

    router = Router(
        [Counting("/a/{b}", endpoint("a"), methods=["GET"]), Route("/a/{b}", endpoint("p"), methods=["PUT"])]
    )
    assert (await request(router, "GET", "/a/b")).text == "a"
    assert (await request(router, "DELETE", "/a/b")).header("allow") == "GET, HEAD, PUT"
    assert Counting.calls == 2


def test_a_lookup_needs_no_event_loop_of_its_own(endpoint):
    first = endpoint("first")
    router = Router([Route("/a", first)])
    for _ in range(2):
        reply = asyncio.run(run(router, http_scope("GET", "/a")))
        assert reply.text == "first"


def test_routes_of_websockets_and_of_http_share_a_path(endpoint):
    router = Router([WebSocketRoute("/a", endpoint("ws")), Route("/a", endpoint("http"))])
    assert look_up(router, websocket_scope("/a"), "")[0] == 0
    assert look_up(router, http_scope("GET", "/a"), "GET")[0] == 1


async def test_a_host_that_stands_before_a_path_has_it_although_the_path_was_answered_before(endpoint):
    table = [Host("b.example", endpoint("host")), Route("/x", endpoint("path")), Route("/{n:int}", endpoint("number"))]
    router = Router(table)
    for path, text in (("/x", "path"), ("/1", "number")):
        for host, answer in ((b"a.example", text), (b"b.example", "host"), (b"a.example", text)):
            assert (await request(router, "GET", path, headers=[(b"host", host)])).text == answer


async def test_what_a_convertor_of_the_program_says_is_asked_for_each_request(endpoint):
    class Changing(Convertor):
        regex = "[a-z]+"
        known = {"new"}

        def convert(self, value):
            if value not in self.known:
                raise ValueError
            return value

        def to_string(self, value):
            return value

    register_url_convertor("changing", Changing())
    try:
        router = Router([Route("/{name:changing}", endpoint("own")), Route("/{name}", endpoint("any"))])
    finally:
        del CONVERTOR_TYPES["changing"]
    assert (await request(router, "GET", "/late")).text == "any"
    Changing.known.add("late")
    assert (await request(router, "GET", "/late")).text == "own"


async def test_the_parameters_of_a_static_path_are_each_request_s_own():
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(scope["path_params"]))
        scope["path_params"]["x"] = 1
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    router = Router([Route("/{name}", app, methods=["POST"]), Route("/a", app)])
    for method in ("GET", "POST") * 2:
        await request(router, method, "/a")
    assert seen == [{}, {"name": "a"}] * 2


async def test_the_static_table_has_what_a_scan_finds_and_does_not_grow(endpoint):
    table = [
        Route("/a", endpoint("post"), methods=["POST"]),
        Route("/{name}", endpoint("put"), methods=["PUT"]),
        Route("/a", Application(), name="all"),
        Route("/a", endpoint("never"), methods=["DELETE"]),
        Mount("/m", endpoint("mount")),
        Route("/m/a", endpoint("hidden")),
    ]
    router = Router(table)
    assert (await request(router, "POST", "/a")).text == "post"
    static = router._routes.http.static
    assert {method for path, method in static if path == "/a"} >= {"GET", "POST", "PUT", "DELETE"}
    assert (static["/a", "POST"][0], static["/a", "PUT"], static["/a", "DELETE"][0]) == (
        table[0],
        (table[1], {"name": "a"}),
        table[2],
    )
    assert not [path for path, _ in static if path == "/m/a"]
    size = len(static)
    for i in range(100):
        await request(router, "GET", f"/{i}")
        await request(router, f"M{i}", "/a")
    assert len(static) == size


class Application:
    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


def test_a_pattern_may_be_replaced_and_deleted_between_requests(endpoint):
    import re

    for route in (Route("/a", endpoint("a")), WebSocketRoute("/a", endpoint("a"))):
        scope = {"type": route.scope_type, "path": "/b", "method": "GET"}
        assert route.matches(scope)[0] is Match.NONE
        route.path_regex = re.compile("^/(a|b)$")
        assert route.matches(scope)[0] is Match.FULL
        del route.path_regex
        assert route.matches(scope)[0] is Match.NONE


def test_a_class_whose_patterns_are_computed_is_asked_each_time(endpoint):
    import re

    class Changing(Route):
        allowed = "a"
        path_regex = property(lambda self: re.compile(f"^/({self.allowed})$"))

    route = Changing("/a", endpoint("a"))
    scope = {"type": "http", "path": "/b", "method": "GET"}
    assert route.matches(scope)[0] is Match.NONE
    route.allowed = "b"
    assert route.matches(scope)[0] is Match.FULL
