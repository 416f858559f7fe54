"""What moves: new notes as server-sent events, and a chat over WebSockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from asgi_framework import Request, StreamingResponse, WebSocket, WebSocketDisconnect

PING = 15.0  # seconds between comments that keep proxies from closing a quiet stream


class Hub:
    """Hands every message to every listener of this process; one that falls 100 messages behind loses the newest."""

    def __init__(self) -> None:
        self._listeners: set[MemoryObjectSendStream[tuple[str, object]]] = set()

    async def publish(self, kind: str, content: object) -> None:
        for listener in list(self._listeners):
            try:
                listener.send_nowait((kind, content))
            except (anyio.WouldBlock, anyio.BrokenResourceError):
                continue

    async def listen(self) -> AsyncIterator[tuple[str, object] | None]:
        """Every message from now on, and None where none came for a while."""
        send, receive = anyio.create_memory_object_stream[tuple[str, object]](100)
        self._listeners.add(send)
        try:
            while True:
                message = None
                with anyio.move_on_after(PING):
                    try:
                        message = await receive.receive()
                    except anyio.EndOfStream:
                        return
                yield message
        finally:
            self._listeners.discard(send)
            send.close()
            receive.close()

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        for listener in list(self._listeners):
            listener.close()


async def events(request: Request) -> StreamingResponse:
    async def stream() -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        async for message in request.state.hub.listen():
            yield ": still here\n\n" if message is None else f"event: {message[0]}\ndata: {json.dumps(message[1])}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})


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
