"""sse-starlette: event streams."""

from __future__ import annotations

import anyio
from sse_starlette import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.routing import Route
from starlette.testclient import TestClient

done: list[str] = []


async def numbers(request):
    async def events():
        for number in range(3):
            yield {"event": "number", "id": str(number), "data": f"line {number}\nmore"}
            await anyio.sleep(0)
        yield ServerSentEvent("bye", event="end", comment="over")
        yield JSONServerSentEvent({"a": 1})

    return EventSourceResponse(events(), background=BackgroundTask(done.append, "background"), sep="\n")


async def failing(request):
    async def events():
        yield "one"
        raise KeyError("two")

    return EventSourceResponse(events())


def blocking(request):
    return EventSourceResponse(iter(["one", "two"]), headers={"X-Own": "1"})


app = Starlette(routes=[Route("/", numbers), Route("/failing", failing), Route("/blocking", blocking)])


def test_events_are_sent_as_they_come():
    with TestClient(app) as client:
        response = client.get("/")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    blocks = response.text.replace("\r", "").split("\n\n")
    assert blocks[0] == "id: 0\nevent: number\ndata: line 0\ndata: more"
    assert blocks[3] == ": over\nevent: end\ndata: bye"
    assert blocks[4] == 'data: {"a":1}'
    assert done == ["background"]


def test_an_iterator_that_blocks_is_read_in_threads():
    response = TestClient(app).get("/blocking")
    assert response.text.replace("\r", "") == "data: one\n\ndata: two\n\n"
    assert response.headers["x-own"] == "1"


def test_a_failing_stream_is_reported():
    client = TestClient(app, raise_server_exceptions=False)
    assert "data: one" in client.get("/failing").text


def test_a_client_may_leave():
    left = []

    async def endless(request):
        async def events():
            try:
                while True:
                    yield "tick"
                    await anyio.sleep(0.01)
            finally:
                left.append(True)

        return EventSourceResponse(events())

    with TestClient(Starlette(routes=[Route("/", endless)])) as client, client.stream("GET", "/") as response:
        assert next(response.iter_lines()) == "data: tick"
    assert left == [True]
