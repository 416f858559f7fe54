from __future__ import annotations

import copy
import json

import anyio
import pytest

from asgi_requests.adapters import websocket_session
from asgi_requests.exceptions import WebSocketException
from asgi_requests.requests import HTTPConnection
from asgi_requests.responses import PlainTextResponse, StreamingResponse
from asgi_requests.websockets import (
    WebSocket,
    WebSocketClose,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketState,
)
from raw_asgi import Reply, run, websocket_scope

CONNECT = {"type": "websocket.connect"}
LEFT = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}
ACCEPTED = {"type": "websocket.accept", "subprotocol": None, "headers": []}
CLOSED = {"type": "websocket.close", "code": 1000, "reason": ""}

NOT_CONNECTED = 'WebSocket is not connected. Need to call "accept" first.'
SEND_AFTER_END = 'Cannot call "send" once a close message has been sent.'
RECEIVE_AFTER_END = 'Cannot call "receive" once a disconnect message has been received.'


def text(content):
    return {"type": "websocket.receive", "text": content}


def binary(content):
    return {"type": "websocket.receive", "bytes": content}


@pytest.fixture(params=["plain", "overridden"])
def session(request):
    """Runs a handler over a script of messages, on WebSocket and on a subclass that overrides receive and send."""
    cls = WebSocket

    class Overridden(WebSocket):
        async def receive(self):
            return await super().receive()

        async def send(self, message):
            await super().send(message)

    if request.param == "overridden":
        cls = Overridden

    async def play(handler, *messages, reply=None, **scope):
        result = None

        async def app(scope, receive, send):
            nonlocal result
            result = await handler(cls(scope, receive, send))

        reply = await run(app, websocket_scope(**scope), messages, reply=reply)
        return result, reply.messages

    return play


async def test_text_bytes_and_json_go_both_ways(session):
    async def handler(websocket):
        await websocket.accept()
        received = [
            await websocket.receive_text(),
            await websocket.receive_bytes(),
            await websocket.receive_json(),
            await websocket.receive_json(mode="binary"),
        ]
        await websocket.send_text("x")
        await websocket.send_bytes(b"x")
        await websocket.send_json({"é": [1, 2]})
        await websocket.send_json([1], mode="binary")
        await websocket.close(1001, "done")
        return received, websocket.client_state, websocket.application_state

    result, sent = await session(handler, CONNECT, text("a"), binary(b"b"), text('{"c": 1}'), binary(b"[2]"))
    assert result == (["a", b"b", {"c": 1}, [2]], WebSocketState.CONNECTED, WebSocketState.DISCONNECTED)
    assert sent == [
        ACCEPTED,
        {"type": "websocket.send", "text": "x"},
        {"type": "websocket.send", "bytes": b"x"},
        {"type": "websocket.send", "text": '{"é":[1,2]}'},
        {"type": "websocket.send", "bytes": b"[1]"},
        {"type": "websocket.close", "code": 1001, "reason": "done"},
    ]


