# Generated from _clients/_async/messages.py by `hatch run unasync`: edit that file.
# fmt: off
"""The messages of a WebSocket as text, bytes and JSON, whatever carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from ...types import Message
from ..session import Limit, Mode, bytes_of, disconnected, framed, json_of, text_of

__tracebackhide__ = True  # pytest shows the code of its reader instead


class Messages(ABC):
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
    def send(self, message: Message) -> None:
        """Send a raw message."""

    @abstractmethod
    def receive(self, timeout: Limit = "client") -> Message:
        """Return the next raw message."""

    def send_text(self, data: str) -> None:
        """Send a text message."""
        self.send({"type": "websocket.receive", "text": data})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self.send({"type": "websocket.receive", "bytes": data})

    def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, as text or as bytes."""
        self.send(framed(data, mode))

    def receive_text(self, timeout: Limit = "client") -> str:
        """Return the next message, which is text. Raises WebSocketDisconnect if the application has closed."""
        return text_of(self._data(self.receive(timeout)))

    def receive_bytes(self, timeout: Limit = "client") -> bytes:
        """Return the next message, which is binary. Raises WebSocketDisconnect if the application has closed."""
        return bytes_of(self._data(self.receive(timeout)))

    def receive_json(self, mode: Mode = "text", timeout: Limit = "client") -> Any:
        """Return the next message, parsed. Raises WebSocketDisconnect if the application has closed."""
        return json_of(self._data(self.receive(timeout)), mode)

    def __iter__(self) -> Self:
        """Iterate over the data of each message, until the WebSocket is closed."""
        return self

    def __next__(self) -> str | bytes:
        try:
            message = self._data(self.receive())
        except self._client.websocket_disconnect:
            raise StopIteration from None
        text = message.get("text")
        return bytes_of(message) if text is None else text

    def _data(self, message: Message) -> Message:
        """Return a message of data; raise the disconnect of a close."""
        if message["type"] == "websocket.close":
            raise disconnected(self._client, self.close_code or 1000, self.close_reason or "")
        return message
