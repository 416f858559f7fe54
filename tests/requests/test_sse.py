"""The response: events on the wire, the heartbeat, the farewell, and how a stream ends."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from asgi_requests.exceptions import ClientDisconnect
from asgi_requests.requests import Request
from asgi_requests.responses import JSONResponse
from asgi_requests.sse import EventSourceResponse, ServerSentEvent, _channel, last_event_id
from raw_asgi import Reply, garbage_of, http_scope, request, run, websocket_scope


async def test_events_text_and_json_are_sent_as_events():
    closed = []

    async def events():
        try:
            yield "one"
            yield {"two": 2}
            yield b": raw\n\n"
            yield bytearray(b": raw\n\n")
            yield ServerSentEvent("three", event="e", id="3", retry=5, comment="a\nb")
        finally:
            closed.append(True)

    reply = await request(EventSourceResponse(events(), headers={"Cache-Control": "no-store"}))
    raw = ": raw\n\n"
    expected = f'data: one\n\ndata: {{"two":2}}\n\n{raw}{raw}: a\n: b\nevent: e\nid: 3\nretry: 5\ndata: three\n\n'
    assert reply.text == expected
    assert reply.header("content-type") == "text/event-stream; charset=utf-8"
    assert reply.header("cache-control") == "no-store"
    assert (reply.header("x-accel-buffering"), reply.header("incremental")) == ("no", "?1")
    assert reply.header("connection") is None
    assert closed == [True]


async def test_a_list_and_a_generator_that_blocks_are_sent_as_well():
    assert (await request(EventSourceResponse(["a", {"b": 1}], heartbeat=None))).text == 'data: a\n\ndata: {"b":1}\n\n'
    reply = await request(EventSourceResponse(text for text in "ab"))
    assert reply.text == "data: a\n\ndata: b\n\n"
    assert reply.header("cache-control") == "no-cache"


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("a\r\nb\rc\nd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ("a\u2028b", "data: a\u2028b\n\n"),
        ("", "data: \n\n"),
        ("\n", "data: \ndata: \n\n"),
        (" a: b", "data:  a: b\n\n"),
        ("\ud800", "data: ?\n\n"),
        ({"a": "\ud800\n"}, 'data: {"a":"\\ud800\\n"}\n\n'),
        (0, "data: 0\n\n"),
        (None, "\n"),
    ],
)
def test_data_is_split_over_the_lines_of_the_standard_alone(data, sent):
    assert ServerSentEvent(data).encode().decode() == sent


def test_the_fields_before_json_are_sent_with_it():
    assert ServerSentEvent([1], id=7, event="é").encode().decode() == "event: é\nid: 7\ndata: [1]\n\n"
    assert ServerSentEvent(id="7").encode() == b"id: 7\n\n"
    assert ServerSentEvent(comment="a\r\nb\rc").encode() == b": a\n: b\n: c\n\n"
    assert ServerSentEvent("a", retry=0).encode() == b"retry: 0\ndata: a\n\n"


@pytest.mark.parametrize(
    "field",
    [{"event": "a\nb"}, {"event": "\r"}, {"id": "a\0"}, {"id": "\r"}, {"id": "\n"}, {"retry": -1}, {"retry": True}],
)
def test_a_field_that_cannot_be_sent_is_refused(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        ServerSentEvent("x", **field)


def test_an_event_is_a_value():
    assert ServerSentEvent("a", id=1) == ServerSentEvent("a", id="1") != ServerSentEvent("a")
    with pytest.raises(AttributeError):
        ServerSentEvent("a").data = "b"


async def test_json_of_events_is_that_of_jsonresponse_or_of_an_encoder_of_ones_own(monkeypatch):
    assert EventSourceResponse([]).render([1]) == b"[1]"

    class Indented(EventSourceResponse):
        def render(self, content):
            return b"[\n1,\r\n2]"

    assert (await request(Indented([[1, 2], ServerSentEvent([1, 2])]))).text == "data: [\ndata: 1,\ndata: 2]\n\n" * 2
    monkeypatch.setattr(JSONResponse, "render", lambda self, content: b"mine")
    assert (await request(EventSourceResponse([[1], ServerSentEvent([1])]))).text == "data: mine\n\n" * 2


async def test_what_json_cannot_hold_is_an_error_that_names_it():
    with pytest.raises(TypeError, match="object"):
        await request(EventSourceResponse([object()]))


async def test_head_gets_the_headers_and_closes_the_iterator():
    closed = []

    class Events:
        def __aiter__(self):
            return self

        async def aclose(self):
            closed.append(True)

    reply = await request(EventSourceResponse(Events()), "HEAD")
    assert (reply.body, reply.header("content-type")) == (b"", "text/event-stream; charset=utf-8")
    assert closed == [True]


async def test_a_websocket_is_denied_with_it():
    reply = await run(EventSourceResponse(["a"], 404), websocket_scope())
    assert (reply.status, reply.text) == (404, "data: a\n\n")


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (["é".encode()], "é"),
        ([b"x" * 1024], "x" * 1024),
        ([b"x" * 1025], None),
        ([b""], None),
        ([b"a\0b"], None),
        ([b"\xff"], None),
        ([b"1", b"2"], None),
        ([], None),
    ],
)
def test_the_last_id_is_one_that_a_server_can_have_given(sent, seen):
    scope = http_scope(headers=[(b"a", b"b"), *((b"Last-Event-ID", value) for value in sent)])
    assert last_event_id(scope) == last_event_id(Request(scope)) == seen


def test_the_length_of_the_last_id_is_an_option():
    assert last_event_id(http_scope(headers=[(b"last-event-id", b"12")]), max_length=1) is None


class Client:
    """A server's side of a stream: keeps what is sent, and lets the test wait for it and leave."""

    def __init__(self):
        self.reply = Reply()
        self.left = anyio.Event()
        self.sent = anyio.Event()
        self.pending = 0

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        assert self.pending == 0, "a message was sent while another was on its way"
        self.pending += 1
        try:
            await self.take(message)
        finally:
            self.pending -= 1
        self.reply.messages.append(message)
        self.sent.set()
        self.sent = anyio.Event()

    async def take(self, message):
        """Take a message as this client does."""

    async def has(self, text, times=1):
        while self.reply.text.count(text) < times:
            await self.sent.wait()

    async def run(self, response, **scope):
        await response(http_scope(**scope), self.receive, self.send)


