"""Worker threads for work that would block the event loop, on asyncio and trio."""

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
    """Run `work(argument)` in a worker thread, at most 40 at a time per event loop.

    With anyio if it is installed, otherwise in asyncio's own executor; trio without anyio runs it in the event loop.
    """
    try:
        from anyio import to_thread
    except ImportError:
        return await _in_native_thread(work, argument)
    return await to_thread.run_sync(work, argument, limiter=_limiter())


def _limiter() -> CapacityLimiter:
    """Return the limiter of the running loop: a burst of compression must not use up an application's threads."""
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
