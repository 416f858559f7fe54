"""Iterate over what blocks, step by step in worker threads."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterable
from functools import partial
from typing import Any

import anyio

from ._guard import ClosingGuard

_BLOCK_SIZE = 64 * 1024
_END: Any = object()
_limiters: weakref.WeakKeyDictionary[anyio.CapacityLimiter, anyio.CapacityLimiter] = weakref.WeakKeyDictionary()


def iterate_in_threads(content: Iterable[Any]) -> BlockingIterator:
    """Return an asynchronous iterator over the items of a blocking iterable, or over the blocks of a file."""
    read = getattr(content, "read", None)
    if callable(read):
        # The lines of a binary file end anywhere, and each would cost a call in a thread: 4,000 for a megabyte.
        return BlockingIterator(partial(_read_block, read), content)
    iterator = iter(content)
    return BlockingIterator(partial(next, iterator, _END), iterator)


class BlockingIterator:
    """An asynchronous iterator whose steps run in worker threads; a cancelled caller does not wait for its step."""

    def __init__(self, step: Any, source: Any) -> None:
        self.step = step
        self.source = source
        self.guard = ClosingGuard(getattr(source, "close", lambda: None))
        self.ended = False

    def __aiter__(self) -> BlockingIterator:
        return self

    async def __anext__(self) -> Any:
        item = await anyio.to_thread.run_sync(
            self.guard.run, self.step, abandon_on_cancel=True, limiter=_streams_limiter()
        )
        if item is _END:
            self.ended = True
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close the source in a thread, or leave that to the step that is running."""
        # A generator that has ended is closed.
        if hasattr(self.source, "close") and not (self.ended and isinstance(self.source, Generator)):
            # With a limiter of its own it waits for no blocked stream.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.guard.close, limiter=anyio.CapacityLimiter(1))


def _read_block(read: Any) -> Any:
    return read(_BLOCK_SIZE) or _END


def _streams_limiter() -> anyio.CapacityLimiter:
    """Return the limiter of blocking streams of this event loop, as large as its default limiter.

    A stream may block for hours; with a limiter of their own, forty of them leave endpoints their threads.
    """
    default = anyio.to_thread.current_default_thread_limiter()
    limiter = _limiters.get(default)
    if limiter is None:
        limiter = _limiters[default] = anyio.CapacityLimiter(default.total_tokens)
    elif limiter.total_tokens != default.total_tokens:
        limiter.total_tokens = default.total_tokens
    return limiter
