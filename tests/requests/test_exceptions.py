from __future__ import annotations

import copy
import pickle

import pytest

from asgi_requests.exceptions import (
    ClientDisconnect,
    HTTPException,
    MultiPartException,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketException,
)
from raw_asgi import http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}


@pytest.mark.parametrize(
    ("exc", "text", "representation"),
    [
        (HTTPException(404), "404: Not Found", "HTTPException(status_code=404, detail='Not Found')"),
        (HTTPException(404, detail="x"), "404: x", "HTTPException(status_code=404, detail='x')"),
        (HTTPException(404, ""), "404: ", "HTTPException(status_code=404, detail='')"),
        (HTTPException(599), "599: ", "HTTPException(status_code=599, detail='')"),
        (WebSocketException(1008), "1008: ", "WebSocketException(code=1008, reason='')"),
        (WebSocketException(1008, "no"), "1008: no", "WebSocketException(code=1008, reason='no')"),
        (WebSocketDisconnect(1006, "gone"), "(1006, 'gone')", "WebSocketDisconnect(1006, 'gone')"),
        (MultiPartException("cut"), "cut", "MultiPartException('cut')"),
        (ClientDisconnect(), "", "ClientDisconnect()"),
    ],
)
def test_exceptions_read_as_in_starlette(exc, text, representation):
    assert (str(exc), repr(exc)) == (text, representation)


def test_a_subclass_is_named_in_its_repr():
    class Teapot(HTTPException):
        pass

    assert repr(Teapot(418, "short")) == "Teapot(status_code=418, detail='short')"


def test_a_disconnect_is_normal_by_default():
    assert (WebSocketDisconnect().code, WebSocketDisconnect().reason) == (1000, "")


def test_use_after_the_end_is_a_runtime_error():
    assert issubclass(WebSocketDisconnected, RuntimeError)


@pytest.mark.parametrize("exc", [HTTPException(404, "x", {"a": "b"}), WebSocketException(1008, "r")])
def test_exceptions_are_copied_and_pickled(exc):
    for twin in (copy.copy(exc), pickle.loads(pickle.dumps(exc))):
        assert vars(twin) == vars(exc)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "exc",
    [
        HTTPException(404),
        HTTPException(418, "x" * 2000),
        HTTPException(400, "é \ud800"),
        HTTPException(400, {"not": "text"}),
        HTTPException(401, headers={"www-authenticate": "Basic"}),
        HTTPException(304),
    ],
)
async def test_its_messages_are_those_that_it_sends(exc, method):
    scope = http_scope(method)
    reply = await run(exc, scope)
    assert list(exc.messages(scope)) == reply.messages
    assert reply.messages[1]["body"] == (b"" if method == "HEAD" or exc.status_code == 304 else reply.body)


async def test_it_answers_with_its_detail_as_plain_text():
    reply = await request(HTTPException(403, "Not yours é", {"X-Why": "rules"}))
    assert reply.status == 403
    assert reply.headers == [
        (b"x-why", b"rules"),
        (b"content-length", b"12"),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    assert reply.text == "Not yours é"


async def test_a_detail_that_quotes_a_lone_surrogate_is_sent():
    for headers in (None, {"X-Why": "rules"}):
        reply = await request(HTTPException(400, "No \ud800 é", headers))
        assert (reply.status, reply.text, reply.header("content-length")) == (400, "No ? é", "7")


async def test_headers_given_replace_its_own():
    reply = await request(HTTPException(400, "{}", {"Content-Type": "application/json", "Content-Length": "2"}))
    assert reply.headers == [(b"content-type", b"application/json"), (b"content-length", b"2")]


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(status):
    reply = await request(HTTPException(status, "ignored", {"ETag": '"1"'}))
    assert (reply.status, reply.headers, reply.body) == (status, [(b"etag", b'"1"')], b"")


@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, "5")])
async def test_the_length_given_with_a_status_without_a_body_is_what_may_be_sent(status, length):
    reply = await request(HTTPException(status, headers={"Content-Length": "5"}))
    assert (reply.header("content-length"), reply.body) == (length, b"")


async def test_head_gets_the_length_and_no_body():
    reply = await request(HTTPException(404), "HEAD")
    assert (reply.header("content-length"), reply.body) == ("9", b"")


@pytest.mark.parametrize("headers", [{"Location": "/\r\nSet-Cookie: a=b"}, {"X\n": "a"}, {"X": "a\0"}, {"": "a"}])
async def test_a_header_that_would_split_the_answer_is_refused(headers):
    with pytest.raises(ValueError, match="Invalid header"):
        await request(HTTPException(302, headers=headers))


async def test_one_instance_answers_many_requests():
    exc = HTTPException(404)
    first, second = await request(exc), await request(exc)
    assert first.messages == second.messages
    assert first.messages[0]["headers"] is not second.messages[0]["headers"]


async def test_a_websocket_is_denied_after_its_connect():
    reply = await run(HTTPException(403), websocket_scope(), [CONNECT])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (reply.status, reply.text) == (403, "Forbidden")


@pytest.mark.parametrize("extensions", [{}, None])
async def test_a_websocket_is_closed_where_denials_are_not_offered(extensions):
    reply = await run(HTTPException(403), websocket_scope(extensions=extensions), [CONNECT])
    assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_a_websocket_that_has_left_gets_no_answer():
    reply = await run(HTTPException(403), websocket_scope(), [{"type": "websocket.disconnect", "code": 1006}])
    assert reply.messages == []


@pytest.mark.parametrize(("status", "code"), [(401, 1008), (404, 1008), (500, 1011), (503, 1011)])
def test_an_accepted_websocket_is_closed_by_the_kind_of_the_status(status, code):
    message = HTTPException(status, "é" * 100).close_message()
    assert message == {"type": "websocket.close", "code": code, "reason": "é" * 61}


async def test_a_websocket_exception_closes():
    reply = await run(WebSocketException(1008, "no"), websocket_scope())
    assert reply.messages == [{"type": "websocket.close", "code": 1008, "reason": "no"}]


async def test_a_multipart_exception_answers_400():
    reply = await run(MultiPartException("Too many files."), http_scope("POST"))
    assert (reply.status, reply.text) == (400, "Too many files.")
