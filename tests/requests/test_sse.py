from __future__ import annotations

import pytest

from asgi_requests.sse import EventSourceResponse, ServerSentEvent, last_event_id
from raw_asgi import http_scope, request


async def test_events_text_and_json_are_sent_as_events():
    closed = []

    async def events():
        try:
            yield "one"
            yield {"two": 2}
            yield b": raw\n\n"
            yield ServerSentEvent("three", event="e", id="3", retry=5, comment="a\nb")
        finally:
            closed.append(True)

    reply = await request(EventSourceResponse(events(), headers={"Cache-Control": "no-cache"}))
    expected = 'data: one\n\ndata: {"two":2}\n\n: raw\n\n: a\n: b\nevent: e\nid: 3\nretry: 5\ndata: three\n\n'
    assert reply.text == expected
    assert reply.header("content-type") == "text/event-stream; charset=utf-8"
    assert reply.header("cache-control") == "no-cache"
    assert (reply.header("x-accel-buffering"), reply.header("incremental")) == ("no", "?1")
    assert reply.header("connection") is None
    assert closed == [True]


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("a\r\nb\rc\nd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ("a\u2028b", "data: a\u2028b\n\n"),
        ("", "data: \n\n"),
        (None, "\n"),
    ],
)
def test_data_is_split_over_the_lines_of_the_standard_alone(data, sent):
    assert ServerSentEvent(data).encode().decode() == sent


@pytest.mark.parametrize("field", [{"event": "a\nb"}, {"id": "a\0"}, {"id": "\r"}, {"retry": -1}, {"retry": True}])
def test_a_field_that_cannot_be_sent_is_refused(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        ServerSentEvent("x", **field)


def test_the_last_id_is_read_as_utf_8():
    assert last_event_id(http_scope(headers=[(b"a", b"b"), (b"Last-Event-ID", "é".encode())])) == "é"
    assert last_event_id(http_scope()) is None
