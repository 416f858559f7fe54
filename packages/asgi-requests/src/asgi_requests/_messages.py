"""The messages of one `receive`, taken one at a time, and the bytes that have arrived before their reader asks.

Rule: only this file calls the `receive` of a request, and never while an earlier call of it is pending. Bytes that
arrive without being delivered (a disconnect poll, a read that fails or is cancelled) are kept for the next reader.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import MethodType
from typing import Any
from weakref import ref

import anyio

from ._arrival import arrives
from ._chunks import Chunks
from .types import Message, Receive

# How far a disconnect poll may read ahead of the body's reader: in bytes, and in messages, which may be empty.
_BYTES_AHEAD = 65536
_MESSAGES_AHEAD = 256


class Messages:
    """The messages of one `receive`; `exclusive` while one reader takes all of them to the end of the body."""

    __slots__ = (
        "_changed",
        "_complete",
        "_disconnected",
        "_end_is_kept",
        "_function",
        "_kept",
        "_messages_ahead",
        "_receiving",
        "_source",
        "exclusive",
    )

    def __init__(self, receive: Receive) -> None:
        self.exclusive = False
        self._receiving = self._complete = self._end_is_kept = self._disconnected = False
        self._messages_ahead = 0
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
        """Return whether this was read through `receive`; bound methods are compared with `==`."""
        if type(receive) is MethodType:
            return self._function is receive.__func__ and self._source() is receive.__self__
        return self._function is None and bool(self._source() == receive)

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

    def _next_message(self) -> Coroutine[Any, Any, Message]:
        if self._kept is None and not (self._end_is_kept or self._disconnected or self._receiving):
            self._messages_ahead = 0
            return self._receive()
        return self._next_kept()

    async def _next_kept(self) -> Message:
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
        was_complete = self._complete
        self._keep_ahead(await self._receive(), was_complete)

    def _keep_ahead(self, message: Message, was_complete: bool) -> None:
        """Keep a message for its reader; no reader takes one that comes after the end of the body."""
        self._messages_ahead += 1
        if message["type"] == "http.request" and not was_complete:
            self._keep(message)

    def _keep(self, message: Message) -> None:
        if chunk := message_bytes(message):
            if self._kept is None:
                self._kept = Chunks()
            self._kept.append(chunk)
        self._end_is_kept = self._complete

    async def disconnected(self) -> bool:
        """Return whether the client has left, as far as the messages show that have arrived; they are kept."""
        while not (self._disconnected or self._is_busy() or self._is_ahead()):
            was_complete = self._complete
            # Only a disconnect can follow the end of the body; a `receive` that repeats the end would never be done.
            if not await arrives(self._keep_next) or was_complete:
                break
        return self._disconnected

    async def wait_for_disconnect(self) -> bool:
        """Wait for the client to leave, keeping what it sends meanwhile; False if `receive` will never report it."""
        while not self._disconnected:
            if self._is_busy() or self._is_ahead():
                await self.change()
                continue
            was_complete = self._complete
            self._keep_ahead(await self._receive(), was_complete)
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


def message_bytes(message: Message) -> bytes:
    """Return the body of a message, which may be a bytearray or memoryview; raises TypeError for other types."""
    body = message.get("body", b"")
    return body if type(body) is bytes else bytes(memoryview(body))
