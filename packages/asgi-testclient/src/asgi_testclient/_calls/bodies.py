"""The body of a request, as a server passes it: whole if it is small, else in blocks, or chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from types import ModuleType
from typing import Any

from .http import BLOCK, Body


def thread_body(request: Any, httpx: ModuleType) -> Body:
    """Return the bytes of a small body, otherwise an iterator over it."""
    if isinstance(request.stream, httpx.ByteStream):
        return bytes(request.read())
    if not isinstance(request.stream, httpx.SyncByteStream):
        raise RuntimeError("an asynchronous request body needs AsyncTestClient")
    length = _length(request)
    if length is None:
        chunks: Iterator[bytes] = iter(request.stream)
        return chunks
    return b"".join(request.stream) if length <= BLOCK else _blocks(request.stream)


async def task_body(request: Any, httpx: ModuleType) -> Body:
    """Return the bytes of a small body, otherwise an iterator over it, for a request of an asynchronous client."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        return bytes(request.read())
    length = _length(request)
    if isinstance(stream, httpx.SyncByteStream):
        return b"".join(stream) if length is not None and length <= BLOCK else _blocks(stream)
    if length is None:
        chunks: AsyncIterator[bytes] = stream.__aiter__()
        return chunks
    if length <= BLOCK:
        return b"".join([chunk async for chunk in stream])
    return _blocks_async(stream)


def _length(request: Any) -> int | None:
    """Return the length that the request declares; None for a stream that is sent as it comes."""
    value: str = request.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)


async def _blocks_async(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)