async def test_a_subprotocol_and_headers_are_accepted_with(session):
    async def handler(websocket):
        await websocket.accept("chat", headers=[(b"X-Id", b"1"), (b"set-cookie", b"a=b")])

    _, sent = await session(handler, CONNECT)
    assert sent == [
        {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-id", b"1"), (b"set-cookie", b"a=b")]}
    ]


async def test_a_header_that_would_split_the_handshake_is_refused(session):
    async def handler(websocket):
        await websocket.accept(headers=[(b"x", b"a\r\nb: c")])

    with pytest.raises(ValueError, match="Invalid header value"):
        await session(handler, CONNECT)


async def test_connect_may_be_received_before_it_is_accepted(session):
    async def handler(websocket):
        assert await websocket.receive() == CONNECT
        assert (websocket.client_state, websocket.application_state) == (
            WebSocketState.CONNECTED,
            WebSocketState.CONNECTING,
        )
        await websocket.accept()

    assert (await session(handler, CONNECT))[1] == [ACCEPTED]


@pytest.mark.parametrize("how", ["iter_text", "iter_bytes", "iter_json"])
async def test_the_iterators_end_when_the_client_leaves(session, how):
    async def handler(websocket):
        await websocket.accept()
        return [message async for message in getattr(websocket, how)()]

    result, _ = await session(handler, CONNECT, text("1") | {"bytes": b"1"}, text("[2]") | {"bytes": b"[2]"}, LEFT)
    assert result == {"iter_text": ["1", "[2]"], "iter_bytes": [b"1", b"[2]"], "iter_json": [1, [2]]}[how]


@pytest.mark.parametrize("how", ["receive_text", "receive_bytes", "receive_json"])
@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (LEFT, 1001, "bye"),
        ({"type": "websocket.disconnect"}, 1005, ""),
        ({"type": "websocket.disconnect", "code": None, "reason": None}, 1005, ""),
    ],
)
async def test_a_client_that_leaves_is_a_disconnect_and_then_the_end(session, how, message, code, reason):
    async def handler(websocket):
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await getattr(websocket, how)()
        assert (caught.value.code, caught.value.reason) == (code, reason)
        assert websocket.client_state is WebSocketState.DISCONNECTED
        with pytest.raises(WebSocketDisconnected, match=RECEIVE_AFTER_END):
            await getattr(websocket, how)()
        with pytest.raises(WebSocketDisconnected, match=RECEIVE_AFTER_END):
            await websocket.receive()
        await websocket.send_text("is for the server to judge")
        await websocket.close()

    assert (await session(handler, CONNECT, message))[1][-1] == CLOSED


@pytest.mark.parametrize(
    ("how", "message", "expected"),
    [
        ("receive_text", binary(b"x"), "text"),
        ("receive_text", binary(b"x") | {"text": None}, "text"),
        ("receive_bytes", text("x"), "bytes"),
        ("receive_json", binary(b"1"), "text"),
    ],
)
async def test_a_message_of_the_other_kind_is_the_clients_mistake(session, how, message, expected):
    async def handler(websocket):
        await websocket.accept()
        await getattr(websocket, how)()

    with pytest.raises(WebSocketException) as caught:
        await session(handler, CONNECT, message)
    assert (caught.value.code, caught.value.reason) == (1003, f"Expected a message of {expected}")
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == f"1003: Expected a message of {expected}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Invalid JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ("", "Invalid JSON: Expecting value: line 1 column 1"),
        ("NaN", "Invalid JSON: NaN is not a JSON number: line 1 column 1"),
        ("-Infinity", "Invalid JSON: -Infinity is not a JSON number: line 1 column 1"),
        ("9" * 5000, "Invalid JSON: Number too long: line 1 column 1"),
        ("[" * 100_000, "Invalid JSON: Nested too deep: line 1 column 1"),
    ],
)
@pytest.mark.parametrize("how", ["receive_json", "iter_json"])
async def test_a_message_that_is_not_json_is_the_clients_mistake(session, content, reason, how):
    async def handler(websocket):
        await websocket.accept()
        if how == "receive_json":
            await websocket.receive_json()
        async for _ in websocket.iter_json():
            pass

    with pytest.raises(json.JSONDecodeError) as caught:
        await session(handler, CONNECT, text(content))
    assert isinstance(caught.value, WebSocketException)
    assert (caught.value.code, caught.value.reason) == (1007, reason)


async def test_binary_json_that_is_not_utf_8_is_the_clients_mistake(session):
    async def handler(websocket):
        await websocket.accept()
        await websocket.receive_json(mode="binary")

    with pytest.raises(ValueError, match="Not utf-8") as caught:
        await session(handler, CONNECT, binary(b'"\xff"'))
    assert caught.value.code == 1007


@pytest.mark.parametrize("message", [text("{"), binary(b"{}")])
async def test_a_mistake_of_the_client_closes_the_connection_and_is_not_raised(message):
    async def handler(websocket):
        await websocket.accept()
        await websocket.receive_json()

    reply = await run(websocket_session(handler), websocket_scope(), [CONNECT, message])
    assert reply.messages[-1]["code"] == (1007 if "text" in message else 1003)


