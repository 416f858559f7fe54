"""Methods: 405 with the whole Allow, HEAD with GET, OPTIONS on request."""

from __future__ import annotations

import functools
import pickle

import pytest

from asgi_routing import BaseRoute, Match, Mount, Route, Router
from asgi_routing.routes import AllowedMethods
from raw_asgi import body_messages, http_scope, request, run


async def test_a_wrong_method_names_the_right_ones_of_every_route_sorted(endpoint):
    router = Router(
        [
            Route("/{id:int}", endpoint("put"), methods=["put"]),
            Route("/other", endpoint("other"), methods=["LINK"]),
            Route("/{slug}", endpoint("get"), methods=["GET"]),
            Route("/{rest:path}", endpoint("delete"), methods=["DELETE"]),
        ]
    )
    reply = await request(router, "POST", "/7")
    assert (reply.status, reply.body) == (405, b"Method Not Allowed")
    assert reply.header("allow") == "DELETE, GET, HEAD, PUT"
    assert (await request(router, "POST", "/x")).header("allow") == "DELETE, GET, HEAD"


async def test_a_405_leaves_what_matched_but_not_its_own_key(endpoint):
    route = Route("/a/{b}", endpoint("a"), methods=["GET"])
    scope = http_scope("POST", "/a/1")
    await run(Router([route]), scope)
    assert (scope["route"], scope["path_params"]) == (route, {"b": "1"})
    assert not [key for key in scope if key.startswith("asgi_routing.")]


async def test_head_goes_with_get(endpoint):
    router = Router([Route("/a", endpoint("a"), methods=["GET"])])
    assert (await request(router, "HEAD", "/a")).status == 200


async def test_a_head_answered_by_the_router_has_no_body(endpoint):
    router = Router([Route("/a", endpoint("a"), methods=["POST"])])
    missed, refused = await request(router, "HEAD", "/b"), await request(router, "HEAD", "/a")
    assert (missed.status, missed.body, missed.header("content-length")) == (404, b"", "9")
    assert (refused.status, refused.body) == (405, b"")


async def test_options_is_a_method_like_any_other_by_default(endpoint):
    router = Router([Route("/a", endpoint("a"), methods=["POST"])])
    assert (await request(router, "OPTIONS", "/a")).status == 405


async def test_options_answers_with_allow_on_request(endpoint):
    router = Router(
        [Route("/a", endpoint("a"), methods=["POST"]), Route("/a", endpoint("b"), methods=["GET"])], auto_options=True
    )
    reply = await request(router, "OPTIONS", "/a")
    assert (reply.status, reply.body, reply.header("content-length")) == (204, b"", None)
    assert reply.header("allow") == "GET, HEAD, OPTIONS, POST"
    assert (await request(router, "PUT", "/a")).header("allow") == "GET, HEAD, OPTIONS, POST"
    assert (await request(router, "OPTIONS", "/b")).status == 404


async def test_an_own_options_route_comes_before_the_automatic_answer(endpoint):
    router = Router(
        [Route("/a", endpoint("get"), methods=["GET"]), Route("/a", endpoint("own"), methods=["OPTIONS"])],
        auto_options=True,
    )
    assert (await request(router, "OPTIONS", "/a")).text == "own"


async def test_a_full_match_further_down_comes_before_a_partial_one(endpoint):
    router = Router([Route("/a", endpoint("get"), methods=["GET"]), Mount("/", endpoint("mount"))])
    assert (await request(router, "POST", "/a")).text == "mount"


async def test_a_route_alone_answers_404_and_405(endpoint):
    route = Route("/a", endpoint("a"), methods=["GET"])
    assert (await request(route, "GET", "/a")).text == "a"
    assert (await request(route, "GET", "/b")).status == 404
    reply = await request(route, "POST", "/a")
    assert (reply.status, reply.header("allow")) == (405, "GET, HEAD")


async def test_a_subclass_may_raise_instead_of_answering_405(endpoint):
    class Refused(Exception):
        pass

    class Strict(Route):
        async def method_not_allowed(self, scope, receive, send):
            raise Refused(self.allowed_methods(scope))

    router = Router([Strict("/a", endpoint("a"), methods=["GET"]), Route("/a", endpoint("b"), methods=["PUT"])])
    scope = http_scope("POST", "/a")
    with pytest.raises(Refused, match="'GET', 'HEAD', 'PUT'"):
        await run(router, scope)
    assert not [key for key in scope if key.startswith("asgi_routing.")]