BEAT = ":\n\n"


async def test_comments_are_sent_while_the_iterator_waits_and_never_interrupt_it():
    client = Client()
    interrupted = []

    async def events():
        try:
            yield "a"
            await client.has(BEAT, 2)
            yield "b"
            await client.has(BEAT, 3)
        except BaseException as exc:
            interrupted.append(exc)
            raise

    await client.run(EventSourceResponse(events(), heartbeat=0.001))
    assert client.reply.text.replace(BEAT, "") == "data: a\n\ndata: b\n\n"
    assert client.reply.messages[-1]["more_body"] is False
    assert interrupted == []


async def test_no_comment_is_sent_while_the_client_is_slow():
    class Slow(Client):
        async def take(self, message):
            if b"a" in message.get("body", b""):
                await anyio.sleep(0.03)

    client = Slow()

    async def events():
        for _ in range(3):
            yield "a"

    await client.run(EventSourceResponse(events(), heartbeat=0.001))
    assert client.reply.text == "data: a\n\n" * 3


async def test_an_event_waits_for_the_comment_that_is_on_its_way():
    ready = anyio.Event()

    class SlowForComments(Client):
        async def take(self, message):
            if message.get("body") == BEAT.encode():
                ready.set()
                await anyio.sleep(0.01)

    client = SlowForComments()

    async def events():
        await ready.wait()
        yield "a"

    await client.run(EventSourceResponse(events(), heartbeat=0.001))
    assert client.reply.text.startswith(BEAT + "data: a\n\n")


async def test_no_comment_is_sent_before_the_head():
    class SlowToStart(Client):
        async def take(self, message):
            if message["type"] == "http.response.start":
                await anyio.sleep(0.02)

    client = SlowToStart()
    await client.run(EventSourceResponse(["a"], heartbeat=0.001))
    assert client.reply.text == "data: a\n\n"


