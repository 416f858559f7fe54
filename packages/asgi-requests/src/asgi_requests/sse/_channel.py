"""The `send` of one stream of events, with comments while there are no events."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio

from .._beside import run_beside
from .._tasks import asyncio_task
from ..exceptions import ClientDisconnect
from ..types import Message, Send
from ._timer import HeartbeatTimer

_COMMENT = {"type": "http.response.body", "body": b":\n\n", "more_body": True}


class Channel:
    """A `send` with a heartbeat beside the stream.

    Rule: one message is on its way at a time; a comment is sent while the iterator is being waited for, and never waits
    in line. The task of the stream is left alone, so that an asynchronous generator sees nothing of it.

    Where a comment cannot be sent, `failure` says why and the cancel scope, in which the stream runs, is cancelled.
    """

    # Thousands are open at once.
    __slots__ = (
        "_beating",
        "_cancel_scope",
        "_clock",
        "_heartbeat",
        "_idle",
        "_idle_since",
        "_send",
        "complete",
        "failure",
        "started",
    )

    def __init__(self, send: Send, heartbeat: float | None, cancel_scope: anyio.CancelScope) -> None:
        self._send = send
        self._heartbeat = heartbeat
        self._cancel_scope = cancel_scope
        self._clock = _clock()
        self._idle_since = 0.0
        # The iterator is being waited for, and nothing is on its way.
        self._idle = False
        self._beating: anyio.Event | None = None
        self.failure: BaseException | None = None
        self.started = self.complete = False

    async def run(self, stream: Callable[[Send], Awaitable[None]]) -> None:
        """Await the stream with the heartbeat beside it; exceptions of the stream are raised unchanged."""
        if self._heartbeat is None:
            await stream(self)
        elif asyncio_task() is None:
            await run_beside(stream(self), self._beat)
        else:
            timer = HeartbeatTimer(self.pause, self.comment)
            try:
                await stream(self)
            finally:
                await timer.stop()

    # Not a coroutine: an event passes here without one of its own.
    def __call__(self, message: Message) -> Awaitable[None]:
        """Pass a message of the stream, after a comment that is on its way."""
        self._idle = False
        if not self.started:
            return self._start(message)
        if not message.get("more_body", False):
            self.complete = True
        return self._send(message) if self._beating is None else self._send_after_comment(message)

    def watch(self, iterator: AsyncIterator[Any]) -> Any:
        """Return the iterator, each of its steps marked as a wait during which comments may be sent."""
        return _Watched(self, iterator)

    def wait(self) -> None:
        """Record that the stream waits for the iterator from now on."""
        self._idle_since = self._clock()
        self._idle = True

    async def _start(self, message: Message) -> None:
        await self._send(message)
        self.started = True
        # On asyncio the iterator has been asked for the first event already.
        self.wait()

    async def _send_after_comment(self, message: Message) -> None:
        while self._beating is not None:
            await self._beating.wait()
        await self._send(message)

    def pause(self) -> float:
        """Return the seconds until a comment may be due; at 0 and below it is."""
        interval = self._heartbeat or 0.0
        # A message that is on its way keeps the connection busy, or the client is slow: a comment would queue up.
        if self._idle and self.started:
            return interval - (self._clock() - self._idle_since)
        return interval

    async def comment(self) -> None:
        """Send a comment; cancels the stream where that fails."""
        self._beating = anyio.Event()
        try:
            await self._send({**_COMMENT})
        except OSError as exc:
            self.failure = ClientDisconnect()
            self.failure.__cause__ = exc
            self._cancel_scope.cancel()
        except Exception as exc:
            self.failure = exc
            self._cancel_scope.cancel()
        finally:
            self._idle_since = self._clock()
            self._beating.set()
            self._beating = None

    async def _beat(self) -> None:
        pause = self.pause()
        while not self.complete:
            await anyio.sleep(max(pause, 0.0))  # a short one may be over already
            pause = self.pause()
            if pause <= 0:
                await self.comment()
                pause = self.pause()


class _Watched:
    """An asynchronous iterator whose steps are those of another: without a coroutine of its own."""

    __slots__ = ("_next", "_wait")

    def __init__(self, channel: Channel, iterator: AsyncIterator[Any]) -> None:
        self._wait = channel.wait
        self._next = iterator.__anext__

    def __anext__(self) -> Awaitable[Any]:
        self._wait()
        return self._next()


def _clock() -> Callable[[], float]:
    task = asyncio_task()
    clock: Callable[[], float] = sys.modules["trio"].current_time if task is None else task.get_loop().time
    return clock