@pytest.mark.parametrize("mode", ["text", "binary"])
async def test_json_that_is_sent_can_be_encoded(session, mode):
    async def handler(websocket):
        await websocket.accept()
        await websocket.send_json({"a": "\ud800", "b": "é"}, mode=mode)
        for number in (float("nan"), float("inf"), [float("-inf")]):
            with pytest.raises(ValueError, match="JSON compliant"):
                await websocket.send_json(number, mode=mode)

    (sent,) = (await session(handler, CONNECT))[1][1:]
    expected = r'{"a":"\ud800","b":"é"}'
    assert sent == {"type": "websocket.send"} | ({"text": expected} if mode == "text" else {"bytes": expected.encode()})


@pytest.mark.parametrize("code", [0, 403, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, 10**9])
async def test_a_code_that_may_not_be_sent_is_refused(session, code):
    async def handler(websocket):
        await websocket.accept()
        with pytest.raises(ValueError, match=f"Invalid close code {code}: send 1000"):
            await websocket.close(code)
        await websocket.close()

    assert (await session(handler, CONNECT))[1] == [ACCEPTED, CLOSED]
    for make in (WebSocketClose, WebSocketException):
        with pytest.raises(ValueError, match="Invalid close code"):
            make(code)


@pytest.mark.parametrize("code", ["1000", None, 1000.0, [1000]])
@pytest.mark.parametrize("accepts", [False, True])
async def test_a_code_that_is_not_a_number_is_refused(session, code, accepts):
    async def handler(websocket):
        if accepts:
            await websocket.accept()
        with pytest.raises(TypeError, match="A close code is an int"):
            await websocket.close(code)

    await session(handler, CONNECT)
    for make in (WebSocketClose, WebSocketException):
        with pytest.raises(TypeError, match="A close code is an int"):
            make(code)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4401, 4999])
async def test_other_codes_are_sent(session, code):
    async def handler(websocket):
        await websocket.accept()
        await websocket.close(code)

    assert (await session(handler, CONNECT))[1][-1] == {"type": "websocket.close", "code": code, "reason": ""}


async def test_before_the_accept_no_code_is_sent_and_any_number_will_do(session):
    async def handler(websocket):
        await websocket.close(403)

    assert (await session(handler, CONNECT))[1] == [{"type": "websocket.close", "code": 403, "reason": ""}]


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("a" * 123, "a" * 123),
        ("a" * 124, "a" * 123),
        ("é" * 62, "é" * 61),
        ("a" + "😀" * 40, "a" + "😀" * 30),
        ("a\ud800b", "a?b"),
        (None, ""),
    ],
)
async def test_a_reason_is_cut_at_the_edge_of_a_character(session, reason, sent):
    async def handler(websocket):
        await websocket.accept()
        await websocket.close(1000, reason)

    expected = {"type": "websocket.close", "code": 1000, "reason": sent}
    assert (await session(handler, CONNECT))[1][-1] == expected
    for make in (WebSocketClose, WebSocketException):
        assert (await run(make(1000, reason), websocket_scope())).messages == [expected]


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_reason_that_is_not_text_is_sent_as_it_is_shown(session, accepted):
    errors = [{"type": "missing", "loc": ("query", "q")}]

    async def handler(websocket):
        if accepted:
            await websocket.accept()
        await websocket.close(1008, errors)

    expected = {"type": "websocket.close", "code": 1008, "reason": "[{'type': 'missing', 'loc': ('query', 'q')}]"}
    assert (await session(handler, CONNECT))[1][-1] == expected


