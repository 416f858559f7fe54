"""One body, many readers: what has been read of a request's body, kept where every Request over its scope finds it.

Rule: only this file decides whether a message still has to be delivered. Whoever takes a message from the server
without delivering it (a look for a disconnect, a read that was cancelled) keeps it here for the next reader.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import anyio
import anyio.lowlevel

from ._types import Message, Receive, Scope
from .exceptions import ClientDisconnect, HTTPException

BODY_KEY = "asgi_requests.body"
MISSING: Any = object()

# How much of a body a look for a disconnect may take in ahead of its reader, in bytes.
_READ_AHEAD = 65536
# Turns of the event loop a `receive` has to hand over a message that is already there.
_TURNS = 3


class SharedBody:
    """The body, JSON and form once read, and the messages that were received and not yet delivered."""

    body: bytes | None = None
    json: Any = MISSING
    form: Any = None
    busy = False
    streamed = False
    consumed = False
    complete = False
    disconnected = False
    _kept: deque[Message] | None = None
    _kept_size = 0
    _freed: anyio.Event | None = None

    async def message(self, receive: Receive) -> Message:
        """The next message: one that was kept, a disconnect that was seen before, or a fresh one."""
        if self._kept:
            message = self._kept.popleft()
            self._kept_size -= _size(message)
            return message
        if self.disconnected:
            return {"type": "http.disconnect"}
        return self._note(await receive())

    async def read(self, receive: Receive, max_size: int | None = None) -> bytes:
        """The whole body; a read that fails or is cancelled loses nothing.

        Raises ClientDisconnect, RuntimeError if a stream has taken it, HTTPException (413) beyond `max_size`.
        """
        while self.busy:
            await self.turn()
        if self.body is None:
            self.check_untouched()
            self.busy = True
            chunks: list[bytes] = []
            try:
                await self._collect(receive, chunks, max_size)
            except BaseException:
                if chunks:
                    self._keep({"type": "http.request", "body": b"".join(chunks), "more_body": True}, first=True)
                raise
            finally:
                self.free()
            self.body = b"".join(chunks)
        elif max_size is not None and len(self.body) > max_size:
            raise HTTPException(413)
        return self.body

    async def _collect(self, receive: Receive, chunks: list[bytes], max_size: int | None) -> None:
        size = 0
        while True:
            message = await self.message(receive)
            kind = message["type"]
            if kind == "http.request":
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if max_size is not None and size > max_size:
                    raise HTTPException(413)
                if not message.get("more_body", False):
                    return
            elif kind == "http.disconnect":
                raise ClientDisconnect()

    def check_untouched(self) -> None:
        """Raise RuntimeError where a stream has taken the body, or a part of it."""
        if self.consumed:
            raise RuntimeError("Stream consumed")
        if self.streamed:
            raise RuntimeError("Stream consumed in part: another request over this scope has begun to stream the body")

    async def turn(self) -> None:
        """Wait until the task that reads has ended or failed."""
        if self._freed is None:
            self._freed = anyio.Event()
        await self._freed.wait()

    def free(self) -> None:
        """End a read, and wake those who wait for it."""
        self.busy = False
        if self._freed is not None:
            self._freed.set()
            self._freed = None

    async def look(self, receive: Receive) -> bool:
        """Whether the client has left, as far as what has already arrived tells; keeps the chunks it comes upon."""
        while not self.disconnected and not self.busy and (self.complete or self._kept_size < _READ_AHEAD):
            if not await self._peek(receive):
                break
        return self.disconnected

    async def _peek(self, receive: Receive) -> bool:
        """Keep the next message if it has arrived; false if none has."""
        arrived = False
        failure: BaseException | None = None

        async def give_up() -> None:
            for _ in range(_TURNS):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

        self.busy = True
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(give_up)
                try:
                    self._keep(self._note(await receive()))
                    arrived = True
                except Exception as exc:
                    failure = exc
                tasks.cancel_scope.cancel()
        finally:
            self.free()
        if failure is not None:
            raise failure
        return arrived

    def _note(self, message: Message) -> Message:
        if message["type"] == "http.disconnect":
            self.disconnected = True
        elif not message.get("more_body", False):
            self.complete = True
        return message

    def _keep(self, message: Message, *, first: bool = False) -> None:
        if message["type"] == "http.disconnect":
            return
        if self._kept is None:
            self._kept = deque()
        (self._kept.appendleft if first else self._kept.append)(message)
        self._kept_size += _size(message)


def shared_body(scope: Scope) -> SharedBody:
    """The holder of this scope, made when first asked for."""
    shared: SharedBody | None = scope.get(BODY_KEY)
    if shared is None:
        shared = scope[BODY_KEY] = SharedBody()
    return shared


class Replay:
    """A receive that hands out a body, then what the real one has to say."""

    __slots__ = ("_body", "_receive")

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _size(message: Message) -> int:
    return len(message.get("body", b"")) + 1
