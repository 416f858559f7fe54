"""An event stream behind a Drain that a request begins, for servers that give the application no signal."""

from __future__ import annotations

from typing import Any

import anyio

from asgi_framework import App, EventSourceResponse, PlainTextResponse, Request, Route, ServerSentEvent
from asgi_middleware import Middleware
from asgi_middleware.drain import Drain, DrainMiddleware

drain = Drain(grace=30.0)


async def events(request: Request) -> EventSourceResponse:
    async def ticks() -> Any:
        yield "tick"
        try:
            await anyio.sleep_forever()
        finally:
            print("events: closed", flush=True)

    return EventSourceResponse(ticks(), farewell=ServerSentEvent("", event="bye"))


async def begin(request: Request) -> PlainTextResponse:
    drain.begin()
    return PlainTextResponse("begun")


app = App(
    routes=[Route("/events", events), Route("/begin", begin, methods=["POST"])],
    middleware=[Middleware(DrainMiddleware, drain=drain)],
)
