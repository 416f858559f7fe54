"""The current asyncio task, and a wait that outlasts its cancellation."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    import asyncio


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


async def outlast(future: asyncio.Future[Any]) -> None:
    """Wait until a future is done, however often the caller is cancelled meanwhile; then raise that cancellation."""
    import asyncio  # loaded by now; on trio it never is

    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not future.done():
            try:
                await end_of(future)
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


async def end_of(future: asyncio.Future[Any]) -> None:
    """Wait until a future is done, without raising its exception; a cancellation of the caller does not cancel it."""
    # The future itself must not be awaited: a cancelled task cancels what it awaits.
    waiter = future.get_loop().create_future()
    future.add_done_callback(partial(_wake, waiter))
    await waiter


def _wake(waiter: asyncio.Future[None], _: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_result(None)