@pytest.mark.parametrize("reason", [["no"], b"no", 7])
def test_a_reason_that_is_not_text_is_refused_where_it_is_written(reason):
    for make in (WebSocketClose, WebSocketException):
        with pytest.raises(TypeError, match="The reason of a close is a str"):
            make(1000, reason)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_receive_and_send_may_be_replaced_on_the_object(session, when):
    calls = []

    async def handler(websocket):
        if when == "after":
            await websocket.accept()
        receive, send = websocket.receive, websocket.send

        async def noted_receive():
            message = await receive()
            calls.append(message["type"])
            return message

        async def noted_send(message):
            calls.append(message["type"])
            await send(message)

        websocket.receive, websocket.send = noted_receive, noted_send
        if when == "before":
            await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        async for content in websocket.iter_text():
            await websocket.send_text(content)

    _, sent = await session(handler, CONNECT, text("a"), text("b"), {"type": "websocket.disconnect"})
    assert [message["text"] for message in sent[1:]] == ["a", "b"]
    assert calls[-5:] == ["websocket.receive", "websocket.send"] * 2 + ["websocket.disconnect"]


class Scripted(WebSocket):
    """A double that programs write for their tests: a connection without a server."""

    def __init__(self, texts):
        self.client_state = self.application_state = WebSocketState.CONNECTED
        self.texts = texts
        self.sent = []

    async def receive(self):
        return text(self.texts.pop(0))

    async def send(self, message):
        self.sent.append(message["text"])


async def test_a_subclass_may_do_without_the_constructor():
    websocket = Scripted(["a"])
    await websocket.send_text(await websocket.receive_text())
    assert websocket.sent == ["a"]


async def test_a_subclass_may_set_the_attributes_itself(session):
    class Own(WebSocket):
        def __init__(self, websocket):
            HTTPConnection.__init__(self, websocket.scope)
            self._receive, self._send = websocket._receive, websocket._send
            self.client_state = self.application_state = WebSocketState.CONNECTING

    async def handler(websocket):
        own = Own(websocket)
        await own.accept()
        await own.send_text(await own.receive_text())
        with pytest.raises(WebSocketDisconnect):
            await own.receive_text()

    _, sent = await session(handler, CONNECT, text("a"), LEFT)
    assert [message.get("text") for message in sent] == [None, "a"]


async def test_a_copy_has_the_state_of_the_connection(session):
    async def handler(websocket):
        await websocket.accept()
        websocket.user_id = 7
        copied = copy.copy(websocket)
        await copied.send_text(await copied.receive_text())
        return copied.scope is websocket.scope, copied.user_id

    result, sent = await session(handler, CONNECT, text("a"))
    assert (result, sent[-1]["text"]) == ((True, 7), "a")


@pytest.mark.parametrize("method", ["receive", "send"])
async def test_receive_and_send_may_be_patched_on_the_class(monkeypatch, method):
    async def handler(websocket):
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    calls = []
    original = getattr(WebSocket, method)

    async def patched(self, *message):
        calls.append(method)
        return await original(self, *message)

    await run(websocket_session(handler), websocket_scope(), [CONNECT, text("a")])
    monkeypatch.setattr(WebSocket, method, patched)
    await run(websocket_session(handler), websocket_scope(), [CONNECT, text("a")])
    assert len(calls) == 2


@pytest.mark.parametrize("how", ["receive_text", "receive_bytes", "receive_json"])
async def test_nothing_is_received_before_accept_or_after_close(session, how):
    async def handler(websocket):
        with pytest.raises(WebSocketDisconnected, match=NOT_CONNECTED):
            await getattr(websocket, how)()
        await websocket.accept()
        await websocket.close()
        with pytest.raises(WebSocketDisconnected, match=NOT_CONNECTED):
            await getattr(websocket, how)()

    await session(handler, CONNECT)


@pytest.mark.parametrize("mode", ["", "bytes"])
async def test_json_is_text_or_binary(session, mode):
    async def handler(websocket):
        await websocket.accept()
        with pytest.raises(RuntimeError, match='The "mode" argument should be "text" or "binary".'):
            await websocket.receive_json(mode=mode)
        with pytest.raises(RuntimeError, match='The "mode" argument should be "text" or "binary".'):
            await websocket.send_json({}, mode=mode)

    await session(handler, CONNECT)


