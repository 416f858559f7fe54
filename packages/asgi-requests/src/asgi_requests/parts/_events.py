"""The callbacks of a body's parts, kept as events until the reader asks for them."""

from __future__ import annotations

from collections import deque

from .._multipart import PartCallbacks
from .._urlencoded import FormTooLarge


class PartBegin:
    """The head of a part; `size` is what of its content has been parsed, in bytes."""

    __slots__ = ("content_disposition", "filename", "item_headers", "name", "size")

    def __init__(self) -> None:
        self.content_disposition: bytes | None = None
        self.item_headers: list[tuple[bytes, bytes]] = []
        self.name = ""
        self.filename: str | None = None
        self.size = 0


# A piece of content: the chunk that it is in, and where. It is cut out of the chunk only if it is read.
Piece = tuple[bytes, int, int]


class PartEnd:
    """The end of a part."""


class BodyEnd:
    """The end of the body."""


Event = PartBegin | Piece | PartEnd | BodyEnd | Exception

PART_END = PartEnd()
BODY_END = BodyEnd()


class PartEvents(PartCallbacks):
    """Events in the order of the body; raises FormTooLarge for a part too many, or one that is too large."""

    _part: PartBegin

    def __init__(self, max_parts: int | float, max_part_size: int | None) -> None:
        super().__init__()
        self.queue: deque[Event] = deque()
        self._max_parts = max_parts
        self._max_part_size = max_part_size
        self._count = 0

    def on_part_begin(self) -> None:
        """Begin a part."""
        self._part = PartBegin()

    def on_headers_finished(self) -> None:
        """Count the part, and add its head."""
        part = self._part
        part.name, part.filename = self._names()
        self._count += 1
        if self._count > self._max_parts:
            raise FormTooLarge(f"Too many parts. Maximum number of parts is {self._max_parts}.")
        self.queue.append(part)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Add a piece of the part's content."""
        self._part.size += end - start
        if self._max_part_size is not None and self._part.size > self._max_part_size:
            raise too_large(self._max_part_size)
        self.queue.append((data, start, end))

    def on_part_end(self) -> None:
        """Add the end of the part."""
        self.queue.append(PART_END)


def too_large(max_size: int) -> FormTooLarge:
    """Return the exception for a part beyond its limit."""
    return FormTooLarge(f"Part exceeded maximum size of {max_size // 1024}KB.")
