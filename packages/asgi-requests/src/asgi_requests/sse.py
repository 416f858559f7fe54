"""Server-sent events (WHATWG HTML §9.2).

async def ticks():
    for number in range(3):
        yield ServerSentEvent({"tick": number}, id=str(number))

response = EventSourceResponse(ticks())
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._streaming import StreamingResponse
from .background import BackgroundTask
from .responses import JSONResponse
from .types import Scope

# A browser ends a line at these alone: U+2028 and the others of str.splitlines() belong to the text.
_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADERS = (("cache-control", "no-store"), ("x-accel-buffering", "no"), ("incremental", "?1"))


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """An event: `data` is text, or what JSON can hold; None sends no data, and a browser dispatches nothing.

    `retry` is in milliseconds. Raises ValueError for a line end or NUL in `event` or `id`, and a negative `retry`.
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and any(char in value for char in "\r\n\0"):
                raise ValueError(f"{name}={value!r}: a line end or NUL cannot be sent in this field")
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"retry={self.retry!r}: a whole number of milliseconds, 0 or more")

    def encode(self) -> bytes:
        """Return the event as it is sent, with the empty line that ends it."""
        lines = [] if self.comment is None else [f": {line}" for line in _LINE_END.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        head = "".join([f"{line}\n" for line in lines]).encode("utf-8", "replace")
        return head + (b"\n" if self.data is None else _data(self.data))


class EventSourceResponse(StreamingResponse):
    """A stream of events from an iterable of ServerSentEvent, str, or values that JSON can hold.

    Bytes go out as they are. It ends when the client leaves or a drained server stops; the iterator is closed.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, None, background)
        for name, value in _HEADERS:
            self.headers.setdefault(name, value)

    def _encode(self, chunk: object) -> bytes:
        if isinstance(chunk, ServerSentEvent):
            return chunk.encode()
        return bytes(chunk) if isinstance(chunk, bytes | bytearray | memoryview) else _data(chunk)


def last_event_id(scope: Scope) -> str | None:
    """Return the id of the last event that a reconnecting client has seen, or None."""
    for name, value in scope["headers"]:
        if name.lower() == b"last-event-id":
            return bytes(value).decode("utf-8", "replace")
    return None


def _data(content: object) -> bytes:
    if not isinstance(content, str):
        return b"data: %b\n\n" % JSONResponse(content).body
    text = _LINE_END.sub("\ndata: ", content) if "\n" in content or "\r" in content else content
    return f"data: {text}\n\n".encode("utf-8", "replace")