async def test_events_put_the_comment_off():
    client = Client()

    async def events():
        for _ in range(20):
            await anyio.sleep(0.002)
            yield "a"

    await client.run(EventSourceResponse(events(), heartbeat=30))
    assert BEAT not in client.reply.text


async def test_a_pause_shorter_than_the_interval_is_waited_for(monkeypatch):
    """The heartbeat wakes up after an event that came later than it: it goes on sleeping, and beats after that."""
    client = Client()
    now, woken = 0.0, anyio.Event()

    def clock():
        woken.set()
        return now

    async def events():
        nonlocal now, woken
        now = 0.005
        yield "a"
        now = 0.012  # more than the interval since the beginning, less since the event
        for _ in range(2):
            woken = anyio.Event()
            await woken.wait()
        assert BEAT not in client.reply.text
        now = 0.02
        await client.has(BEAT)

    monkeypatch.setattr(_channel, "_clock", lambda: clock)
    await client.run(EventSourceResponse(events(), heartbeat=0.01))
    assert client.reply.text == "data: a\n\n" + BEAT


async def test_a_generator_keeps_its_task_and_is_closed_in_it():
    client = Client()
    tasks = []

    async def events():
        try:
            tasks.append(anyio.get_current_task().id)
            yield "a"
            await client.has(BEAT)
            tasks.append(anyio.get_current_task().id)
            yield "b"
            client.left.set()
            await anyio.sleep_forever()
        finally:
            tasks.append(anyio.get_current_task().id)

    await client.run(EventSourceResponse(events(), heartbeat=0.001))
    assert tasks == [anyio.get_current_task().id] * 3


@pytest.mark.parametrize("heartbeat", [None, 0.001])
@pytest.mark.parametrize("sent", [[], ["a"]], ids=["before", "after"])
async def test_a_client_that_leaves_ends_the_stream_without_a_word(heartbeat, sent):
    client = Client()
    closed = []

    async def events():
        try:
            for event in sent:
                yield event
            client.left.set()
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    await client.run(EventSourceResponse(events(), heartbeat=heartbeat))
    assert closed == [True]
    assert not [message for message in client.reply.messages if message.get("more_body") is False]


@pytest.mark.parametrize("failure", [OSError, ZeroDivisionError])
async def test_a_comment_that_cannot_be_sent_ends_the_stream(failure):
    class Gone(Client):
        async def take(self, message):
            if message.get("body") == BEAT.encode():
                raise failure("gone")

    closed = []

    async def events():
        try:
            yield "a"
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    with pytest.raises(ClientDisconnect if failure is OSError else failure) as caught:
        await Gone().run(EventSourceResponse(events(), heartbeat=0.001))
    assert closed == [True]
    assert isinstance(caught.value.__cause__ or caught.value, failure)


@pytest.mark.parametrize("heartbeat", [None, 0.001])
async def test_an_error_of_the_iterator_passes_unchanged(heartbeat):
    async def events():
        yield "a"
        await anyio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Client().run(EventSourceResponse(events(), heartbeat=heartbeat, farewell="bye"))


async def test_an_outer_cancellation_goes_through():
    client = Client()

    async def events():
        yield "a"
        await anyio.sleep_forever()

    with anyio.move_on_after(30) as scope:
        async with anyio.create_task_group() as tasks:

            async def cancel():
                await client.has("data: a")
                scope.cancel()

            tasks.start_soon(cancel)
            await client.run(EventSourceResponse(events(), farewell="bye"))
    assert scope.cancelled_caught
    assert "bye" not in client.reply.text


@pytest.mark.parametrize("farewell", ["bye", lambda: ServerSentEvent("bye")])
async def test_a_server_that_stops_sends_the_farewell_and_ends_the_stream(farewell):
    """A drained server gives http.disconnect to a stream whose `send` still works."""
    client = Client()

    async def events():
        yield "a"
        client.left.set()
        await anyio.sleep_forever()

    await client.run(EventSourceResponse(events(), farewell=farewell))
    assert client.reply.text == "data: a\n\ndata: bye\n\n"
    assert client.reply.messages[-1]["more_body"] is False


