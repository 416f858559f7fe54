"""One body, many readers: what has been read of a request's body, kept where every Request over its scope finds it.

Rule: only this file decides whether a message still has to be delivered. Whoever takes a message from the server
without delivering it (a look for a disconnect, a read that fails or is cancelled) leaves it here for the next reader,
and while one task waits for a message, the others wait for that task.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anyio

from ._threads import asyncio_task
from .exceptions import ClientDisconnect, HTTPException
from .types import Message, Receive, Scope

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from .multidict import FormData

BODY_KEY = "asgi_requests.body"
MISSING: Any = object()

# How much of a body a look for a disconnect takes in ahead of its reader, in bytes.
_READ_AHEAD = 65536
# A `receive` has this many turns of the event loop to hand over a message that is there already.
_TURNS = 3


class SharedBody:
    """The body, JSON and form once they are read, and the messages received but not yet delivered.

    `reading` is who reads to the end, `streamed` once a stream has begun, `consumed` once it has ended.
    """

    __slots__ = (
        "_changed",
        "_complete",
        "_disconnected",
        "_kept",
        "_kept_size",
        "_looker",
        "_receiving",
        "body",
        "consumed",
        "form",
        "json",
        "reading",
        "streamed",
    )

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.json: Any = MISSING
        self.form: FormData | None = None
        self.reading: object | None = None
        self.streamed = self.consumed = False
        self._receiving = self._complete = self._disconnected = False
        self._looker: int | None = None
        self._kept: deque[Message] | None = None
        self._kept_size = 0
        self._changed: anyio.Event | None = None

    async def message(self, receive: Receive) -> Message:
        """The next message: one that was kept, the disconnect if it was seen, or a fresh one."""
        if self._looker is not None and await self._asked_by_looker():
            return await receive()
        if self._kept:
            message = self._kept.popleft()
            self._kept_size -= _weight(message)
            self.wake()
            return message
        if self._disconnected:
            return {"type": "http.disconnect"}
        return await self._fresh(receive)

    async def hand_out(self, receive: Receive) -> Message:
        """The next message for a reader that is no Request: what it takes, no Request will see."""
        message = await self.message(receive)
        if message["type"] == "http.request" and self.reading is None and self._looker is None:
            self.streamed = True
            self.consumed = not message.get("more_body", False)
        return message

    async def _asked_by_looker(self) -> bool:
        """Whether the one who looks asks here, through a `receive` of its own; others wait for what it comes upon."""
        task = anyio.get_current_task().id
        while self._looker is not None and not self._kept and self._looker != task:
            await self.change()
        return self._looker == task

    async def _fresh(self, receive: Receive) -> Message:
        self._receiving = True
        try:
            message = await receive()
        finally:
            self._receiving = False
            self.wake()
        if message["type"] == "http.disconnect":
            self._disconnected = True
        elif not message.get("more_body", False):
            self._complete = True
        return message

    async def read(self, receive: Receive, max_size: int | None = None) -> bytes:
        """The whole body; a read that fails or is cancelled leaves all of it to the next.

        Raises ClientDisconnect, HTTPException (413) beyond `max_size`, RuntimeError where a stream has taken it.
        """
        while self.reading is not None:
            await self.change()
        if self.body is None:
            if self.streamed:
                self.refuse_streamed()
            self.reading = self
            body, taken, more = b"", [], True
            try:
                while more:
                    at_hand = self._kept or self._looker is not None or self._disconnected
                    message = await (self.message(receive) if at_hand else receive())
                    if message["type"] == "http.request":
                        taken.append(message)
                        body = message.get("body", b"")
                        more = message.get("more_body", False)
                        if not more:
                            self._complete = True
                        if max_size is not None and (max_size := max_size - len(body)) < 0:
                            raise HTTPException(413)
                    elif message["type"] == "http.disconnect":
                        self._disconnected = True
                        raise ClientDisconnect()
            except BaseException:
                self._put_back(taken)
                raise
            finally:
                self.reading = None
                if self._changed is not None:
                    self.wake()
            self.body = body if len(taken) == 1 else b"".join([m.get("body", b"") for m in taken])
            return self.body
        if max_size is not None and len(self.body) > max_size:
            raise HTTPException(413)
        return self.body

    def refuse_streamed(self) -> None:
        """Raise RuntimeError where a stream has taken the body, or has begun to."""
        if self.consumed:
            raise RuntimeError("Stream consumed")
        if self.streamed:
            raise RuntimeError("Stream consumed in part: a stream over this scope has begun to take the body")

    async def change(self) -> None:
        """Wait until a read ends or a message is taken, or given up."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def wake(self) -> None:
        """Wake those who wait for a change."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def disconnected(self, receive: Receive) -> bool:
        """Whether the client has left, as far as the messages tell that have arrived; they are kept."""
        while not (self._disconnected or self._is_busy() or self._is_ahead()):
            complete = self._complete
            # What follows the last chunk can only be a disconnect; a `receive` that repeats itself is not heard out.
            if not await self._keep_arrived(receive) or complete:
                break
        return self._disconnected

    async def wait_for_disconnect(self, receive: Receive) -> bool:
        """Wait for the client to leave, keeping what it sends meanwhile; false if `receive` will never tell."""
        while not self._disconnected:
            if self._is_busy() or self._is_ahead():
                await self.change()
            else:
                complete = self._complete
                await self._keep_next(receive)
                if complete:
                    break
        return self._disconnected

    def _is_busy(self) -> bool:
        return self._receiving or self.reading is not None

    def _is_ahead(self) -> bool:
        return self._kept_size >= _READ_AHEAD and not self._complete

    async def _keep_next(self, receive: Receive) -> None:
        """Leave the next message to its reader; what comes after the last chunk has none."""
        complete = self._complete
        self._looker = anyio.get_current_task().id
        try:
            message = await self._fresh(receive)
        finally:
            self._looker = None
        if message["type"] == "http.request" and not complete:
            if self._kept is None:
                self._kept = deque()
            self._kept.append(message)
            self._kept_size += _weight(message)

    async def _keep_arrived(self, receive: Receive) -> bool:
        """Keep the next message if it is there; the wait for one that is not is cancelled."""
        task = asyncio_task()
        if task is None:
            return await self._keep_arrived_on_trio(receive)
        with anyio.CancelScope() as scope:
            _cancel_later(task.get_loop(), scope, _TURNS)
            await self._keep_next(receive)
            return True
        return False

    async def _keep_arrived_on_trio(self, receive: Receive) -> bool:
        arrived = False
        failure: Exception | None = None

        async def give_up() -> None:
            for _ in range(_TURNS):
                await anyio.sleep(0)  # noqa: ASYNC115 - anyio.lowlevel takes 3 ms to import
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up)
            try:
                await self._keep_next(receive)
                arrived = True
            except Exception as exc:
                # Kept out of the group, which would wrap it.
                failure = exc
            tasks.cancel_scope.cancel()
        if failure is not None:
            try:
                raise failure
            finally:
                # Its traceback holds this frame: no cycle is to remain.
                failure = None
        return arrived

    def _put_back(self, messages: list[Message]) -> None:
        self._kept = deque((*messages, *(self._kept or ())))
        self._kept_size += sum(map(_weight, messages))


def shared_body(scope: Scope) -> SharedBody:
    """The holder of this scope, made when it is first asked for."""
    shared: SharedBody | None = scope.get(BODY_KEY)
    if shared is None:
        shared = scope[BODY_KEY] = SharedBody()
    return shared


def _cancel_later(loop: AbstractEventLoop, scope: anyio.CancelScope, turns: int) -> None:
    if turns:
        loop.call_soon(_cancel_later, loop, scope, turns - 1)
    else:
        scope.cancel()


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


def _weight(message: Message) -> int:
    # A message weighs something itself: empty ones cannot pile up without end.
    return len(message.get("body", b"")) + 256
