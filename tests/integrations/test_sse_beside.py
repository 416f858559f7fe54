"""Events of asgi_requests on a path of a Django or Quart application, with nothing else of ours around them."""

from __future__ import annotations

import anyio
import pytest

from asgi_requests import (
    Broadcast,
    EventLog,
    EventSourceResponse,
    Request,
    ServerSentEvent,
    last_event_id,
    request_response,
)
from asgi_testclient import AsyncTestClient


@pytest.fixture(params=["django", "quart"])
def hosted(request, monkeypatch):
    """An application with its pages, and ours on /news."""
    pytest.importorskip(request.param)
    from importlib import import_module

    theirs = import_module(f"integrations.site_{request.param}").create()
    board = Broadcast(log=EventLog())

    async def live(request: Request) -> EventSourceResponse:
        missed = ServerSentEvent("", event="reload")
        return EventSourceResponse(board.subscribe(last_event_id(request), if_missed=missed), heartbeat=0.001)

    news = request_response(live)

    async def application(scope, receive, send):
        ours = scope["type"] == "http" and scope["path"] == "/news"
        await (news if ours else theirs)(scope, receive, send)

    application.board = board
    return application


async def test_events_are_streamed_beside_its_pages_and_end_when_the_client_leaves(hosted):
    board = hosted.board
    async with AsyncTestClient(hosted) as client:
        assert (await client.get("/")).text == "hello world"
        with anyio.fail_after(60):
            async with client.stream("GET", "/news") as response:
                assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
                lines = response.aiter_lines()
                assert (await anext(lines)).startswith("id: ")
                while await anext(lines) != ":":  # a heartbeat
                    pass
                assert board.subscribers == 1
                event = await anyio.to_thread.run_sync(board.publish, {"n": 1})
                seen = [line async for line in until_data(lines)]
                assert seen[-2:] == [f"id: {event.id}", 'data: {"n":1}']
            await response.asgi.wait_closed()
        assert board.subscribers == 0
        board.publish({"n": 2})
        async with client.stream("GET", "/news", headers={"last-event-id": event.id}) as response:
            seen = [line async for line in until_data(response.aiter_lines())]
            assert seen[-1] == 'data: {"n":2}'
        assert (await client.head("/news")).headers["cache-control"] == "no-cache"
        assert board.subscribers == 0


async def until_data(lines):
    async for line in lines:
        yield line
        if line.startswith("data:"):
            return