async def test_a_405_below_a_mount_names_the_methods_and_shows_the_whole_route(endpoint):
    routes = [Route("/{id:int}", endpoint("get"), methods=["GET"]), Route("/{id}", endpoint("put"), methods=["PUT"])]
    scope = http_scope("DELETE", "/shops/a/7")
    reply = await run(Router([Mount("/shops/{shop}", routes=routes)]), scope)
    assert (reply.status, reply.header("allow")) == (405, "GET, HEAD, PUT")
    assert scope["route"].path_format == "/shops/{shop}/{id}"
    assert (scope["path_params"], scope["endpoint"]) == ({"shop": "a", "id": 7}, routes[0].endpoint)


async def test_a_405_names_methods_of_routes_whose_predicate_is_true(endpoint):
    def version(number):
        return lambda scope: (b"x-version", number) in scope["headers"]

    router = Router(
        [
            Route("/a", endpoint("one"), methods=["GET"], when=version(b"1")),
            Route("/a", endpoint("two"), methods=["PUT"], when=version(b"2")),
            Route("/a", endpoint("any"), methods=["POST"]),
        ]
    )
    for headers, allow in [
        ([], "POST"),
        ([(b"x-version", b"1")], "GET, HEAD, POST"),
        ([(b"x-version", b"2")], "POST, PUT"),
    ]:
        reply = await request(router, "DELETE", "/a", headers=headers)
        assert (reply.status, reply.header("allow")) == (405, allow)
        assert (await request(router, "HEAD", "/a", headers=headers)).status == (200 if "HEAD" in allow else 405)


async def test_a_handle_of_its_own_is_asked_for_a_405(endpoint):
    class Own(Route):
        async def handle(self, scope, receive, send):
            await endpoint("own")(scope, receive, send)

    patched = Route("/b", endpoint("b"), methods=["GET"])
    patched.handle = endpoint("patched")
    router = Router([Own("/a", endpoint("a"), methods=["GET"]), patched])
    assert (await request(router, "PUT", "/a")).text == "own"
    assert (await request(router, "PUT", "/b")).text == "patched"


async def test_a_405_is_of_the_routes_that_are_there_now(endpoint):
    router = Router([Route("/a", endpoint("a"), methods=["GET"])])
    assert (await request(router, "PUT", "/a")).header("allow") == "GET, HEAD"
    router.add_route("/a", endpoint("b"), methods=["DELETE"])
    assert (await request(router, "PUT", "/a")).header("allow") == "DELETE, GET, HEAD"


def test_allowed_methods_are_sorted_and_have_the_field():
    allowed = AllowedMethods({"PUT", "GET"})
    assert allowed == ("GET", "PUT")
    assert allowed.field == (b"allow", b"GET, PUT")
    assert pickle.loads(pickle.dumps(allowed)).field == allowed.field


async def test_a_partial_match_of_an_own_class_answers_itself(endpoint):
    class Own(BaseRoute):
        def matches(self, scope):
            return Match.PARTIAL, {"endpoint": self, "path_params": {"own": True}}

        async def handle(self, scope, receive, send):
            await endpoint("own")(scope, receive, send)

    scope = http_scope("GET", "/a")
    reply = await run(Router([Own(), Route("/a", endpoint("a"), methods=["PUT"])]), scope, body_messages(b""))
    assert (reply.text, scope["path_params"]) == ("own", {"own": True})


async def function(scope, receive, send):
    raise NotImplementedError


class Handler:
    async def method(self, scope, receive, send):
        raise NotImplementedError

    async def __call__(self, scope, receive, send):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("given", "methods", "expected"),
    [
        (function, None, {"GET", "HEAD"}),
        (functools.partial(functools.partial(function)), None, {"GET", "HEAD"}),
        (Handler().method, None, {"GET", "HEAD"}),
        (Handler(), None, None),
        (Handler, None, None),
        (function, [], set()),
        (function, ["post", "get"], {"GET", "HEAD", "POST"}),
        (function, {"PUT"}, {"PUT"}),
    ],
)
def test_functions_answer_get_and_other_endpoints_everything(given, methods, expected):
    assert Route("/", given, methods=methods).methods == expected
