from __future__ import annotations

import threading

import pytest

from asgi_requests.endpoints import HTTPEndpoint, WebSocketEndpoint
from asgi_requests.exceptions import HTTPException
from asgi_requests.responses import PlainTextResponse
from raw_asgi import Reply, http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}
LEFT = {"type": "websocket.disconnect", "code": 1001}


class Page(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse("get")

    def query(self, request):
        return PlainTextResponse(threading.current_thread().name)

    async def delete(self, request):
        raise HTTPException(409)

    async def post(self, request):
        return None

    def _do_delete(self):
        raise AssertionError("never to be called")


async def test_a_method_answers_its_method():
    assert (await request(Page)).text == "get"


async def test_head_falls_to_get_unless_it_is_there():
    class Both(Page):
        async def head(self, request):
            return PlainTextResponse("head", headers={"X-Head": "1"})

    assert (await request(Page, "HEAD")).header("content-length") == "3"
    assert (await request(Both, "HEAD")).header("x-head") == "1"


async def test_a_method_that_is_not_async_runs_in_a_thread():
    assert (await request(Page, "QUERY")).text != threading.current_thread().name


@pytest.mark.parametrize("method", ["PUT", "_DO_DELETE", "DISPATCH", "get", "__INIT__", "TRACE", "SCOPE"])
async def test_a_wrong_method_names_the_right_ones(method):
    reply = await request(Page, method)
    assert (reply.status, reply.text) == (405, "Method Not Allowed")
    assert reply.header("allow") == "DELETE, GET, HEAD, POST, QUERY"


async def test_below_a_framework_405_is_raised():
    with pytest.raises(HTTPException) as caught:
        await run(Page, http_scope("PUT") | {"asgi_middleware.exceptions": object()})
    assert (caught.value.status_code, caught.value.headers) == (405, {"Allow": "DELETE, GET, HEAD, POST, QUERY"})


async def test_what_it_does_not_allow_can_be_answered_otherwise():
    class Own(Page):
        async def method_not_allowed(self, request):
            return PlainTextResponse("own", 405)

    assert (await request(Own, "PUT")).text == "own"


async def test_an_http_exception_is_the_answer_or_is_raised():
    assert (await request(Page, "DELETE")).status == 409
    with pytest.raises(HTTPException):
        await run(Page, http_scope("DELETE") | {"asgi_middleware.exceptions": object()})


async def test_a_value_that_is_not_a_response_is_refused():
    with pytest.raises(TypeError, match="Page.post .* returned None"):
        await request(Page, "POST")


async def test_it_can_be_awaited():
    async def app(scope, receive, send):
        assert await Page(scope, receive, send) is None

    assert (await request(app)).text == "get"


def test_each_is_for_its_own_kind_of_scope():
    with pytest.raises(AssertionError):
        Page({"type": "websocket"}, None, None)
    with pytest.raises(AssertionError):
        WebSocketEndpoint({"type": "http"}, None, None)


@pytest.fixture
def events():
    return []


@pytest.fixture
def endpoint(events):
    class Events(WebSocketEndpoint):
        async def on_receive(self, websocket, data):
            if data == "fail":
                raise LookupError(data)
            events.append(data)

        async def on_disconnect(self, websocket, close_code):
            events.append(close_code)

    return Events


@pytest.mark.parametrize(
    ("encoding", "messages", "received"),
    [
        (None, [{"text": "a"}, {"bytes": b"b"}, {"text": None, "bytes": b"c"}, {"text": ""}], ["a", b"b", b"c", ""]),
        ("text", [{"text": "a"}, {"text": ""}], ["a", ""]),
        ("bytes", [{"bytes": b"a"}, {"bytes": b""}], [b"a", b""]),
        ("json", [{"text": '{"a":1}'}, {"bytes": b"[1]"}], [{"a": 1}, [1]]),
    ],
)
async def test_messages_are_decoded(endpoint, events, encoding, messages, received):
    endpoint.encoding = encoding
    script = [CONNECT, *[{"type": "websocket.receive", **message} for message in messages], LEFT]
    reply = await run(endpoint, websocket_scope(), script)
    assert reply.types == ["websocket.accept"]
    assert events == [*received, 1001]


@pytest.mark.parametrize(
    ("encoding", "message", "error"),
    [
        ("text", {"bytes": b"x"}, "Expected text websocket messages, but got bytes"),
        ("bytes", {"text": "x"}, "Expected bytes websocket messages, but got text"),
        ("json", {"text": "{"}, "Malformed JSON data received."),
        ("json", {"bytes": b"\xff"}, "Malformed JSON data received."),
        ("json", {"text": "[" * 100_000}, "Malformed JSON data received."),
        ("json", {}, "Malformed JSON data received."),
    ],
)
async def test_a_message_of_another_kind_closes_with_1003(endpoint, events, encoding, message, error):
    endpoint.encoding = encoding
    messages = []

    reply = Reply(messages)
    with pytest.raises(RuntimeError, match=error):
        await run(endpoint, websocket_scope(), [CONNECT, {"type": "websocket.receive", **message}], reply=reply)
    assert messages[-1] == {"type": "websocket.close", "code": 1003, "reason": ""}
    assert events == [1011]


async def test_an_encoding_that_is_none_is_an_error(endpoint):
    endpoint.encoding = "xml"
    with pytest.raises(AssertionError, match="Unsupported 'encoding' attribute xml"):
        await run(endpoint, websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "x"}])


async def test_what_fails_ends_with_1011(endpoint, events):
    with pytest.raises(LookupError):
        await run(endpoint, websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "fail"}])
    assert events == [1011]


async def test_a_disconnect_without_a_code_is_normal(endpoint, events):
    await run(endpoint, websocket_scope(), [CONNECT, {"type": "websocket.disconnect"}])
    assert events == [1000]


async def test_other_messages_are_ignored(events):
    class Refusing(WebSocketEndpoint):
        async def on_connect(self, websocket):
            """Neither accepts nor refuses: the connect comes to the loop."""

        async def on_disconnect(self, websocket, close_code):
            events.append(close_code)

    async def app(scope, receive, send):
        await Refusing(scope, receive, send)

    reply = await run(app, websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "x"}, LEFT])
    assert reply.messages == []
    assert events == [1001]


async def test_the_events_do_nothing_unless_overridden():
    reply = await run(WebSocketEndpoint, websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "x"}, LEFT])
    assert reply.types == ["websocket.accept"]
