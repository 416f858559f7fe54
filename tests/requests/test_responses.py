"""Responses as the server sees them, message by message."""

from __future__ import annotations

import array
import gc
import json
import weakref

import pytest

from asgi_requests.background import BackgroundTask
from asgi_requests.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from asgi_requests.urls import URL
from raw_asgi import http_scope, request, run, websocket_scope


async def test_a_response_is_a_start_and_one_body():
    reply = await request(PlainTextResponse("hello"))
    assert reply.messages == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"5"), (b"content-type", b"text/plain; charset=utf-8")],
        },
        {"type": "http.response.body", "body": b"hello"},
    ]


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, b""),
        ("é", "é".encode()),
        (b"raw", b"raw"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"view"), b"view"),
        (memoryview(b"\1\0\2\0").cast("H"), b"\1\0\2\0"),
        (type("Text", (str,), {})("subclass"), b"subclass"),
    ],
)
def test_content_becomes_bytes_and_its_length_is_counted_in_them(content, body):
    response = Response(content)
    assert response.body == body
    assert type(response.body) is bytes
    assert response.headers["content-length"] == str(len(body))


def test_other_content_is_refused_by_name():
    with pytest.raises(AttributeError, match="Response takes str or bytes, not dict; JSONResponse takes other objects"):
        Response({})


def test_a_long_body_is_counted_too():
    assert Response(b"x" * 5000).raw_headers == [(b"content-length", b"5000")]


@pytest.mark.parametrize("status", [100, 103, 204, 304])
async def test_no_content_length_where_a_body_is_not_allowed(status):
    assert (await request(Response(status_code=status))).headers == []


@pytest.mark.parametrize("status", [101, 204, 205, 304])
@pytest.mark.parametrize("response_class", [PlainTextResponse, JSONResponse, HTMLResponse])
async def test_no_body_is_sent_with_a_status_that_allows_none(status, response_class):
    reply = await request(response_class("content", status))
    assert reply.body == b""
    assert reply.header("content-length") == ("0" if status == 205 else None)


@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, "7")])
async def test_a_status_set_later_decides_about_the_body_too(status, length):
    response = PlainTextResponse("content")
    response.status_code = status
    reply = await request(response)
    assert (reply.status, reply.header("content-length"), reply.body) == (status, length, b"")


async def test_a_head_request_gets_the_headers_and_no_body():
    reply = await request(HTMLResponse("<p>"), "HEAD")
    assert (reply.header("content-length"), reply.body) == ("3", b"")


def test_given_headers_come_first_and_win():
    response = Response(b"x", headers={"X-A": "b", "Content-Length": "7", "Content-Type": "a/b"}, media_type="c/d")
    assert response.raw_headers == [(b"x-a", b"b"), (b"content-length", b"7"), (b"content-type", b"a/b")]


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("text/css", "text/css; charset=utf-8"),
        ("text/plain; Charset=latin-1", "text/plain; Charset=latin-1"),
        ("image/png", "image/png"),
    ],
)
def test_text_gets_a_charset_unless_it_has_one(media_type, content_type):
    assert Response(media_type=media_type).headers["content-type"] == content_type


def test_a_subclass_sets_media_type_charset_and_render():
    class Shout(Response):
        media_type = "text/x-shout"
        charset = "latin-1"

        def render(self, content):
            return memoryview(content.upper().encode(self.charset))

    response = Shout("é")
    assert response.body == b"\xc9"
    assert response.headers["content-type"] == "text/x-shout; charset=latin-1"


def test_a_subclass_may_fill_in_attributes_and_call_init_headers():
    class Bare(Response):
        def __init__(self):
            self.status_code = 200
            self.background = None
            self.init_headers({"x-a": "1"})

    assert Bare().raw_headers == [(b"x-a", b"1")]
    assert not hasattr(Bare(), "body")


def test_content_types_are_remembered_within_bounds():
    from asgi_requests import _response

    for number in range(2 * _response._MAX_TYPES):
        assert Response(media_type=f"x/{number}").headers["content-type"] == f"x/{number}"
    assert len(_response._TYPES) <= _response._MAX_TYPES


def test_a_body_of_none_leaves_the_length_out():
    class Live(Response):
        def __init__(self):
            self.status_code = 200
            self.body = None
            self.init_headers({"x-a": "1"})

    assert Live().raw_headers == [(b"x-a", b"1")]


@pytest.mark.parametrize("rendered", [7, "text", [65, 66], None])
def test_a_body_that_is_not_bytes_is_refused_by_its_type(rendered):
    class Numbers(Response):
        render = staticmethod(lambda content: rendered)

    with pytest.raises(TypeError, match=f"Numbers.render must return bytes, not {type(rendered).__name__}"):
        Numbers()


