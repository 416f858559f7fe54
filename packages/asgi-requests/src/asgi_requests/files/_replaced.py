"""Send a file through what a program has put in place of `anyio.open_file`, as tests of applications do.

Starlette reads files with that function, and software that replaces it expects to see every file opened and closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from .._disconnect import run_until_disconnect
from ..types import Message, Receive, Scope, Send
from ._reader import Path, Segments

OpenFile = Callable[..., Awaitable[Any]]

# Captured at import, before anything can be patched.
_ORIGINAL: OpenFile = anyio.open_file


def replaced_open_file() -> OpenFile | None:
    """Return what stands in the place of `anyio.open_file`, or None where that is itself."""
    return None if anyio.open_file is _ORIGINAL else anyio.open_file


async def send_through(
    file: Any,
    path: Path,
    segments: Segments,
    chunk_size: int,
    start: Message,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Send a start and the segments of an open file, which is closed however that ends."""

    async def send_segments() -> None:
        left = sum(len(each) if isinstance(each, bytes) else each[1] - each[0] for each in segments)
        for segment in segments:
            position, end = (0, len(segment)) if isinstance(segment, bytes) else segment
            if not isinstance(segment, bytes):
                await file.seek(position)
            while position < end:
                size = min(chunk_size, end - position)
                chunk = segment if isinstance(segment, bytes) else await file.read(size)
                if not chunk:
                    raise RuntimeError(f"File at path {path} is shorter than expected.")
                position += len(chunk)
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})

    try:
        await send(start)
        await run_until_disconnect(send_segments(), scope, receive)
    finally:
        with anyio.CancelScope(shield=True):
            await file.aclose()
