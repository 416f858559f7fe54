"""Live parts: new notes as server-sent events, and a chat over WebSockets."""

from __future__ import annotations

from asgi_framework import Request, WebSocket, WebSocketDisconnect
from asgi_requests.sse import EventSourceResponse, ServerSentEvent, last_event_id

AT_A_DEPLOY = ServerSentEvent(comment="the board is being restarted", retry=2000)


async def events(request: Request) -> EventSourceResponse:
    """Every note from now on; a browser that comes back gets what it has missed."""
    news = request.state.news.subscribe(last_event_id(request.scope))
    return EventSourceResponse(news, farewell=AT_A_DEPLOY)


class Room:
    """Everyone who is in the chat."""

    def __init__(self) -> None:
        self.members: dict[WebSocket, str] = {}

    async def say(self, who: str, text: str) -> None:
        for member in list(self.members):
            try:
                await member.send_json({"who": who, "text": text, "here": len(self.members)})
            except (WebSocketDisconnect, RuntimeError):
                self.members.pop(member, None)


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    room: Room = websocket.state.room
    name = str(websocket.query_params.get("name") or "somebody")[:40]
    room.members[websocket] = name
    await room.say("", f"{name} came in")
    try:
        async for text in websocket.iter_text():
            if text.strip():
                await room.say(name, text[:500])
    finally:
        room.members.pop(websocket, None)
        await room.say("", f"{name} left")
