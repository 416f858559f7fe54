"""Server-sent events (WHATWG HTML §9.2): a response that streams them, a log that replays, a broadcast to many clients.

    from asgi_requests.sse import Broadcast, EventLog, EventSourceResponse, ServerSentEvent, last_event_id

    news = Broadcast(log=EventLog(1000))

    async def app(scope, receive, send):
        subscription = news.subscribe(last_event_id(scope), if_missed=ServerSentEvent("", event="reload"))
        await EventSourceResponse(subscription)(scope, receive, send)

    news.publish({"title": "Hello"})

`publish` may be called from any thread and from any event loop. A browser that has lost its connection comes back with
the id of the last event it has seen, and gets what was published since.
"""

from __future__ import annotations

from ._broadcast import Broadcast, Subscription
from ._event import ServerSentEvent, last_event_id
from ._log import EventLog, Replay
from ._response import EventSourceResponse

__all__ = [
    "Broadcast",
    "EventLog",
    "EventSourceResponse",
    "Replay",
    "ServerSentEvent",
    "Subscription",
    "last_event_id",
]
