"""The body that is read through one `receive`, and who may read it.

Rule: readers that come at once wait for each other or raise RuntimeError; a body is never truncated silently.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from typing import TYPE_CHECKING, Any
from weakref import ref

import anyio

from ._messages import Messages, message_bytes
from ._tasks import asyncio_task
from .exceptions import ClientDisconnect, HTTPException
from .types import Message, Receive

if TYPE_CHECKING:
    from .multidict import FormData

MISSING: Any = object()


class _Unknown:
    """A reader that is not a Request."""


UNKNOWN = ref(_Unknown)
"""The taker of a body whose messages went to something that is not a Request."""


class SharedBody(Messages):
    """The body that every Request over one `receive` reads; `json` and `form` once they are parsed.

    `taker` refers to the Request that has begun to take the body in pieces, `consumed` says that it has the last one.
    `json_codec` is set with `json`: the codec that has read it, None for the standard library.
    """

    __slots__ = (
        "_passing_on",
        "_streaming_task",
        "_streams",
        "body",
        "consumed",
        "form",
        "json",
        "json_codec",
        "taker",
    )

    json_codec: Any

    def __init__(self, receive: Receive) -> None:
        super().__init__(receive)
        self.body: bytes | None = None
        self.json: Any = MISSING
        self.form: FormData | None = None
        # Weak: the Request holds the scope, and the scope this.
        self.taker: ref[Any] | None = None
        self.consumed = False
        self._streams = self._streaming_task = self._passing_on = 0

    @property
    def is_kept(self) -> bool:
        """True if bytes, or a disconnect, have been received but not delivered."""
        return self.taker is None and (self._kept is not None or self._complete or self._disconnected)

    @property
    def is_untouched(self) -> bool:
        """True if nothing was read, and no read is in progress."""
        if self.body is not None or self.taker is not None:
            return False
        return not (self.is_kept or self.exclusive or self._receiving)

    def has_rest_for(self, reader: object, *, late: bool = False) -> bool:
        """Return whether this reader may take what is left; False where another has taken all of it before.

        Raises RuntimeError where the reader itself has taken it, where it went to something that is not a Request,
        where only a part is taken, and, for a `late` reader, wherever it is taken.
        """
        if self.taker is None:
            return True
        if self.consumed:
            if late or self.taker is UNKNOWN or self.is_taken_by(reader):
                raise RuntimeError("Stream consumed")
            return False
        if not self.is_taken_by(reader):
            raise RuntimeError("Stream consumed in part: another reader has begun to take the body")
        if self._streams and self._streaming_task != _current_task():
            raise RuntimeError("Stream consumed in part: another task is streaming the body")
        return True

    def is_taken_by(self, reader: object) -> bool:
        """Return whether this reader has begun to take the body in pieces."""
        return reader is not None and self.taker is not None and self.taker() is reader

    @property
    def is_claimed(self) -> bool:
        """True if another reader streams the body, or is receiving the beginning of it."""
        return self.exclusive or (self._passing_on > 0 and self.taker is None and not self._complete)

    def release(self) -> None:
        """End an exclusive read, and wake those that wait for it."""
        self.exclusive = False
        if self._changed is not None:
            self.wake()

    async def read(self, reader: object, max_size: int | None = None, *, late: bool = False) -> bytes:
        """Return the body, or what the reader's own stream has left of it; a read that fails leaves it to the next.

        Raises ClientDisconnect, HTTPException (413) beyond `max_size` bytes, and what `has_rest_for` raises.
        """
        body = self.body
        if body is None:
            if not self.has_rest_for(reader, late=late):
                return b""
            self.exclusive = True
            try:
                body = await self._receive_rest(max_size)
            finally:
                self.release()
            if self.taker is not None:
                self.consumed = True
                return body
            self.body = body
        if max_size is not None and len(body) > max_size:
            raise HTTPException(413)
        return body

    async def _receive_rest(self, max_size: int | None) -> bytes:
        while not self._complete:
            if self._disconnected:
                raise ClientDisconnect()
            if self._receiving:  # a disconnect poll, which keeps the message
                await self.change()
            else:
                message = await self._receive()
                if message["type"] == "http.request":
                    if self._kept is None and max_size is None and not message.get("more_body", False):
                        return message_bytes(message)  # the usual case: the whole body in one message
                    self._keep(message)
            if max_size is not None and self._kept is not None and self._kept.size > max_size:
                raise HTTPException(413)
        self._end_is_kept = False
        kept, self._kept = self._kept, None
        return b"" if kept is None else kept.join()

    def begin_stream(self, reader: object) -> None:
        """Record the beginning of a stream, so that no other task takes pieces of it."""
        self.taker = ref(reader)
        self._streams += 1
        self._streaming_task = _current_task()

    def end_stream(self) -> None:
        """Record the end of a stream, even if it comes before the end of the body."""
        self._streams -= 1
        self.wake()

    async def next_chunk(self) -> bytes | None:
        """Return the next piece of the body, None at its end; raises ClientDisconnect."""
        while not self.consumed:
            message = await self._next_message()
            if message["type"] == "http.request":
                self.consumed = not message.get("more_body", False)
                if chunk := message_bytes(message):
                    return chunk
            elif message["type"] == "http.disconnect":
                raise ClientDisconnect()
        return None

    def first_chunk(self, reader: object) -> Coroutine[Any, Any, bytes | None]:
        """Begin to take the body in pieces, for a reader that holds it exclusively, and return the first."""
        self.taker = ref(reader)
        return self.next_chunk()

    async def chunks(self, reader: object, first: bytes | None = None) -> AsyncGenerator[bytes, None]:
        """Iterate over the body in pieces, for a reader that holds it exclusively and may have taken the first."""
        if self.body is not None:
            yield self.body
            return
        self.taker = ref(reader)
        if first is not None:
            yield first
        while not self.consumed:
            if (chunk := await self.next_chunk()) is not None:
                yield chunk

    async def take(self) -> Message:
        """Return the next message to a reader that is not a Request, once no Request is reading in another task."""
        while self.exclusive or (self._streams and self._streaming_task != _current_task()):
            await self.change()
        return await self.pass_on()

    async def pass_on(self) -> Message:
        """Return the next message to a reader that is not a Request, even between two pieces of a stream."""
        was_complete = self._complete and not self._end_is_kept
        self._passing_on += 1
        try:
            message = await self._next_message()
        finally:
            self._passing_on -= 1
        # After its end a body has no pieces, whatever a `receive` repeats.
        if message["type"] == "http.request" and not was_complete:
            if self.taker is None:
                self.taker = UNKNOWN
            self.consumed = not message.get("more_body", False)
        return message


def _current_task() -> int:
    task = asyncio_task()
    if task is not None:
        return id(task)
    try:
        return anyio.get_current_task().id
    except RuntimeError:  # a coroutine that runs outside of any event loop
        return 0