def test_headers_and_status_of_another_type_are_refused_by_name():
    with pytest.raises(TypeError, match="header is a str, not int: x-size: 1"):
        Response(headers={"x-size": 1})
    with pytest.raises(TypeError, match="header name is a str, not bytes: b'x-a'"):
        Response(headers={b"x-a": "1"})
    with pytest.raises(TypeError, match="status_code is an int, not str: '200'"):
        Response(status_code="200")


async def test_each_sender_gets_a_new_message():
    response = PlainTextResponse("hello")
    start, again = response.start_message(), response.start_message()
    start["headers"].append((b"x-a", b"1"))
    assert again["headers"] == response.raw_headers
    assert response.messages(http_scope())[1] == {"type": "http.response.body", "body": b"hello"}
    assert response.messages(http_scope("HEAD"))[1] == {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize("before_the_first_response", [True, False])
def test_a_patched_init_headers_is_called(monkeypatch, before_the_first_response):
    if not before_the_first_response:
        PlainTextResponse("x")
    seen = []
    original = Response.init_headers

    def patched(self, headers=None):
        seen.append(headers)
        original(self, headers)

    monkeypatch.setattr(Response, "init_headers", patched)
    PlainTextResponse("x")
    assert seen == [None]


def test_a_media_type_set_on_the_class_later_counts_for_every_status(monkeypatch):
    class Problem(JSONResponse):
        pass

    Problem({})
    monkeypatch.setattr(JSONResponse, "media_type", "application/problem+json")
    for status in (200, 400):
        assert Problem({}, status).headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("response_class", [PlainTextResponse, HTMLResponse])
def test_lone_surrogates_become_question_marks(response_class):
    assert response_class("no \ud800 here €").body == "no ? here €".encode()
    assert response_class("no \ud800 here €").headers["content-length"] == "13"


def test_what_a_charset_lacks_is_an_error():
    class Latin(PlainTextResponse):
        charset = "latin-1"

    with pytest.raises(UnicodeEncodeError):
        Latin("€")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: a=b", "a\nb", "a\0b", "\r", "\x01", "\x0b", "\x1f", "\x7f"])
def test_a_value_cannot_end_its_header(value):
    with pytest.raises(ValueError, match="nvalid header"):
        Response(headers={"x-a": value})
    with pytest.raises(ValueError, match="nvalid header"):
        Response(headers={f"x{value}": "a"})
    with pytest.raises(ValueError, match="nvalid header"):
        Response(media_type=f"text/plain{value}")
    with pytest.raises(ValueError, match="nvalid header"):
        Response().headers["x-a"] = value


def test_latin_1_and_tabs_are_allowed_in_values():
    assert Response(headers={"x-a": "é\xa0\t"}).headers["x-a"] == "é\xa0\t"


async def test_an_edited_message_leaves_the_response_as_it_was():
    response = Response(b"x")
    reply = await request(response)
    reply.start["headers"].append((b"x-added", b"downstream"))
    assert (await request(response)).headers == [(b"content-length", b"1")]


async def test_headers_are_a_view_of_the_raw_ones():
    response = Response(b"x")
    response.headers["x-a"] = "1"
    response.raw_headers.append((b"x-b", b"2"))
    assert response.headers["x-b"] == "2"
    assert (await request(response)).header("x-a") == "1"


async def test_the_background_task_runs_after_the_answer():
    order = []
    reply = await request(Response(b"x", background=BackgroundTask(lambda: order.append("background"))))
    assert (reply.body, order) == (b"x", ["background"])


async def test_a_response_denies_a_websocket_where_the_server_can():
    reply = await run(PlainTextResponse("no", 403), websocket_scope())
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (reply.status, reply.body) == (403, b"no")


async def test_a_response_closes_a_websocket_where_that_is_all_there_is():
    reply = await run(PlainTextResponse("no", 403), websocket_scope(extensions={}))
    assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_a_response_to_something_else_is_refused():
    with pytest.raises(RuntimeError, match="'lifespan'"):
        await run(Response(), {"type": "lifespan"})


async def test_a_scope_without_a_method_is_answered():
    scope = http_scope()
    del scope["method"]
    assert (await run(Response(b"x"), scope)).body == b"x"


def test_no_cycle_is_left_behind():
    gc.collect()
    gc.disable()
    try:
        response = JSONResponse({"a": 1})
        reference = weakref.ref(response)
        del response
        assert reference() is None
    finally:
        gc.enable()


# JSON


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"message": "hello, world"}, b'{"message":"hello, world"}'),
        (None, b"null"),
        ("é", '"é"'.encode()),
        ("\u2028", '"\u2028"'.encode()),
        (1.5, b"1.5"),
        (10**30, b"1000000000000000000000000000000"),
        ([], b"[]"),
        ({1: {True: None}}, b'{"1":{"true":null}}'),
        (("tuple",), b'["tuple"]'),
        ("\ud800 é", b'"\\ud800 \xc3\xa9"'),
        ({"\udfff": 1}, b'{"\\udfff":1}'),
    ],
)
def test_json_is_compact_utf8_and_reads_back(content, body):
    response = JSONResponse(content)
    assert response.body == body
    assert response.headers["content-type"] == "application/json"
    json.loads(response.body)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_has_no_numbers_that_are_none(number):
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        JSONResponse({"n": number})


