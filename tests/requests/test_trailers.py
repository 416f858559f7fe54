"""Trailers: sent behind the body to clients that ask for them, where the server can, and never otherwise."""

from __future__ import annotations

import base64
import hashlib

import anyio
import pytest
from tests.raw_asgi import http_scope, run, websocket_scope

from asgi_requests import (
    BackgroundTask,
    EventSourceResponse,
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Request,
    Response,
    StreamingResponse,
    request_response,
)
from asgi_requests.middleware import BaseHTTPMiddleware

TRAILERS = {"http.response.trailers": {}}


def wanting(te: bytes = b"trailers", method: str = "GET", **extra):
    extra = {"extensions": TRAILERS, "http_version": "2"} | extra
    return http_scope(method, headers=[(b"te", te)] if te else [], **extra)


def digest_of(hasher) -> str:
    return f"sha-256=:{base64.b64encode(hasher.digest()).decode()}:"


async def test_trailers_are_announced_and_follow_the_body():
    response = JSONResponse({"a": 1}).with_trailers({"Server-Timing": "db;dur=5", "X-Rows": lambda: "1"})
    reply = await run(response, wanting())
    assert reply.messages == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-length", b"7"),
                (b"content-type", b"application/json"),
                (b"trailer", b"server-timing, x-rows"),
            ],
            "trailers": True,
        },
        {"type": "http.response.body", "body": b'{"a":1}'},
        {
            "type": "http.response.trailers",
            "headers": [(b"server-timing", b"db;dur=5"), (b"x-rows", b"1")],
            "more_trailers": False,
        },
    ]


async def test_the_digest_of_a_stream_is_known_at_its_end():
    hasher = hashlib.sha256()

    async def chunks():
        for number in range(3):
            await anyio.sleep(0)
            chunk = b"%d" % number
            hasher.update(chunk)
            yield chunk

    async def digest():
        await anyio.sleep(0)
        return digest_of(hasher)

    done = []
    response = StreamingResponse(chunks(), background=BackgroundTask(done.append, "background"))
    reply = await run(response.with_trailers({"Repr-Digest": digest}), wanting())
    assert reply.body == b"012"
    assert reply.messages[-1]["headers"] == [(b"repr-digest", digest_of(hashlib.sha256(b"012")).encode())]
    assert [message["type"] for message in reply.messages].count("http.response.trailers") == 1
    assert done == ["background"]


async def test_files_and_events_have_trailers_too(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("content")
    for response, extensions in (
        (FileResponse(file), {}),
        (FileResponse(file), {"http.response.pathsend": {}}),
        (EventSourceResponse(["a"]), {}),
    ):
        reply = await run(response.with_trailers({"X-End": "1"}), wanting(extensions=TRAILERS | extensions))
        assert reply.start["trailers"] is True
        assert reply.types[-1] == "http.response.trailers"
        assert reply.types.count("http.response.trailers") == 1


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (wanting(extensions={}), 200),
        (wanting(extensions=None), 200),
        (wanting(b""), 200),
        (wanting(b"gzip"), 200),
        (wanting(b"trailers;q=0.5"), 200),
        (wanting(method="HEAD"), 200),
        (wanting(http_version="1.0"), 200),
        (wanting(), 204),
        (wanting(), 304),
        (wanting(), 205),
    ],
)
async def test_trailers_are_left_out_without_a_reader(scope, status):
    called = []
    response = Response(b"", status).with_trailers({"X-End": lambda: called.append(1)})
    plain = await run(Response(b"", status), scope)
    assert (await run(response, scope)).messages == plain.messages
    assert called == []


@pytest.mark.parametrize("te", [b"trailers", b"Trailers", b"gzip;q=0.5,\ttrailers ", b",trailers"])
async def test_a_client_asks_in_any_spelling(te):
    assert (await run(PlainTextResponse("a").with_trailers({"A": "b"}), wanting(te))).types[-1].endswith("trailers")