async def test_nothing_is_sent_after_the_close(session):
    async def handler(websocket):
        await websocket.accept()
        await websocket.close()
        for late in (websocket.send_text("x"), websocket.send_bytes(b""), websocket.close(), websocket.accept()):
            with pytest.raises(WebSocketDisconnected, match=SEND_AFTER_END):
                await late

    assert (await session(handler, CONNECT))[1] == [ACCEPTED, CLOSED]


async def test_a_connection_is_refused_by_closing_it(session):
    async def handler(websocket):
        await websocket.close(1008, "no")
        with pytest.raises(WebSocketDisconnected, match=SEND_AFTER_END):
            await websocket.accept()

    assert (await session(handler, CONNECT))[1] == [{"type": "websocket.close", "code": 1008, "reason": "no"}]


@pytest.mark.parametrize(
    ("messages", "calls", "error"),
    [
        ([text("x")], "accept", "Expected ASGI message \"websocket.connect\", but got 'websocket.receive'"),
        (
            [CONNECT, CONNECT],
            "accept receive",
            'Expected ASGI message "websocket.receive" or "websocket.disconnect", but got \'websocket.connect\'',
        ),
        (
            [CONNECT, CONNECT],
            "accept receive_text",
            'Expected ASGI message "websocket.receive" or "websocket.disconnect", but got \'websocket.connect\'',
        ),
        (
            [CONNECT],
            "accept accept",
            'Expected ASGI message "websocket.send" or "websocket.close", but got \'websocket.accept\'',
        ),
        (
            [CONNECT],
            "send_text",
            'Expected ASGI message "websocket.accept", "websocket.close" or "websocket.http.response.start", '
            "but got 'websocket.send'",
        ),
    ],
)
async def test_messages_out_of_turn_say_what_was_expected(session, messages, calls, error):
    async def handler(websocket):
        for call in calls.split():
            await (websocket.send_text("x") if call == "send_text" else getattr(websocket, call)())

    with pytest.raises(RuntimeError) as caught:
        await session(handler, *messages)
    assert str(caught.value) == error


async def test_a_denial_is_sent_where_it_is_offered(session):
    async def handler(websocket):
        await websocket.send_denial_response(PlainTextResponse("no", 403, {"X-Why": "x"}))
        with pytest.raises(WebSocketDisconnected, match=SEND_AFTER_END):
            await websocket.close()
        return websocket.application_state

    state, sent = await session(handler, CONNECT)
    assert state is WebSocketState.DISCONNECTED
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (sent[0]["status"], sent[1]["body"]) == (403, b"no")


async def test_a_denial_may_be_streamed(session):
    async def handler(websocket):
        await websocket.send_denial_response(StreamingResponse([b"n", b"o"], 403))

    _, sent = await session(handler, CONNECT)
    assert b"".join(message.get("body", b"") for message in sent) == b"no"


@pytest.mark.parametrize("extensions", [{}, None])
async def test_a_denial_that_is_not_offered_is_an_error(session, extensions):
    async def handler(websocket):
        await websocket.send_denial_response(PlainTextResponse("no", 403))

    with pytest.raises(RuntimeError, match="The server doesn't support the Websocket Denial Response extension."):
        await session(handler, CONNECT, extensions=extensions)


async def test_a_denial_that_has_begun_must_end(session):
    async def handler(websocket):
        await websocket.send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        assert websocket.application_state is WebSocketState.RESPONSE
        with pytest.raises(RuntimeError, match='Expected ASGI message "websocket.http.response.body", but got'):
            await websocket.close()
        await websocket.send({"type": "websocket.http.response.body", "body": b"1", "more_body": True})
        assert websocket.application_state is WebSocketState.RESPONSE
        await websocket.send({"type": "websocket.http.response.body", "body": b"2"})
        assert websocket.application_state is WebSocketState.DISCONNECTED

    await session(handler, CONNECT)