def test_json_names_the_type_it_cannot_hold():
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        JSONResponse({"a": {1}})


def test_json_names_a_cycle_and_then_works_on():
    cycle: list = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="Circular reference detected"):
        JSONResponse(cycle)
    assert JSONResponse([[]]).body == b"[[]]"


def test_json_content_is_required():
    with pytest.raises(TypeError):
        JSONResponse()


def test_another_encoder_is_a_two_line_subclass():
    class Spaced(JSONResponse):
        render = staticmethod(lambda content: json.dumps(content).encode())

    assert Spaced({"a": [1, 2]}).body == b'{"a": [1, 2]}'


# Redirects


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/a/b?c=d&e=%20#f", "/a/b?c=d&e=%20#f"),
        ("https://example.org/~ada/", "https://example.org/~ada/"),
        ("/a b?é=\r\n\0", "/a%20b?%C3%A9=%0D%0A%00"),
        ("", ""),
        ("../up", "../up"),
        ("//other.example", "//other.example"),
        ('/"<>\\', "/%22%3C%3E%5C"),
        (URL("https://example.org/x y"), "https://example.org/x%20y"),
    ],
)
def test_the_target_of_a_redirect_is_percent_encoded(url, location):
    response = RedirectResponse(url)
    assert (response.status_code, response.headers["location"], response.body) == (307, location, b"")


def test_a_redirect_replaces_lone_surrogates():
    assert RedirectResponse("/a\ud800é").headers["location"] == "/a%EF%BF%BD%C3%A9"


def test_a_redirect_keeps_other_headers_but_not_another_location():
    response = RedirectResponse("/a", 303, headers={"Location": "/b", "x-a": "1"})
    assert response.status_code == 303
    assert response.headers.getlist("location") == ["/a"]
    assert response.headers["x-a"] == "1"


class Before(PlainTextResponse):
    def __init__(self, content):
        self.media_type = "text/before"
        super().__init__(content)


class While(PlainTextResponse):
    def render(self, content):
        self.media_type = "text/while"
        return super().render(content)


class Static(PlainTextResponse):
    media_type = "text/static"
    render = staticmethod(bytes)


class Wide(PlainTextResponse):
    render = staticmethod(lambda content: memoryview(array.array("I", [1, 2])))


class Asked(PlainTextResponse):
    media_type = property(lambda self: "text/asked")


class Another(PlainTextResponse):
    media_type = "application/another"


class Latin(HTMLResponse):
    charset = "latin-1"


class Headed(PlainTextResponse):
    def init_headers(self, headers=None):
        self.raw_headers = [(b"content-type", b"text/headed")]


@pytest.mark.parametrize(
    ("cls", "content_type"),
    [
        (PlainTextResponse, b"text/plain; charset=utf-8"),
        (Before, b"text/before; charset=utf-8"),
        (While, b"text/while; charset=utf-8"),
        (Static, b"text/static; charset=utf-8"),
        (Asked, b"text/asked; charset=utf-8"),
        (Another, b"application/another"),
        (Latin, b"text/html; charset=latin-1"),
        (Headed, b"text/headed"),
    ],
)
def test_a_subclass_decides_about_its_content_type_as_it_likes(cls, content_type):
    for _ in range(2):
        response = cls(b"x")
        assert dict(response.raw_headers)[b"content-type"] == content_type
        response.raw_headers.append((b"x-own", b"1"))


def test_the_length_is_that_of_the_bytes_of_a_wide_view():
    response = Wide(None)
    assert int(response.headers["content-length"]) == len(response.body) == 2 * array.array("I").itemsize


def test_a_content_type_that_was_learned_is_not_that_of_a_subclass_defined_later():
    class Parent(PlainTextResponse):
        pass

    assert Parent("x").headers["content-type"] == "text/plain; charset=utf-8"

    class Child(Parent):
        media_type = "text/child"

    assert Child("x").headers["content-type"] == "text/child; charset=utf-8"
    assert Child("x" * 2000).headers["content-length"] == "2000"
