"""The helpers on raw pairs, scopes and replies that the middlewares share."""

from __future__ import annotations

import pytest

from asgi_middleware._headers import all_values, encode_name, encode_value, first_value, merge_vary, without
from asgi_middleware._replies import reject, send_text
from asgi_middleware._scope import request_headers
from raw_asgi import http_scope, request, run, websocket_scope

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


def test_headers_that_can_be_read_once_become_a_list_for_everybody():
    scope = {"type": "http", "headers": iter(PAIRS)}
    assert request_headers(scope) is scope["headers"]
    assert list(scope["headers"]) == list(scope["headers"]) == PAIRS
    for headers in (PAIRS, tuple(PAIRS), dict(PAIRS).items()):
        scope = {"type": "http", "headers": headers}
        assert request_headers(scope) is headers is scope["headers"]
    assert list(request_headers({"type": "http"})) == []


def test_a_header_is_encoded_as_it_is_sent():
    assert (encode_name("X-Tag"), encode_value("x", "caf\xe9\t1")) == (b"x-tag", b"caf\xe9\t1")


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\xe9", "\u20ac", "a\0"])
def test_a_name_that_is_not_a_token_is_refused(name):
    with pytest.raises(ValueError, match="invalid header name"):
        encode_name(name)


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\x01", "\x1f", "\x7f"])
def test_a_value_with_a_control_character_is_refused(character):
    with pytest.raises(ValueError, match="the value of header 'x' has a control character"):
        encode_value("x", f"a{character}b")


def test_a_value_that_no_header_can_carry_is_named():
    with pytest.raises(ValueError, match="has characters outside latin-1: '\u20ac'"):
        encode_value("x", "\u20ac")
    with pytest.raises(TypeError, match="the value of header 'x' must be a str, not 1"):
        encode_value("x", 1)
    with pytest.raises(TypeError, match="a header name must be a str, not b'x'"):
        encode_name(b"x")


async def test_text_that_cannot_be_encoded_is_sent_all_the_same():
    async def app(scope, receive, send):
        await send_text(scope, send, 400, "no a\ud800b")

    reply = await request(app)
    assert (reply.status, reply.body) == (400, b"no a?b")
