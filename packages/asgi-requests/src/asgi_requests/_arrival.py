"""Await something that may be available already, for a few turns of the event loop and no longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from ._threads import asyncio_task

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

# A `receive` has this many turns of the event loop to return a message that it has.
_TURNS = 3


async def arrives(wait: Callable[[], Awaitable[None]]) -> bool:
    """Await `wait()` and return True, or cancel it and return False once it has had a few turns of the event loop."""
    task = asyncio_task()
    if task is None:
        return await _arrives_on_trio(wait)
    with anyio.CancelScope() as scope:
        _cancel_later(task.get_loop(), scope, _TURNS)
        await wait()
        return True
    return False


def _cancel_later(loop: AbstractEventLoop, scope: anyio.CancelScope, turns: int) -> None:
    if turns:
        loop.call_soon(_cancel_later, loop, scope, turns - 1)
    else:
        scope.cancel()


async def _arrives_on_trio(wait: Callable[[], Awaitable[None]]) -> bool:
    arrived = False
    failure: Exception | None = None

    async def give_up() -> None:
        for _ in range(_TURNS):
            await anyio.sleep(0)  # noqa: ASYNC115 - anyio.lowlevel takes 3 ms to import
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(give_up)
        try:
            await wait()
            arrived = True
        except Exception as exc:
            # Raised outside of the group, which would wrap it.
            failure = exc
        tasks.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            # Avoid a reference cycle through the traceback.
            failure = None
    return arrived