async def test_a_stream_that_has_ended_has_no_farewell():
    reply = await request(EventSourceResponse(["a"], farewell="bye"))
    assert reply.text == "data: a\n\n"


async def test_a_farewell_to_a_client_that_has_left_is_its_leaving():
    class Gone(Client):
        async def take(self, message):
            if b"bye" in message.get("body", b""):
                raise OSError

    client = Gone()
    client.left.set()

    async def events():
        yield "a"
        await anyio.sleep_forever()

    with pytest.raises(ClientDisconnect):
        await client.run(EventSourceResponse(events(), farewell="bye"))


async def test_a_stream_that_has_not_started_has_no_farewell():
    class Stuck(Client):
        async def take(self, message):
            self.left.set()
            await anyio.sleep_forever()

    client = Stuck()
    await client.run(EventSourceResponse(["a"], farewell="bye"))
    assert client.reply.messages == []


@pytest.mark.parametrize("heartbeat", [0, -1, float("nan")])
def test_a_heartbeat_without_a_pause_is_refused(heartbeat):
    with pytest.raises(ValueError, match="heartbeat="):
        EventSourceResponse([], heartbeat=heartbeat)


async def test_a_heartbeat_whose_pause_is_over_at_once_is_sent():
    async def events():
        yield "a"
        while client.reply.text.count(BEAT) < 3:
            await anyio.sleep(0)

    client = Client()
    with anyio.fail_after(20):
        await client.run(EventSourceResponse(events(), heartbeat=1e-9))
    assert client.reply.text.startswith("data: a")


@pytest.mark.parametrize("how", ["leaves", "ends", "cancelled"])
async def test_a_comment_that_a_middleware_shields_is_finished_and_the_last(how):
    class Shielding(Client):
        async def take(self, message):
            if message.get("body") == BEAT.encode():
                with anyio.CancelScope(shield=True):
                    beating.set()
                    await ending.wait()
                    await anyio.sleep(0.01)

    client = Shielding()
    beating, ending = anyio.Event(), anyio.Event()

    async def events():
        yield "a"
        await beating.wait()
        ending.set()
        if how == "leaves":
            client.left.set()
        if how == "cancelled":
            cancelled.cancel()
        if how != "ends":
            await anyio.sleep_forever()

    with anyio.fail_after(5), anyio.CancelScope() as cancelled:
        await client.run(EventSourceResponse(events(), heartbeat=0.001))
    sent = len(client.reply.messages)
    assert client.reply.text.count(BEAT) == 1
    await anyio.sleep(0.02)
    assert len(client.reply.messages) == sent


@pytest.mark.parametrize("ticks", range(4))
def test_on_asyncio_alone_comments_are_sent_and_end_with_the_stream(ticks):
    """AnyIO knows its backend in tasks alone, and a timer of asyncio runs in none."""

    async def main():
        client = Client()

        async def events():
            await client.has(BEAT, 2)
            # The stream may end when a comment is due and its task has not begun.
            due = asyncio.Event()
            asyncio.get_running_loop().call_later(0.01, due.set)
            await due.wait()
            for _ in range(ticks):
                await asyncio.sleep(0)
            yield "a"

        await client.run(EventSourceResponse(events(), heartbeat=0.01))
        sent = len(client.reply.messages)
        await asyncio.sleep(0.03)
        return client.reply.text, len(client.reply.messages) - sent, len(asyncio.all_tasks())

    text, later, tasks = asyncio.run(main())
    assert text.startswith(BEAT * 2)
    assert text.endswith("data: a\n\n")
    assert (later, tasks) == (0, 1)


async def test_no_cycle_is_left_by_a_comment_that_cannot_be_sent():
    async def quiet():
        await anyio.sleep_forever()
        yield ""

    async def send(message):
        if message.get("body", b"").startswith(b":"):
            raise LookupError("no")

    async def fail():
        with pytest.raises(LookupError):
            await EventSourceResponse(quiet(), heartbeat=0.001)(http_scope(), anyio.sleep_forever, send)

    assert await garbage_of(fail) == 0
