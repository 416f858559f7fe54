"""Send the body of a file: fast to a client that reads, and with little memory for one that does not.

Rule: where `send` has to wait, nothing is held but the message that it waits with. What has been read ahead is put
back, and read again when it is needed. A thousand clients that never read would otherwise hold a quarter of a gigabyte.
"""

from __future__ import annotations

from collections.abc import Awaitable

from .._steps import FirstStep
from .._tasks import asyncio_task
from .._threads import run_in_thread
from ..types import Message, Send
from ._reader import READ_SIZE, SLOW_READ_SIZE, Batch, FileReader


def read_size() -> int:
    """Return how many bytes to read ahead for a client that has not been slow yet.

    Trio does not show whether `send` waits, so no more is read than a slow client may hold.
    """
    return SLOW_READ_SIZE if asyncio_task() is None else READ_SIZE


async def send_chunks(chunks: list[bytes], send: Send) -> None:
    """Send a body that is in memory."""
    last = len(chunks) - 1
    for index, chunk in enumerate(chunks or [b""]):
        await send({"type": "http.response.body", "body": chunk, "more_body": index < last})


async def send_file(reader: FileReader, batch: Batch, send: Send) -> None:
    """Send what has been read, and then the rest, reading as far ahead as the client keeps up with."""
    most = read_size()
    while True:
        slow = False
        while batch:
            slow = await _send_chunk(reader, batch, send) or slow
        if not reader.has_more:
            return
        batch = await run_in_thread(reader.read, SLOW_READ_SIZE if slow else most)


def _send_chunk(reader: FileReader, batch: Batch, send: Send) -> Awaitable[bool]:
    # No variable outside of the awaitable keeps the chunk.
    chunk = batch.next_chunk(reader.chunk_size)
    message = {"type": "http.response.body", "body": chunk, "more_body": bool(batch) or reader.has_more}
    return send_holding_nothing(message, send, reader, batch)


async def send_holding_nothing(message: Message, send: Send, reader: FileReader, batch: Batch) -> bool:
    """Send a message and return whether that had to wait; if so, the batch is put back before."""
    if asyncio_task() is None:
        await send(message)
        return False
    step = FirstStep(send(message))
    if step.done:
        return False
    reader.put_back(batch)
    await step
    return True
