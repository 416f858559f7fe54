"""The client's side of a WebSocket.

from asgi_testclient import TestClient

async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({"type": "websocket.send", "text": message["text"]})
    await send({"type": "websocket.close", "code": 1000})

with TestClient(echo).websocket_connect("/") as websocket:
    websocket.send_text("hello")
    assert websocket.receive_text() == "hello"
    assert list(websocket) == []
"""

from __future__ import annotations

from ._disconnects import WebSocketDenied, WebSocketDisconnect
from ._tasks import AsyncWebSocketTestSession
from ._threads import WebSocketTestSession

__all__ = ["AsyncWebSocketTestSession", "WebSocketDenied", "WebSocketDisconnect", "WebSocketTestSession"]
