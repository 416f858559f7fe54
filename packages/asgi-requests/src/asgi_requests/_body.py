"""What has been read through one `receive`: the body, and bytes received but not yet delivered.

Rule: only this file calls the `receive` of a request, and never while an earlier call of it is pending. Bytes that
arrive without being delivered (a disconnect poll, a read that fails or is cancelled) are kept for the next reader.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from types import MethodType
from typing import TYPE_CHECKING, Any
from weakref import ref

import anyio

from ._arrival import arrives
from ._chunks import Chunks
from ._threads import asyncio_task
from .exceptions import ClientDisconnect, HTTPException
from .types import Message, Receive

if TYPE_CHECKING:
    from .multidict import FormData

MISSING: Any = object()
UNKNOWN: Any = object()
"""The taker of a body whose messages went to something that is not a Request."""

# How far a disconnect poll may read ahead of the body's reader: in bytes, and in messages, which may be empty.
_BYTES_AHEAD = 65536
_MESSAGES_AHEAD = 256


class SharedBody:
    """The body that every Request over one `receive` reads; `json` and `form` once they are parsed.

    `taker` is the Request that has begun to take the body in pieces, `consumed` whether it has the last one.
    """

    __slots__ = (
        "_changed",
        "_complete",
        "_disconnected",
        "_end_is_kept",
        "_function",
        "_kept",
        "_messages_ahead",
        "_passing_on",
        "_receiving",
        "_source",
        "_streaming_task",
        "_streams",
        "body",
        "consumed",
        "exclusive",
        "form",
        "json",
        "taker",
    )

    def __init__(self, receive: Receive) -> None:
        self.body: bytes | None = None
        self.json: Any = MISSING
        self.form: FormData | None = None
        self.taker: object | None = None
        self.consumed = self.exclusive = False
        self._streams = self._streaming_task = self._passing_on = self._messages_ahead = 0
        self._receiving = self._complete = self._end_is_kept = self._disconnected = False
        # None or not empty: most bodies are never kept.
        self._kept: Chunks | None = None
        self._changed: anyio.Event | None = None
        # Held weakly: the object behind a server's `receive` often holds the scope, and the scope holds this.
        self._function: Any = None
        if type(receive) is MethodType:
            self._function = receive.__func__
            self._source = _reference(receive.__self__)
        else:
            self._source = _reference(receive)

    def is_over(self, receive: Receive) -> bool:
        """Return whether this was read through `receive`; two bound methods are the same as `==` has it."""
        if type(receive) is MethodType:
            return self._function is receive.__func__ and self._source() is receive.__self__
        return self._function is None and bool(self._source() == receive)

    # State

    @property
    def is_kept(self) -> bool:
        """Whether bytes, or news of the client, have been received and not been delivered."""
        return self.taker is None and (self._kept is not None or self._complete or self._disconnected)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was read, and no read is under way."""
        if self.body is not None or self.taker is not None:
            return False
        return not (self.is_kept or self.exclusive or self._receiving)

    def has_rest_for(self, reader: object, *, late: bool = False) -> bool:
        """Return whether this reader may take what is left; False where another has taken all of it before.

        Raises RuntimeError where the reader itself has taken it, where it went to something that is not a Request,
        where only a part is taken, and, for a `late` reader, wherever it is taken.
        """
        taker = self.taker
        if taker is None:
            return True
        if self.consumed:
            if late or taker is reader or taker is UNKNOWN:
                raise RuntimeError("Stream consumed")
            return False
        if taker is not reader:
            raise RuntimeError("Stream consumed in part: another reader has begun to take the body")
        if self._streams and self._streaming_task != _current_task():
            raise RuntimeError("Stream consumed in part: another task is streaming the body")
        return True

    # Waiting

    async def change(self) -> None:
        """Wait until a message has been received, or a read has ended."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def wake(self) -> None:
        """Wake everyone who waits for a change."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    @property
    def is_claimed(self) -> bool:
        """Whether the beginning of the body is under way to another reader, or the whole of it."""
        return self.exclusive or (self._passing_on > 0 and self.taker is None and not self._complete)

    def release(self) -> None:
        """End a read to the end."""
        self.exclusive = False
        if self._changed is not None:
            self.wake()

    # Reading

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
                        return _bytes(message)  # the usual case: the whole body in one message
                    self._keep(message)
            if max_size is not None and self._kept is not None and self._kept.size > max_size:
                raise HTTPException(413)
        self._end_is_kept = False
        kept, self._kept = self._kept, None
        return b"" if kept is None else kept.join()

    def begin_stream(self, reader: object) -> None:
        """Note a stream, so that no other task takes pieces of it."""
        self.taker = reader
        self._streams += 1
        self._streaming_task = _current_task()

    def end_stream(self) -> None:
        """Note the end of a stream, be it before the end of the body."""
        self._streams -= 1
        self.wake()

    async def next_chunk(self) -> bytes | None:
        """Return the next piece of the body, None at its end; raises ClientDisconnect."""
        while not self.consumed:
            message = await self._next_message()
            if message["type"] == "http.request":
                self.consumed = not message.get("more_body", False)
                if chunk := _bytes(message):
                    return chunk
            elif message["type"] == "http.disconnect":
                raise ClientDisconnect()
        return None

    async def chunks(self, reader: object) -> AsyncGenerator[bytes, None]:
        """Iterate over the body in pieces, for a reader that holds it exclusively."""
        if self.body is not None:
            yield self.body
            return
        self.taker = reader
        while (chunk := await self.next_chunk()) is not None:
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

    async def _next_message(self) -> Message:
        while self._kept is None and not self._end_is_kept:
            if self._disconnected:
                return {"type": "http.disconnect"}
            if not self._receiving:
                self._messages_ahead = 0
                return await self._receive()
            await self.change()
        chunk = b""
        if self._kept is not None:
            chunk = self._kept.popleft()
            self._kept = self._kept if self._kept.size else None
        if self._kept is None:
            self._messages_ahead = 0
        if more := self._kept is not None or not self._complete:
            self.wake()
        else:
            self._end_is_kept = False
        return {"type": "http.request", "body": chunk, "more_body": more}

    async def _receive(self) -> Message:
        source = self._source()
        if source is None:
            raise RuntimeError("Stream consumed in part: the receive that gave it is gone")
        receive: Receive = source if self._function is None else MethodType(self._function, source)
        self._receiving = True
        try:
            message = await receive()
        finally:
            self._receiving = False
            if self._changed is not None:
                self.wake()
        if message["type"] == "http.request":
            if not message.get("more_body", False):
                self._complete = True
        elif message["type"] == "http.disconnect":
            self._disconnected = True
        return message

    async def _keep_next(self) -> None:
        """Keep the next message for its reader; one that comes after the end of the body has none."""
        was_complete = self._complete
        message = await self._receive()
        if message["type"] == "http.request" and not was_complete:
            self._keep(message)

    def _keep(self, message: Message) -> None:
        if chunk := _bytes(message):
            if self._kept is None:
                self._kept = Chunks()
            self._kept.append(chunk)
        self._end_is_kept = self._complete

    # Disconnects

    async def disconnected(self) -> bool:
        """Return whether the client has left, as far as the messages that have arrived tell; they are kept."""
        while not (self._disconnected or self._is_busy() or self._is_ahead()):
            was_complete = self._complete
            self._messages_ahead += 1
            # Only a disconnect can follow the end of the body; a `receive` that repeats the end would never be done.
            if not await arrives(self._keep_next) or was_complete:
                break
        return self._disconnected

    async def wait_for_disconnect(self) -> bool:
        """Wait for the client to leave, keeping what it sends meanwhile; False if `receive` will never say so."""
        while not self._disconnected:
            if self._is_busy() or self._is_ahead():
                await self.change()
                continue
            was_complete = self._complete
            self._messages_ahead += 1
            await self._keep_next()
            if was_complete:
                break
        return self._disconnected

    def _is_busy(self) -> bool:
        return self._receiving or self.exclusive

    def _is_ahead(self) -> bool:
        if self._complete:
            return False
        kept = 0 if self._kept is None else self._kept.size
        return kept >= _BYTES_AHEAD or self._messages_ahead >= _MESSAGES_AHEAD


def _reference(source: Any) -> Callable[[], Any]:
    try:
        return ref(source)
    except TypeError:
        return lambda: source


def _bytes(message: Message) -> bytes:
    """Return the body of a message, which may be a bytearray or memoryview; raises TypeError for other types."""
    body = message.get("body", b"")
    return body if type(body) is bytes else bytes(memoryview(body))


def _current_task() -> int:
    task = asyncio_task()
    if task is not None:
        return id(task)
    try:
        return anyio.get_current_task().id
    except RuntimeError:  # a coroutine that runs outside of any event loop
        return 0
