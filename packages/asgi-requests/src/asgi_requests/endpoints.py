"""Endpoints as classes: one method per HTTP method, or one per event of a WebSocket.

    from asgi_requests import HTTPEndpoint, JSONResponse, PlainTextResponse

    class Greeting(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("Hello")

        async def post(self, request):
            return JSONResponse(await request.json(), status_code=201)

The class itself is the ASGI application, and an instance lives for one request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from ._json import load_json_of
from .adapters import call_in_thread, not_a_response
from .concurrency import is_async_callable
from .exceptions import HTTPException, handled_above
from .requests import Request
from .responses import PlainTextResponse, Response
from .types import Message, Receive, Scope, Send
from .websockets import WebSocket

_METHODS = {method: method.lower() for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")}


class HTTPEndpoint:
    """Calls the method named like the request's; `head` falls back to `get`, and a missing method answers 405."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.scope = scope
        self.receive = receive
        self.send = send
        self._allowed_methods = [method for method in _METHODS if self._find(method) is not None]

    def __await__(self) -> Generator[Any, None, None]:
        return self.dispatch().__await__()

    async def dispatch(self) -> None:
        """Answer the request; raises TypeError for a method that does not return a response."""
        request = Request(self.scope, self.receive, self.send)
        handler = self._find(request.method) or self.method_not_allowed
        try:
            if is_async_callable(handler):
                response = await handler(request)
            else:
                response = await call_in_thread(handler, request)
        except HTTPException as exc:
            if handled_above(self.scope):
                raise
            response = exc
        if not callable(response):
            raise not_a_response(handler, response)
        await response(self.scope, self.receive, self.send)

    def _find(self, method: str) -> Callable[[Request], Any] | None:
        # Only the names of methods are looked up: `_DO_DELETE` is a request method too (CVE-2026-48817).
        handler = getattr(self, _METHODS[method], None) if method in _METHODS else None
        if handler is None and method == "HEAD":
            handler = getattr(self, "get", None)
        return handler

    async def method_not_allowed(self, request: Request) -> Response:
        """Return a 405 for a method that the class does not have, or raise it where a framework handles exceptions."""
        headers = {"Allow": ", ".join(self._allowed_methods)}
        if handled_above(self.scope):
            raise HTTPException(status_code=405, headers=headers)
        return PlainTextResponse("Method Not Allowed", status_code=405, headers=headers)


class WebSocketEndpoint:
    """Calls `on_connect`, `on_receive` for every message decoded by `encoding`, and finally `on_disconnect`.

    `encoding` is "text", "bytes", "json", or None for text or bytes as they come.
    """

    encoding: str | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        self.scope = scope
        self.receive = receive
        self.send = send

    def __await__(self) -> Generator[Any, None, None]:
        return self.dispatch().__await__()

    async def dispatch(self) -> None:
        """Run the connection until the client leaves; `on_disconnect` gets 1011 for a failure, which is raised."""
        websocket = WebSocket(self.scope, receive=self.receive, send=self.send)
        await self.on_connect(websocket)
        close_code = 1000
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.receive":
                    await self.on_receive(websocket, await self.decode(websocket, message))
                elif message["type"] == "websocket.disconnect":
                    # Some servers leave the code out, or send None for a connection that was lost.
                    close_code = int(message.get("code") or 1000)
                    break
        # 1011: the server met an unexpected condition (RFC 6455 §7.4.1).
        except Exception:
            close_code = 1011
            raise
        finally:
            await self.on_disconnect(websocket, close_code)

    async def decode(self, websocket: WebSocket, message: Message) -> Any:
        """Return the message in the encoding of the class; another kind closes with 1003 and raises RuntimeError."""
        text = message.get("text")
        content = message.get("bytes")
        if self.encoding is None:
            return text if text is not None else content
        if self.encoding == "text":
            return await self._expected(websocket, text, "Expected text websocket messages, but got bytes")
        if self.encoding == "bytes":
            return await self._expected(websocket, content, "Expected bytes websocket messages, but got text")
        assert self.encoding == "json", f"Unsupported 'encoding' attribute {self.encoding}"
        try:
            return load_json_of(self.scope, text if text is not None else content or b"")
        except ValueError as exc:
            # 1003: the endpoint cannot accept this kind of data (RFC 6455 §7.4.1).
            await websocket.close(code=1003)
            raise RuntimeError("Malformed JSON data received.") from exc

    async def _expected(self, websocket: WebSocket, content: str | bytes | None, otherwise: str) -> str | bytes:
        if content is None:
            await websocket.close(code=1003)
            raise RuntimeError(otherwise)
        return content

    async def on_connect(self, websocket: WebSocket) -> None:
        """Accept the connection; override it to refuse some."""
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """Override it to act on a message."""

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        """Override it to act on the end of the connection."""
