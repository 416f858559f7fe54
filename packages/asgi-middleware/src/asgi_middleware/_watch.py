"""Watchers of the messages that an application sends: whether a response has begun, the state of a WebSocket.

Rule: only this file knows whether a response has begun. Adjacent middlewares share one watcher, found by the object
that `send` is bound to. A middleware that changes a response is a ResponseWatcher as well, so that it is found: it
subclasses it, or gives a function to ChangedResponse.

Both `send` are plain functions that return the awaitable of the outer `send`, which saves a coroutine per message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from types import MethodType

from ._marked import marked_async
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "ERRORS_KEY",
    "HTTP_START",
    "ChangedResponse",
    "ResponseWatcher",
    "WebSocketWatcher",
    "watch_response",
    "watch_websocket",
]

ERRORS_KEY = "asgi_middleware.errors"
"""The scope key of the watcher of an outer middleware that answers unhandled exceptions."""

HTTP_START = ("http.response.start",)

_DENIAL = "websocket.http.response"
_MOST_REASON_BYTES = 123  # a control frame holds 125 bytes, two of them for the code (RFC 6455 §5.5)


class ResponseWatcher:
    """A wrapped `send` of one HTTP exchange; `started` is True once the response has begun."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`."""
        if not self.started and message["type"] == "http.response.start":
            self.started = True
        return self._send(message)

    def decorate(self, change: Callable[[Message], Message]) -> None:
        """Pass the start of the response, which must not have begun, through `change` before it is sent."""
        outer_send = self._send

        def send(message: Message) -> Awaitable[None]:
            return outer_send(change(message) if message["type"] == "http.response.start" else message)

        self._send = send


class ChangedResponse(ResponseWatcher):
    """A wrapped `send` that has `change(start)` make the start of a response into the message to send.

    `starts` are the types of the messages to change, those that accept or deny a WebSocket perhaps.
    """

    __slots__ = ("_change", "_starts")

    def __init__(self, send: Send, change: Callable[[Message], Message], starts: Collection[str] = HTTP_START) -> None:
        self._send = send
        self.started = False
        self._change = change
        self._starts = starts

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`, the start as it was changed."""
        if message["type"] in self._starts:
            self.started = True
            message = self._change(message)
        return self._send(message)


def watch_response(send: Send) -> ResponseWatcher:
    """Return the watcher that `send` is bound to, or a new one around it."""
    if type(send) is MethodType and isinstance(send.__self__, ResponseWatcher):
        return send.__self__
    return ResponseWatcher(send)


class WebSocketWatcher:
    """A wrapped `receive` and `send` of one WebSocket.

    `connected`: the connect message has been received. `accepted`: the handshake has been accepted. `started`: a denial
    response has begun. `ended`: the client has left, or a close has been sent.
    """

    __slots__ = ("_receive", "_send", "accepted", "connected", "ended", "started")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.connected = self.accepted = self.started = self.ended = False

    async def receive(self) -> Message:
        """Return the next message of the outer `receive`."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._note(message["type"])
        return message

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`."""
        if message["type"] != "websocket.send":
            self._note(message["type"])
        return self._send(message)

    def _note(self, kind: str) -> None:
        if kind == "websocket.connect":
            self.connected = True
        elif kind == "websocket.accept":
            self.accepted = True
        elif kind == "websocket.http.response.start":
            self.started = True
        elif kind in ("websocket.disconnect", "websocket.close"):
            self.ended = True

    async def answer(self, app: ASGIApp, scope: Scope, *, close_code: int = 1000, reason: str = "") -> None:
        """Let `app` end the WebSocket: by a denial response if the server supports it, otherwise by a close.

        The connect message is awaited first, and `app` receives it again. An HTTP response that cannot be sent becomes
        a close: with `close_code` before the accept; after it with `reason` and 1008, or 1011 for a status of 500 and
        above. Nothing is sent to a client that has left.
        """
        # Servers expect that the connect message is received before anything is sent (ASGI, WebSocket).
        if not self.connected and not self.ended:
            await self.receive()
        if self.ended:
            return
        extensions = scope.get("extensions") or {}
        may_deny = _DENIAL in extensions and not self.accepted
        if _DENIAL not in extensions:
            # With the extension response classes send their status, which is turned into a close code below. Without it
            # they would send a bare close.
            scope = {**scope, "extensions": {**extensions, _DENIAL: {}}}
        ending = _Ending(self, may_deny, close_code, reason)
        await app(scope, ending.receive, ending.send)


def watch_websocket(receive: Receive, send: Send) -> WebSocketWatcher:
    """Return the watcher that `receive` and `send` are bound to, or a new one around them."""
    if type(receive) is MethodType and type(send) is MethodType:
        watcher = receive.__self__
        if type(watcher) is WebSocketWatcher and send.__self__ is watcher:
            return watcher
    return WebSocketWatcher(receive, send)


class _Ending:
    """The receive and send of an answer: the connect message again, and HTTP messages turned into WebSocket ones."""

    __slots__ = ("close_code", "may_deny", "reason", "replay", "watcher")

    def __init__(self, watcher: WebSocketWatcher, may_deny: bool, close_code: int, reason: str) -> None:
        self.watcher = watcher
        self.may_deny = may_deny
        self.close_code = close_code
        self.reason = reason
        self.replay = True

    async def receive(self) -> Message:
        if self.replay:
            self.replay = False
            return {"type": "websocket.connect"}
        return await self.watcher.receive()

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.watcher.ended:
            return  # a send after the close is an error on most servers
        if "http.response." not in kind:
            await self.watcher.send(message)
        elif self.may_deny:
            await self.watcher.send(
                message if kind.startswith("websocket.") else {**message, "type": f"websocket.{kind}"}
            )
        elif kind.endswith(".start"):
            await self.watcher.send(self._close_for(message["status"]))

    def _close_for(self, status: int) -> Message:
        """Return the close message for a status (RFC 6455 §7.4.1), with a reason that fits into a close frame."""
        # Before the accept there is no WebSocket yet: the server answers 403 and drops the reason.
        if not self.watcher.accepted:
            return {"type": "websocket.close", "code": self.close_code, "reason": ""}
        # Cut as bytes and decoded again, so that no character is cut in two: the reason must be valid UTF-8.
        reason = self.reason.encode(errors="replace")[:_MOST_REASON_BYTES].decode(errors="ignore")
        return {"type": "websocket.close", "code": 1011 if status >= 500 else 1008, "reason": reason}
