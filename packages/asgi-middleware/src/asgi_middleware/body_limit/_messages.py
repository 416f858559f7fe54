"""The size limit for the messages of a WebSocket."""

from __future__ import annotations

from ..types import Message, Receive, Send


class LimitedMessages:
    """The receive and send of one WebSocket, closed with 1009 (RFC 6455 §7.4.1) when a message is too large."""

    __slots__ = ("_receive", "_send", "closed", "limit")

    def __init__(self, limit: int, receive: Receive, send: Send) -> None:
        self.limit = limit
        self._receive = receive
        self._send = send
        self.closed = False

    async def receive(self) -> Message:
        if not self.closed:
            message = await self._receive()
            if message["type"] != "websocket.receive" or self._size(message) <= self.limit:
                return message
            self.closed = True
            await self._send({"type": "websocket.close", "code": 1009, "reason": "Message Too Big"})
        return {"type": "websocket.disconnect", "code": 1009, "reason": "Message Too Big"}

    def _size(self, message: Message) -> int:
        text = message.get("text")
        if text is None:
            return len(message.get("bytes") or b"")
        # A text has at least as many bytes as characters, so that a long one need not be encoded.
        return len(text) if len(text) > self.limit else len(text.encode("utf-8", "surrogatepass"))

    async def send(self, message: Message) -> None:
        if not self.closed:
            await self._send(message)
