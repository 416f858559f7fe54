"""Numbers over server-sent events, on connections that end after three of them, cleanly or not; and a page that counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from asgi_framework import App, HTMLResponse, JSONResponse, Request, Route
from asgi_middleware import Middleware
from asgi_middleware.drain import DrainMiddleware
from asgi_requests.sse import Broadcast, EventLog, EventSourceResponse, ServerSentEvent, last_event_id

PAGE = """<!doctype html><title>Events</title><link rel=icon href="data:,"><script>
window.seen = []; window.reloads = 0; window.byes = 0; window.opened = 0;
const events = new EventSource('/events');
events.onopen = () => opened++;
events.addEventListener('number', event => seen.push(JSON.parse(event.data).number));
events.addEventListener('reload', () => reloads++);
events.addEventListener('bye', () => byes++);
</script>"""

numbers = Broadcast(log=EventLog(1000))
last_ids: list[str | None] = []


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def events(request: Request) -> EventSourceResponse:
    last_ids.append(last_event_id(request.scope))
    reload = ServerSentEvent("", event="reload")
    subscription = numbers.subscribe(last_ids[-1], if_missed=reload)

    async def three() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(retry=10)
        count = 0
        async for event in subscription:
            yield event
            count += event.event == "number"
            if count == 3 and len(last_ids) % 2:
                raise ConnectionError("cut")
            if count == 3:
                return

    return EventSourceResponse(three(), heartbeat=0.05, farewell=ServerSentEvent("", event="bye", retry=10))


async def publish(request: Request) -> JSONResponse:
    first = request.path_params["first"]
    for number in range(first, first + request.path_params["count"]):
        numbers.publish(ServerSentEvent({"number": number}, event="number"))
        if number % 5 == 0:
            await asyncio.sleep(0.01)
    return JSONResponse({"last_ids": last_ids, "subscribers": numbers.subscribers})


app: Any = App(
    routes=[Route("/", page), Route("/events", events), Route("/publish/{first:int}/{count:int}", publish)],
    middleware=[Middleware(DrainMiddleware, farewell=b": the farewell of the application comes first\n\n")],
)
