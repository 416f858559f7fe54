"""A worker thread for work that would hold the event loop, on whatever library runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_THREADS = 40
_limiters: list[RunVar[CapacityLimiter]] = []


async def in_thread(work: Callable[[Argument], Result], argument: Argument) -> Result:
    """Run `work(argument)` in a thread, at most 40 at a time per event loop.

    anyio does it where it is installed, else asyncio's own executor; trio without anyio runs it in the event loop.
    """
    try:
        from anyio import to_thread
    except ImportError:
        return await _in_native_thread(work, argument)
    return await to_thread.run_sync(work, argument, limiter=_limiter())


def _limiter() -> CapacityLimiter:
    """Return the loop's own limiter: a burst of compression must not starve an application's threads."""
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

    if not _limiters:
        _limiters.append(RunVar("asgi_middleware.threads"))
    try:
        return _limiters[0].get()
    except LookupError:
        _limiters[0].set(limiter := CapacityLimiter(_THREADS))
        return limiter


async def _in_native_thread(work: Callable[[Argument], Result], argument: Argument) -> Result:
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return work(argument)
    return await loop.run_in_executor(None, work, argument)
