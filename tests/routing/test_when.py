"""Routes that a predicate chooses."""

from __future__ import annotations

import pytest

from asgi_routing import Host, Match, Mount, Route, Router, WebSocketRoute
from raw_asgi import http_scope, request, run, websocket_scope


def accepts(media_type: str):
    return lambda scope: (b"accept", media_type.encode()) in scope["headers"]


def never(scope):
    return False


def v2(scope):
    return (b"x-version", b"2") in scope["headers"]


HEADERS = [(b"x-version", b"2")]


async def answer_of(router, path="/a", headers=(), method="GET"):
    reply = await request(router, method, path, headers=headers)
    return reply.body.decode() if reply.status == 200 else reply.status


@pytest.mark.parametrize("path", ["/a", "/{x}", "/{x:path}", "/{x}.{y}"])
async def test_the_first_route_whose_predicate_is_true_answers(path, endpoint):
    router = Router(
        [
            Route(path, endpoint("never"), when=never),
            Route(path, endpoint("two"), when=v2),
            Route(path, endpoint("one")),
            Route(path, endpoint("late"), when=v2),
        ]
    )
    asked = path.replace("{x}.{y}", "b.c").replace("{x}", "b").replace("{x:path}", "b")
    assert await answer_of(router, asked, HEADERS) == "two"
    assert await answer_of(router, asked) == "one"


async def test_media_types_choose_between_routes(endpoint):
    router = Router([Route("/a", endpoint(kind), when=accepts(kind)) for kind in ("text/html", "text/csv")])
    assert await answer_of(router, headers=[(b"accept", b"text/csv")]) == "text/csv"
    assert await answer_of(router, headers=[(b"accept", b"image/png")]) == 404


async def test_allow_names_the_routes_whose_predicate_is_true(endpoint):
    router = Router(
        [
            Route("/a", endpoint("put"), methods=["PUT"], when=v2),
            Route("/a", endpoint("get"), methods=["GET"]),
            Route("/only", endpoint("only"), methods=["PUT"], when=v2),
        ]
    )
    assert (await request(router, "POST", "/a")).header("allow") == "GET, HEAD"
    reply = await request(router, "POST", "/a", headers=HEADERS)
    assert (reply.status, reply.header("allow")) == (405, "GET, HEAD, PUT")
    assert await answer_of(router, "/only") == 404
    assert await answer_of(router, "/only", HEADERS) == 405


async def test_a_match_writes_what_any_match_writes(endpoint):
    seen = endpoint("seen")
    inner = Route("/b/{y:int}", seen, when=v2)
    router = Router([Mount("/a/{x}", routes=[inner], when=v2)])
    assert await answer_of(router, "/a/1/b/2", HEADERS) == "seen"
    scope = seen.seen[0]
    assert scope["path_params"] == {"x": "1", "y": 2}
    assert scope["route"].path_format == "/a/{x}/b/{y}"
    assert scope["endpoint"] is seen
    assert scope["root_path"] == "/a/1"


@pytest.mark.parametrize("path", ["/m", "/{x}", ""])
async def test_a_mount_is_passed_by(path, endpoint):
    router = Router([Mount(path, endpoint("mounted"), when=v2), Route("/m/a", endpoint("route"))])
    assert await answer_of(router, "/m/a", HEADERS) == "mounted"
    assert await answer_of(router, "/m/a") == "route"


@pytest.mark.parametrize("host", ["example.org", "{sub}.org"])
async def test_a_host_is_passed_by(host, endpoint):
    router = Router([Host(host, endpoint("hosted"), when=v2), Route("/a", endpoint("route"))])
    named = [(b"host", b"example.org")]
    assert await answer_of(router, "/a", [*named, *HEADERS]) == "hosted"
    assert await answer_of(router, "/a", named) == "route"


async def test_websockets_are_chosen_too(endpoint):
    first, second = endpoint("first"), endpoint("second")
    router = Router([WebSocketRoute("/ws", first, when=lambda scope: "v2" in scope["subprotocols"])])
    router.add_websocket_route("/ws", second, when=lambda scope: True)
    await run(router, websocket_scope("/ws"))
    await run(router, websocket_scope("/ws", subprotocols=["v2"]))
    assert (len(first.seen), len(second.seen)) == (1, 1)


async def test_what_a_predicate_raises_leaves_the_router(endpoint):
    def fail(scope):
        raise LookupError("no such header")

    router = Router([Route("/a", endpoint("a"), when=fail), Route("/b", endpoint("b"))])
    with pytest.raises(LookupError, match="no such header"):
        await request(router, "GET", "/a")
    assert await answer_of(router, "/b") == "b"


async def test_a_predicate_is_asked_only_at_its_path(endpoint):
    asked = []

    def note(scope):
        return asked.append(scope["path"]) or True

    router = Router([Route(f"/{i}", endpoint(str(i)), when=note) for i in range(100)])
    assert await answer_of(router, "/7") == "7"
    assert await answer_of(router, "/none") == 404
    assert asked == ["/7"]


async def test_a_route_of_a_subclass_may_have_it_as_a_method(endpoint):
    class Versioned(Route):
        def when(self, scope):
            return v2(scope)

    router = Router([Versioned("/a", endpoint("two")), Route("/a", endpoint("one"))])
    assert (await answer_of(router, "/a", HEADERS), await answer_of(router)) == ("two", "one")


async def test_a_redirect_for_a_slash_asks_too(endpoint):
    router = Router([Route("/a/", endpoint("a"), when=v2)])
    assert (await answer_of(router, "/a", HEADERS), await answer_of(router)) == (307, 404)


@pytest.mark.parametrize(
    "make",
    [
        lambda when: Route("/a", never, when=when),
        lambda when: WebSocketRoute("/a", never, when=when),
        lambda when: Mount("/a", never, when=when),
        lambda when: Host("a", never, when=when),
    ],
)
def test_a_predicate_that_cannot_be_asked_is_refused_and_a_good_one_tells_routes_apart(make):
    async def later(scope):
        raise NotImplementedError

    class Later:
        async def __call__(self, scope):
            raise NotImplementedError

    for when in (later, Later()):
        with pytest.raises(TypeError, match="not async"):
            make(when)
    with pytest.raises(TypeError, match="give a function of the scope"):
        make("v2")
    assert make(v2) == make(v2) != make(None)
    assert make(never).matches(http_scope("GET", "/a"))[0] is Match.NONE


def test_a_route_with_a_predicate_shadows_none(endpoint):
    a = endpoint("a")
    router = Router([Route("/a", a, name="x", when=v2), Route("/a", a, name="x"), Route("/a", a, name="x")])
    assert [finding.first for finding in router.check()] == [router.routes[1]]


async def test_routers_pass_options_on(endpoint):
    router = Router()
    router.add_route("/a", endpoint("a"), when=v2)
    router.mount("/m", endpoint("m"), when=v2)
    router.host("h", endpoint("h"), when=v2)
    assert [route.when for route in router.routes] == [v2] * 3
