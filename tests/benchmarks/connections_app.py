"""One application for the measurement of open connections: an echo over WebSockets, and a stream without events.

`ASGI_BENCHMARK=ours` names the framework; `bare` is ASGI by hand.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import Any

HEARTBEAT = 15.0


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Echo text, or stream events with a comment while there are none, until the client leaves."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    elif scope["type"] == "http":
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        leaving = asyncio.create_task(disconnected(receive))
        event = asyncio.create_task(anext(events := nothing()))
        while not leaving.done():
            await asyncio.wait({leaving, event}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
        event.cancel()
        await asyncio.wait({event})
        await events.aclose()


async def disconnected(receive: Any) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def nothing() -> Any:
    """Iterate over events that never come."""
    await asyncio.Event().wait()
    yield ""


async def echo(websocket: Any) -> None:
    """Echo text, with the WebSocket of a framework."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def ours() -> Any:
    """Return the same with our framework."""
    framework = import_module("asgi_framework")
    response_class = import_module("asgi_requests.sse").EventSourceResponse
    return _routed(framework.App, framework, response_class)


def starlette() -> Any:
    """Return the same with Starlette and sse-starlette."""
    response_class = import_module("sse_starlette").EventSourceResponse
    return _routed(
        import_module("starlette.applications").Starlette, import_module("starlette.routing"), response_class
    )


def _routed(application_class: Any, routing: Any, response_class: Any) -> Any:
    async def events(request: Any) -> Any:
        return response_class(nothing())

    return application_class(routes=[routing.Route("/", events), routing.WebSocketRoute("/", echo)])


name = os.environ.get("ASGI_BENCHMARK", "bare")
app: Any = bare if name == "bare" else globals()[name]()
