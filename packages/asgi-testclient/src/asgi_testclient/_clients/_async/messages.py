"""The messages of a WebSocket as text, bytes and JSON, whatever carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from ...types import Message
from ..session import Limit, Mode, bytes_of, disconnected, framed, json_of, text_of

__tracebackhide__ = True  # pytest shows the code of its reader instead


class AsyncMessages(ABC):
    """The methods of a session that need no more than `send`, `receive` and its end."""

    _client: Any

    @property
    @abstractmethod
    def close_code(self) -> int | None:
        """The code of the close; None while it is open."""

    @property
    @abstractmethod
    def close_reason(self) -> str | None:
        """The reason of the close; None while it is open."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Send a raw message."""

    @abstractmethod
    async def receive(self, timeout: Limit = "client") -> Message:
        """Return the next raw message."""

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        await self.send({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self.send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, as text or as bytes."""
        await self.send(framed(data, mode))

    async def receive_text(self, timeout: Limit = "client") -> str:
        """Return the next message, which is text. Raises WebSocketDisconnect if the application has closed."""
        return text_of(self._data(await self.receive(timeout)))

    async def receive_bytes(self, timeout: Limit = "client") -> bytes:
        """Return the next message, which is binary. Raises WebSocketDisconnect if the application has closed."""
        return bytes_of(self._data(await self.receive(timeout)))

    async def receive_json(self, mode: Mode = "text", timeout: Limit = "client") -> Any:
        """Return the next message, parsed. Raises WebSocketDisconnect if the application has closed."""
        return json_of(self._data(await self.receive(timeout)), mode)

    def __aiter__(self) -> Self:
        """Iterate over the data of each message, until the WebSocket is closed."""
        return self

    async def __anext__(self) -> str | bytes:
        try:
            message = self._data(await self.receive())
        except self._client.websocket_disconnect:
            raise StopAsyncIteration from None
        text = message.get("text")
        return bytes_of(message) if text is None else text

    def _data(self, message: Message) -> Message:
        """Return a message of data; raise the disconnect of a close."""
        if message["type"] == "websocket.close":
            raise disconnected(self._client, self.close_code or 1000, self.close_reason or "")
        return message
