"""Answers that are remembered are those that a lookup would give, and there are never many."""

from __future__ import annotations

from asgi_routing import Convertor, Host, Route, Router, register_url_convertor
from asgi_routing._matcher import LONGEST_REMEMBERED, MOST_REMEMBERED
from asgi_routing.convertors import CONVERTOR_TYPES
from wire import request


async def test_a_static_path_is_answered_again_from_memory(endpoint):
    router = Router([Route("/a", endpoint("post"), methods=["POST"]), Route("/a", endpoint("get"), methods=["GET"])])
    for _ in range(2):
        assert (await request(router, "GET", "/a")).text == "get"
        assert (await request(router, "POST", "/a")).text == "post"


async def test_methods_nobody_knows_are_not_remembered(endpoint):
    router = Router([Route("/a", endpoint("any"))])
    for i in range(3):
        assert (await request(router, f"M{i}", "/a")).text == "any"
    assert not any(router._routes.http.known.values())


async def test_a_host_that_stands_before_a_path_has_it_although_the_path_was_answered_before(endpoint):
    table = [Host("b.example", endpoint("host")), Route("/x", endpoint("path")), Route("/{n:int}", endpoint("number"))]
    router = Router(table)
    for path, text in (("/x", "path"), ("/1", "number")):
        for host, answer in ((b"a.example", text), (b"b.example", "host"), (b"a.example", text)):
            assert (await request(router, "GET", path, headers=[(b"host", host)])).text == answer


async def test_remembered_parameters_are_each_request_s_own():
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(scope["path_params"]))
        scope["path_params"].clear()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    router = Router([Route("/{a}/{n:int}", app)])
    for _ in range(3):
        await request(router, "GET", "/x/1")
    assert seen == [{"a": "x", "n": 1}] * 3


async def test_only_so_many_answers_are_remembered_and_no_long_paths(endpoint):
    router = Router([Route("/{name}", endpoint("any"))])
    await request(router, "GET", "/" + "x" * LONGEST_REMEMBERED)
    paths = [f"/{i}" for i in range(3 * MOST_REMEMBERED)]
    for path in paths:
        await request(router, "GET", path)
    assert list(router._routes.http.known["GET"]) == paths[MOST_REMEMBERED::8]


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
