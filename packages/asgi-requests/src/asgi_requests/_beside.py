"""Await something with a task beside it, where exceptions are raised as they are and not in a group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def run_beside(main: Awaitable[T], beside: Callable[[], Coroutine[Any, Any, None]]) -> T:
    """Return the result of `main`, with `beside()` in a task, which is cancelled when that is there."""
    result: T
    failure: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beside)
        try:
            result = await main
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:
            # Kept out of the group, which would wrap it.
            failure = exc
        tasks.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            # Avoid a reference cycle through the traceback.
            failure = None
    return result
