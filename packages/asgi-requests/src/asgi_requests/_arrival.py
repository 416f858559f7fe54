"""Await something that may be available already, for a few turns of the event loop and no longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import anyio

from ._beside import run_beside
from ._tasks import asyncio_task

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

# A `receive` has this many turns of the event loop to return a message that it has.
_TURNS = 3


async def arrives(wait: Callable[[], Awaitable[None]]) -> bool:
    """Await `wait()` and return True, or cancel it and return False once it has had a few turns of the event loop."""
    task = asyncio_task()
    with anyio.CancelScope() as scope:
        if task is None:
            await run_beside(wait(), partial(_give_up, scope))
        else:
            _cancel_later(task.get_loop(), scope, _TURNS)
            await wait()
        return True
    return False


def _cancel_later(loop: AbstractEventLoop, scope: anyio.CancelScope, turns: int) -> None:
    if turns:
        loop.call_soon(_cancel_later, loop, scope, turns - 1)
    else:
        scope.cancel()


async def _give_up(scope: anyio.CancelScope) -> None:
    for _ in range(_TURNS):
        await anyio.sleep(0)  # noqa: ASYNC115 - anyio.lowlevel takes 3 ms to import
    scope.cancel()
