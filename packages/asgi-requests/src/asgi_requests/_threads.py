"""Call blocking functions of this package in a thread, as cheaply as the event loop allows.

`run_in_thread` passes no context variables, and does not make a cancelled caller wait. For functions of the application
there is `concurrency.run_in_threadpool`, which does both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from ._workers import WorkerPool

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def asyncio_task() -> asyncio.Task[Any] | None:
    """Return the current asyncio task, or None on trio, in its guest mode as well.

    A program on asyncio has imported it; importing it here would double the time that importing this package takes.
    """
    if "asyncio" not in sys.modules:
        return None
    try:
        task: asyncio.Task[Any] | None = sys.modules["asyncio"].current_task()
    except RuntimeError:
        return None
    return task


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


async def outlast(future: asyncio.Future[Any]) -> None:
    """Wait until a future is done, however often the caller is cancelled meanwhile; then raise that cancellation."""
    import asyncio  # loaded by now; on trio it never is

    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not future.done():
            # The future itself must not be awaited: a cancelled task cancels what it awaits.
            waiter = future.get_loop().create_future()
            future.add_done_callback(partial(_wake, waiter))
            try:
                await waiter
            except asyncio.CancelledError as exc:
                cancelled = exc
    if cancelled is not None:
        if not future.cancelled():
            future.exception()  # asyncio logs what is never looked at
        try:
            raise cancelled
        finally:
            # Avoid a reference cycle through the traceback.
            cancelled = None


def _wake(waiter: asyncio.Future[None], _: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_result(None)
