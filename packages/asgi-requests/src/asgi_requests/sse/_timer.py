"""The heartbeat of a stream on asyncio: a timer, and a task only while a comment is sent.

A task that sleeps beside each stream would add a third to the memory of an idle one: `bench:connections`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio

from .._tasks import outlast

if TYPE_CHECKING:
    import asyncio


class HeartbeatTimer:
    """A timer that awaits `beat` in a task whenever `pause` returns no more seconds to wait."""

    __slots__ = ("_beat", "_beating", "_handle", "_loop", "_pause", "_scope")

    def __init__(self, pause: Callable[[], float], beat: Callable[[], Awaitable[None]]) -> None:
        import asyncio  # loaded by now; on trio it never is

        self._pause = pause
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(pause(), self._tick)
        self._beating: asyncio.Task[Any] | None = None
        self._scope: anyio.CancelScope | None = None

    async def stop(self) -> None:
        """End the timer; a beat that is under way is cancelled and has ended when this returns."""
        try:
            if self._beating is not None and not self._beating.done():
                # By a scope: `send` may be a middleware's, with work that is shielded.
                (self._scope or self._beating).cancel()
                await outlast(self._beating)
        finally:
            # Last, since a beat sets the timer for the next.
            self._handle.cancel()

    def _tick(self) -> None:
        pause = self._pause()
        if pause > 0:
            self._handle = self._loop.call_later(pause, self._tick)
        else:
            self._beating = self._loop.create_task(self._run())

    async def _run(self) -> None:
        # AnyIO makes scopes in tasks alone; until this one has begun, the task itself can be cancelled.
        with anyio.CancelScope() as self._scope:
            await self._beat()
            self._handle = self._loop.call_later(self._pause(), self._tick)
        self._scope = None
