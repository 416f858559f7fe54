"""The helpers on raw pairs, scopes and replies that the middlewares share."""

from __future__ import annotations

import pytest

from asgi_middleware._headers import all_values, first_value, merge_vary, without
from asgi_middleware._replies import reject, send_text
from asgi_middleware._scope import call_with_lasting_headers, copy_back, copy_scope, has_lasting_headers
from wire import http_scope, run, websocket_scope

PAIRS = [(b"Content-Type", b"text/html"), (b"set-cookie", b"a"), (b"SET-COOKIE", b"b")]


@pytest.mark.parametrize("container", [list, tuple, iter, lambda pairs: [[*pair] for pair in pairs]])
def test_headers_are_found_in_any_case_and_container(container):
    assert first_value(container(PAIRS), b"content-type") == b"text/html"
    assert first_value(container(PAIRS), b"etag") is None
    assert all_values(container(PAIRS), b"set-cookie") == [b"a", b"b"]
    assert [bytes(name) for name, _ in without(container(PAIRS), b"set-cookie")] == [b"Content-Type"]


@pytest.mark.parametrize(
    ("lines", "names", "merged"),
    [
        ([], [b"Origin"], b"Origin"),
        ([b"Cookie"], [b"Origin"], b"Cookie, Origin"),
        ([b"origin"], [b"Origin"], b"origin"),
        ([b"Accept", b"Cookie,accept"], [b"Origin"], b"Accept, Cookie, Origin"),
        ([b"*"], [b"Origin"], b"*"),
        ([b"Accept, *"], [b"Origin"], b"*"),
        ([b" ,,\tAccept ,"], [b"Origin", b"ORIGIN"], b"Accept, Origin"),
    ],
)
def test_vary_is_merged_into_one_line_without_duplicates(lines, names, merged):
    headers = [(b"a", b"1"), *((b"Vary", line) for line in lines), (b"b", b"2")]
    result = merge_vary(iter(headers), *names)
    assert [value for name, value in result if name == b"vary"] == [merged]
    assert [pair for pair in result if pair[0] != b"vary"] == [(b"a", b"1"), (b"b", b"2")]


async def test_a_reply_to_head_has_no_body_but_its_length():
    async def app(scope, receive, send):
        await send_text(scope, send, 400, "No", [(b"x", b"y")])

    get, head = await run(app, http_scope("GET")), await run(app, http_scope("HEAD"))
    assert (get.body, head.body) == (b"No", b"")
    assert get.headers == head.headers
    assert get.header("content-length") == "2"


async def refusing(scope, receive, send):
    await reject(scope, receive, send, 403, "No")


async def test_a_websocket_is_refused_with_an_answer_where_the_server_offers_it():
    reply = await run(refusing, websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (reply.status, reply.text) == (403, "No")


@pytest.mark.parametrize("extensions", [{}, None])
async def test_a_websocket_is_closed_where_the_server_offers_nothing(extensions):
    reply = await run(refusing, websocket_scope(extensions=extensions), [{"type": "websocket.connect"}])
    assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_a_websocket_client_that_has_left_hears_nothing():
    assert (await run(refusing, websocket_scope(), [{"type": "websocket.disconnect", "code": 1006}])).messages == []


def test_a_copied_scope_hands_back_what_routing_wrote():
    outer = {"type": "http", "state": {}}
    inner = copy_scope(outer, user="u")
    inner |= {"route": "r", "endpoint": "e", "path_params": {}, "private": 1}
    copy_back(inner, outer)
    assert outer == {"type": "http", "state": {}, "route": "r", "endpoint": "e", "path_params": {}}
    assert inner["state"] is outer["state"]


async def test_headers_that_can_be_read_once_become_a_list():
    async def app(scope, receive, send):
        assert list(scope["headers"]) == list(scope["headers"]) == PAIRS
        scope["route"] = "r"

    scope = {"type": "http", "headers": iter(PAIRS)}
    assert not has_lasting_headers(scope)
    await call_with_lasting_headers(app, scope, None, None)
    assert scope["route"] == "r"
    assert has_lasting_headers({"type": "http"})
