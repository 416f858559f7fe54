"""The iteration over the parts of a body, and its limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from .._multipart import Feed
from .._urlencoded import FormTooLarge, close_stream
from ..exceptions import HTTPException
from ..headers import Headers
from ._events import BODY_END, PART_END, Event, PartBegin, PartEvents, Piece
from .part import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLimits:
    """The limits of a streamed multipart body; sizes are in bytes, None disables a limit.

    `max_part_size` is for the content of any part, read or skipped; `max_header_size` for one header of a part, of
    which there may be eight; `max_size` for the whole body.
    """

    max_parts: int | float = 1000
    max_part_size: int | None = None
    max_header_size: int | None = None
    max_size: int | None = None


class PartReader:
    """The parts of a multipart/form-data body, each to be read in its turn; what is not read of it is skipped.

    Raises HTTPException (415) for another media type, MultiPartException (400) for a body that is malformed or cut
    short, FormTooLarge (413) for one beyond a limit, each once the parts before are taken; and what the stream raises:
    ClientDisconnect, or RuntimeError where the body has been taken. Enter it with `async with` to leave the loop early.
    """

    def __init__(self, headers: Headers, stream: AsyncIterator[bytes], limits: PartLimits | None = None) -> None:
        self.headers = headers
        self.limits = limits = limits or PartLimits()
        self._stream = stream
        self._feed: Feed | None = None
        self._events = PartEvents(limits.max_parts, limits.max_part_size)
        self._queue = self._events.queue
        self._max_size = float("inf") if limits.max_size is None else limits.max_size
        self._received = 0
        self._turn = 0
        self._within_part = False
        # A message: an exception that is kept would keep the frames it was raised through.
        self._failure = ""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        """Return the next part, after what has not been read of the last one."""
        self._turn += 1
        while True:
            event = await self._next_event()
            if isinstance(event, PartBegin):
                self._within_part = True
                return Part(self, self._turn, event)
            if event is BODY_END:
                # Kept, so that a second iteration ends, too.
                self._queue.append(event)
                raise StopAsyncIteration

    async def aclose(self) -> None:
        """Leave the rest of the body: neither a part nor the iteration can be read on."""
        self._failure = self._failure or "The parts are closed"
        self._queue.clear()
        await close_stream(self._stream)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def codec(self) -> str:
        """The codec of the text of the form."""
        return self._events._codec

    async def next_piece(self, part: Part) -> Piece | None:
        """Return the next piece of a part, None at its end; raises RuntimeError if it is not the part's turn."""
        if part.turn != self._turn:
            raise RuntimeError(f"The turn of part {part.name!r} is over: read it before the iteration goes on")
        if not self._within_part:
            return None
        event = await self._next_event()
        if event is PART_END:
            self._within_part = False
            return None
        return event  # type: ignore[return-value]

    async def _next_event(self) -> Event:
        queue = self._queue
        while not queue:
            if self._failure:
                raise RuntimeError(self._failure)
            await self._receive()
        event = queue.popleft()
        if isinstance(event, Exception):
            self._failure = f"The parts have failed before: {event!r}"
            await close_stream(self._stream)
            try:
                raise event
            finally:
                # Avoid a reference cycle through the traceback.
                del event
        return event

    async def _receive(self) -> None:
        """Parse the next chunk of the body; what it raises comes after the events before it."""
        try:
            if self._feed is None:
                self._feed = self._begin()
            chunk = await self._next_chunk()
            if chunk is None:
                self._feed.finish()
                self._queue.append(BODY_END)
                return
            self._received += len(chunk)
            excess = self._received - self._max_size
            if excess > 0:
                # Parts that end within the limit are given before the exception.
                self._feed.write(chunk[: int(-excess)])
                raise self._beyond()
            self._feed.write(chunk)
        except Exception as exc:
            self._queue.append(exc)

    def _begin(self) -> Feed:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
        if content_type != "multipart/form-data":
            raise HTTPException(415, f"Expected multipart/form-data, not {content_type or 'a body without a type'}.")
        length = self.headers.get("content-length", "")
        # int() raises for thousands of digits; whatever is sent behind such a length is counted as it arrives.
        if len(length) < 20 and length.isdecimal() and int(length) > self._max_size:
            raise self._beyond()
        return Feed(self.headers, self._events, self.limits.max_header_size)

    async def _next_chunk(self) -> bytes | None:
        try:
            return await anext(self._stream)
        except StopAsyncIteration:
            return None
        except Exception:
            raise
        except BaseException:
            # A generator that has been cancelled is at its end, which must not pass for that of the body.
            self._failure = "Stream consumed in part: a read was cancelled"
            raise

    def _beyond(self) -> FormTooLarge:
        return FormTooLarge(f"Form exceeded maximum size of {int(self._max_size / 1024)}KB.")
