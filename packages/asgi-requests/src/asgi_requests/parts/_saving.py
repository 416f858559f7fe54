"""The steps of saving a part: into a sink, through a hash, past a progress function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import anyio

from .._threads import run_in_thread
from .sinks import Sink

# A larger chunk is hashed in a thread: it would hold up the event loop.
_LARGE = 512 * 1024
# How long the cleaning up after a failure may take, in seconds: it cannot be cancelled.
_ABORT_TIMEOUT = 10


class Hash(Protocol):
    """A hash object, such as hashlib's."""

    def update(self, data: bytes, /) -> object:
        """Add bytes."""


def begin_hash(given: str | Hash | None) -> Any:
    """Return a hash object; raises ValueError for a name that hashlib does not know, or a hash without a length."""
    if not isinstance(given, str):
        return given
    hasher = hashlib.new(given, usedforsecurity=False)
    if not hasher.digest_size:
        raise ValueError(f"{given} has no length of its own: pass a hash object and take its digest yourself")
    return hasher


async def update(hasher: Hash, chunk: bytes) -> None:
    """Add a chunk to a hash."""
    if len(chunk) < _LARGE:
        hasher.update(chunk)
    else:
        await run_in_thread(hasher.update, chunk)


async def write(sink: Sink, chunk: bytes) -> None:
    """Write a chunk; raises TypeError for a sink that writes synchronously, such as an open file."""
    written: Any = sink.write(chunk)
    if not hasattr(written, "__await__"):
        raise TypeError(f"{type(sink).__name__}.write is not asynchronous: save to a DiskSink or to anyio.open_file()")
    await written


async def report(progress: Callable[[int], object], size: int) -> None:
    """Call a progress function, synchronous or not."""
    await _settle(progress(size))


async def complete(sink: Sink) -> None:
    """Close a sink that can be closed: its content is whole."""
    close = getattr(sink, "close", None)
    if close is not None:
        await _settle(close())


async def abort(sink: Sink, exc: BaseException) -> None:
    """Abort a sink that can be aborted, even if the caller is cancelled; a failure becomes a note of the exception."""
    method = getattr(sink, "abort", None)
    if method is None:
        return
    with anyio.move_on_after(_ABORT_TIMEOUT, shield=True):
        try:
            await _settle(method())
        except Exception as failure:
            exc.add_note(f"{type(sink).__name__}.abort failed: {failure!r}")


async def _settle(result: Any) -> None:
    if hasattr(result, "__await__"):
        await result
