"""The few responses that routing gives itself, as plain ASGI messages."""

from __future__ import annotations

from collections.abc import Iterable

from .types import Receive, Scope, Send


async def send_text(
    scope: Scope,
    send: Send,
    status: int,
    text: str = "",
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    media_type: str = "text/plain; charset=utf-8",
    prefix: str = "",
) -> None:
    """Send a text, UTF-8; HEAD gets the headers alone. `prefix` is `websocket.` for a denial response."""
    body = text.encode()
    head = list(headers)
    if status != 204:  # RFC 9110 §8.6: no Content-Length in a 204
        head.append((b"content-length", b"%d" % len(body)))
    if body:
        head.append((b"content-type", media_type.encode("latin-1")))
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": head})
    await send({"type": f"{prefix}http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})


async def reject(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404; a WebSocket is denied with it where the server offers that, and closed elsewhere."""
    if scope["type"] == "http":
        return await send_text(scope, send, 404, "Not Found")
    # An application may not answer before it has received the connect; anything else means that the client has left.
    if (await receive())["type"] != "websocket.connect":
        return None
    if "websocket.http.response" in (scope.get("extensions") or ()):
        return await send_text(scope, send, 404, "Not Found", prefix="websocket.")
    return await send({"type": "websocket.close", "code": 1000, "reason": ""})
