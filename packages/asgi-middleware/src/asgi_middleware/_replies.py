"""The responses that middleware sends itself, as plain ASGI messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .types import Receive, Scope, Send


async def send_text(
    scope: Scope, send: Send, status: int, text: str, headers: Iterable[Sequence[bytes]] = (), *, prefix: str = ""
) -> None:
    """Send a text in UTF-8; HEAD gets only the headers. `prefix` is `websocket.` for a denial response."""
    body = text.encode(errors="replace")  # text quoted from JSON may have a lone surrogate
    head = [*headers, (b"content-length", b"%d" % len(body))]
    if body:
        head.append((b"content-type", b"text/plain; charset=utf-8"))
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": head})
    await send({"type": f"{prefix}http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})


async def reject(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    text: str,
    headers: Iterable[Sequence[bytes]] = (),
    *,
    close_code: int = 1000,
) -> None:
    """Reject a request, or a WebSocket before the accept, with a denial response if the server supports it.

    Otherwise it is closed with `close_code`, which servers turn into 403. Nothing is sent to a client that has left.
    """
    if scope["type"] == "http":
        return await send_text(scope, send, status, text, headers)
    if (await receive())["type"] != "websocket.connect":
        return None
    if "websocket.http.response" in (scope.get("extensions") or ()):
        return await send_text(scope, send, status, text, headers, prefix="websocket.")
    return await send({"type": "websocket.close", "code": close_code, "reason": ""})