@pytest.mark.parametrize("call", ["send_text", "send_bytes", "close", "accept"])
async def test_a_send_the_server_refuses_is_a_disconnect(session, call):
    class Gone(list):
        def append(self, message):
            if message["type"] != "websocket.accept" or call == "accept":
                raise OSError("gone")
            super().append(message)

    async def handler(websocket):
        if call != "accept":
            await websocket.accept()
        argument = {"send_text": ["x"], "send_bytes": [b"x"]}.get(call, [])
        with pytest.raises(WebSocketDisconnect) as caught:
            await getattr(websocket, call)(*argument)
        assert caught.value.code == 1006
        assert isinstance(caught.value.__cause__, OSError)
        assert websocket.application_state is WebSocketState.DISCONNECTED
        with pytest.raises(WebSocketDisconnected, match=SEND_AFTER_END):
            await websocket.send_text("x")

    await session(handler, CONNECT, reply=Reply(Gone()))


async def test_other_errors_of_send_pass(session):
    class Broken(list):
        def append(self, message):
            raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        await session(lambda websocket: websocket.accept(), CONNECT, reply=Reply(Broken()))


async def test_one_task_may_send_while_another_receives(session):
    async def handler(websocket):
        await websocket.accept()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(websocket.receive_text)
            await anyio.lowlevel.checkpoint()
            await websocket.send_text("meanwhile")
            tasks.cancel_scope.cancel()

    assert (await session(handler, CONNECT))[1][-1] == {"type": "websocket.send", "text": "meanwhile"}


async def test_an_application_closes():
    assert (await run(WebSocketClose(), websocket_scope())).messages == [CLOSED]
    reply = await run(WebSocketClose(1001, "later"), websocket_scope())
    assert reply.messages == [{"type": "websocket.close", "code": 1001, "reason": "later"}]


def test_it_is_for_websockets_alone():
    with pytest.raises(AssertionError):
        WebSocket({"type": "http"}, None, None)


def test_it_is_a_connection():
    websocket = WebSocket(websocket_scope("/chat", headers=[(b"host", b"example.org")]), None, None)
    assert str(websocket.url) == "ws://example.org/chat"
    assert {websocket: 1}[websocket] == 1


@pytest.mark.parametrize(
    ("where", "when"),
    [("class", "before"), ("subclass", "before"), ("object", "before"), ("object", "after")],
)
async def test_receive_and_send_are_called_where_they_are_replaced(session, monkeypatch, where, when):
    calls = []

    def replace(target, name, original):
        async def counted(*arguments):
            calls.append(name)
            return await original(*arguments)

        monkeypatch.setattr(target, name, counted, raising=False)

    def replace_both(websocket):
        for name in ("receive", "send"):
            target = websocket if where == "object" else WebSocket if where == "class" else type(websocket)
            replace(target, name, getattr(target, name))

    class Own(WebSocket):
        pass

    async def handler(websocket):
        if where == "subclass":
            websocket = Own(websocket.scope, websocket._receive, websocket._send)
        if when == "before":
            replace_both(websocket)
        await websocket.accept()
        if when == "after":
            replace_both(websocket)
        assert await websocket.receive_text() == "a"
        assert await websocket.receive_bytes() == b"b"
        await websocket.send_text("c")

    await session(handler, CONNECT, text("a"), binary(b"b"))
    begun = ["receive", "send"] if when == "before" else []
    assert calls == [*begun, "receive", "receive", "send"]


async def test_a_message_of_the_other_kind_is_a_key_error_too(session):
    async def handler(websocket):
        await websocket.accept()
        with pytest.raises(KeyError) as caught:
            await websocket.receive_text()
        assert caught.value.expected == "text"
        assert str(caught.value) == "1003: Expected a message of text"
        assert repr(caught.value) == "UnexpectedFrame(code=1003, reason='Expected a message of text')"
        await websocket.close(4400)

    _, messages = await session(handler, CONNECT, binary(b"x"))
    assert messages[-1]["code"] == 4400