async def test_in_http_1_a_body_with_trailers_has_no_length():
    response = PlainTextResponse("a").with_trailers({"A": "b"})
    assert (await run(response, wanting(http_version="1.1"))).header("content-length") is None
    assert (await run(response, wanting(http_version="1.1", extensions={}))).header("content-length") == "1"
    assert (await run(response, wanting(http_version="3"))).header("content-length") == "1"


async def test_a_websocket_is_denied_without_trailers():
    scope = websocket_scope(headers=[(b"te", b"trailers")])
    reply = await run(Response("no", 403).with_trailers({"A": "b"}), scope, [{"type": "websocket.connect"}])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Length", "transfer-encoding", "Content-Type", "Content-Encoding", "Content-Range", "Trailer", "TE"),
        *(
            "Host",
            "Set-Cookie",
            "WWW-Authenticate",
            "Authorization",
            "Cache-Control",
            "Vary",
            "Location",
            "Age",
            "Date",
        ),
    ],
)
def test_what_has_no_meaning_behind_the_content_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} may not be a trailer"):
        Response().with_trailers({name: "a"})


def test_a_trailer_is_a_header():
    for trailers in ({"a b": "c"}, {":status": "200"}, {"a": "b\r\nc: d"}):
        with pytest.raises(ValueError, match="Invalid header"):
            Response().with_trailers(trailers)
    with pytest.raises(TypeError, match="The value of a header is a str, not int: a: 5"):
        Response().with_trailers({"a": 5})
    for name in ("Content-Digest", "Repr-Digest", "Server-Timing", "ETag", "Grpc-Status"):
        Response().with_trailers({name: "a"})


@pytest.mark.parametrize("made", ["a\r\nb: c", None])
async def test_a_value_that_is_made_at_the_end_is_checked_then(made):
    with pytest.raises((ValueError, TypeError), match="header"):
        await run(PlainTextResponse("a").with_trailers({"A": lambda: made}), wanting())


async def test_trailers_are_collected():
    response = PlainTextResponse("a").with_trailers({"A": "1", "B": "2"})
    assert response.with_trailers({"b": "3", "C": "4"}) is response
    reply = await run(response, wanting())
    assert reply.header("trailer") == "a, b, c"
    assert reply.messages[-1]["headers"] == [(b"a", b"1"), (b"b", b"3"), (b"c", b"4")]
    assert "trailers" not in (await run(PlainTextResponse("a").with_trailers({}), wanting())).start


async def test_status_headers_and_cookies_are_those_of_the_response():
    inner = PlainTextResponse("a", headers={"x-inner": "1"})
    response = inner.with_trailers({"A": "b"})
    response.status_code = 201
    response.set_cookie("seen", "1")
    response.headers["x-outer"] = "2"
    ran = []
    response.background = BackgroundTask(ran.append, 1)
    assert (response.status_code, response.body, inner.status_code) == (201, b"a", 201)
    reply = await run(response.with_vary("Accept"), wanting())
    assert reply.status == 201
    assert {"x-inner", "x-outer", "set-cookie", "vary"} <= {name.decode() for name, _ in reply.start["headers"]}
    assert ran == [1]
    # Started in another way it is the response alone.
    assert response.start_message()["headers"] == inner.raw_headers


async def test_trailers_join_those_of_the_application():
    async def app(scope, receive, send):
        response = PlainTextResponse("a").with_trailers({"Inner": "1"})
        await response(scope, receive, send)

    async def dispatch(request, call_next):
        return (await call_next(request)).with_trailers({"Outer": "2"})

    reply = await run(BaseHTTPMiddleware(app, dispatch), wanting())
    trailers = [message for message in reply.messages if message["type"] == "http.response.trailers"]
    assert [(message["headers"], message["more_trailers"]) for message in trailers] == [
        ([(b"outer", b"2")], True),
        ([(b"inner", b"1")], False),
    ]


async def test_a_handler_returns_a_response_with_trailers():
    @request_response
    async def app(request: Request) -> Response:
        return PlainTextResponse("a").with_trailers({"A": "b"})

    assert (await run(app, wanting())).types[-1] == "http.response.trailers"
