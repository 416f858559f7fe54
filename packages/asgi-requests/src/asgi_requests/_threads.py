"""Call blocking functions of this package in a thread, as cheaply as the event loop allows.

`run_in_thread` passes no context variables, and does not make a cancelled caller wait. For functions of the application
there is `concurrency.run_in_threadpool`, which does both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio

from ._tasks import asyncio_task, outlast
from ._workers import WorkerPool

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_in_thread(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Return the result of a blocking call; if the caller is cancelled, the call goes on and its result is dropped."""
    task = asyncio_task()
    if task is None:
        return await anyio.to_thread.run_sync(function, *args, abandon_on_cancel=True)
    loop = task.get_loop()
    return await WorkerPool.of(loop).submit(loop, function, *args)


async def finish_in_thread(function: Callable[[*Ts], None], *args: *Ts) -> None:
    """Make a blocking call that must not be left half done: a cancelled caller waits for its end.

    That holds for `asyncio.timeout()` and `task.cancel()`, too, which AnyIO's shield does not stop.
    """
    task = asyncio_task()
    if task is None:
        await anyio.to_thread.run_sync(function, *args)
        return
    loop = task.get_loop()
    future = WorkerPool.of(loop).submit(loop, function, *args)
    await outlast(future)
    future.result()
