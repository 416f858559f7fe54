"""One part of a multipart body, read while it arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from .._charset import decode_text
from .._chunks import Chunks
from .._filename import safe_filename
from ..headers import Headers
from ._events import PartBegin, too_large
from ._saving import Hash, abort, begin_hash, complete, report, update, write
from .sinks import Sink

if TYPE_CHECKING:
    from .reader import PartReader


@dataclass(frozen=True, slots=True)
class SavedPart:
    """The size of a part that was saved, in bytes, and the hexadecimal digest of its content if one was asked for."""

    size: int
    hexdigest: str | None = None


class Part:
    """A field or a file of a form, read once and in its turn, before the iteration goes on to the next.

    `filename` is None for a field. As the client sent it it may be `../../etc/passwd` and must never become part of a
    path; `safe_filename` may. `async for chunk in part` gives its content in the pieces that arrive.
    """

    __slots__ = ("_is_read", "_reader", "filename", "headers", "name", "turn")

    def __init__(self, reader: PartReader, turn: int, begin: PartBegin) -> None:
        self.name = begin.name
        self.filename = begin.filename
        self.headers = Headers(raw=begin.item_headers)
        self.turn = turn
        self._reader = reader
        self._is_read = False

    @property
    def content_type(self) -> str | None:
        """The media type that the client claims, if any."""
        content_type: str | None = self.headers.get("content-type")
        return content_type

    @property
    def safe_filename(self) -> str:
        """The file name as one harmless path segment of at most 255 bytes; `file` if nothing of it remains."""
        return safe_filename(self.filename)

    def __aiter__(self) -> Self:
        """Return itself; raises RuntimeError where the part has been read to its end."""
        if self._is_read:
            raise RuntimeError(f"Part {self.name!r} has been read")
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk; raises what the reader raises, and RuntimeError after the part's turn."""
        piece = await self._reader.next_piece(self)
        if piece is None:
            self._is_read = True
            raise StopAsyncIteration
        data, start, end = piece
        return data[start:end]

    async def read(self, max_size: int | None = 1024 * 1024) -> bytes:
        """Return the content, or what is left of it; raises FormTooLarge (413) for more than `max_size` bytes."""
        kept = Chunks()
        async for chunk in self:
            # Before it is kept: the limit is one of memory.
            if max_size is not None and kept.size + len(chunk) > max_size:
                raise too_large(max_size)
            kept.append(chunk)
        return kept.join()

    async def text(self, max_size: int | None = 1024 * 1024) -> str:
        """Return the content as `form()` decodes a field: in the form's charset, otherwise as latin-1."""
        return decode_text(await self.read(max_size), self._reader.codec)

    async def save(
        self,
        sink: Sink,
        *,
        hash: str | Hash | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> SavedPart:
        """Write what is left of the content to a sink, each chunk before the next is received, and complete the sink.

        `hash` is a name known to hashlib, or an object with `update`. `progress` is called with the number of bytes
        written, after each chunk, and awaited if it is asynchronous. Whatever stops the part before its end, a client
        that leaves and a cancellation included, aborts the sink and is raised.
        """
        hasher = begin_hash(hash)
        size = 0
        try:
            async for chunk in self:
                await write(sink, chunk)
                size += len(chunk)
                if hasher is not None:
                    await update(hasher, chunk)
                if progress is not None:
                    await report(progress, size)
            await complete(sink)
        # A cancellation too: half a file under its final name would pass for a whole one.
        except BaseException as exc:
            await abort(sink, exc)
            raise
        return SavedPart(size, hasher.hexdigest() if hasher is not None and hasattr(hasher, "hexdigest") else None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, filename={self.filename!r}, headers={self.headers!r})"
