"""A response whose body is made while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any

import anyio

from ._disconnect import run_until_disconnect
from ._fields import WITHOUT_BODY
from ._response import Response, denial_send
from ._steps import FirstStep
from ._tasks import asyncio_task
from ._text import BYTES, encode_text
from .background import BackgroundTask
from .exceptions import ClientDisconnect
from .types import Message, Receive, Scope, Send

Content = str | bytes | memoryview
ContentStream = AsyncIterable[Content] | Iterable[Content]

# A stream that never waits lets the event loop run after so many chunks, so that a disconnect can be noticed.
_CHUNKS_PER_TURN = 64
_END: Any = object()


class StreamingResponse(Response):
    """A response that sends what it iterates over, chunk by chunk, and stops when the client leaves.

    Asynchronous iterables run in the request's task, lists and tuples at once, other iterables in threads, of which
    streams have as many as AnyIO's default limiter allows, but their own. A file is read in blocks of 64 KiB.

    However it ends, the iterator is closed; the background task runs unless the iterator fails or the request is
    cancelled. A failure before the first wait of an asynchronous iterator (on asyncio) is raised before anything is
    sent. Raises TypeError for content or a chunk that is not text or bytes, and ClientDisconnect where the server
    refuses a chunk because the client has left.
    """

    body_iterator: AsyncIterable[Content]

    def __init__(
        self,
        content: ContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.body_iterator = content if hasattr(content, "__aiter__") else _iterate(content)  # type: ignore[assignment]
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.background = background
        self.init_headers(headers)

    async def stream_response(self, send: Send) -> None:
        """Send the whole response; raises ClientDisconnect where `send` raises OSError (ASGI 2.4)."""
        chunks = self._chunks(send)
        # The first chunk comes before the head where it is there without waiting: what fails until then can still be
        # answered. Where it is not, the head goes out while the iterator waits, as a client of server-sent events
        # expects. A wait of trio cannot be held back like this.
        first = None if asyncio_task() is None else FirstStep(self._first_chunk(chunks))
        head = _deliver(send, self.start_message())
        if first is None or first.done:
            await head
        else:
            try:
                await first.go_on_during(head)
            except BaseException:
                await first.abandon(anyio.get_cancelled_exc_class()())
                raise
        chunk = await (self._first_chunk(chunks) if first is None else first)
        turn = 0
        while chunk is not _END:
            try:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except OSError as exc:
                raise ClientDisconnect() from exc
            turn += 1
            if turn == _CHUNKS_PER_TURN:
                turn = 0
                await anyio.sleep(0)  # noqa: ASYNC115 - anyio.lowlevel takes 3 ms to import
            try:
                content = await anext(chunks)
            except StopAsyncIteration:
                break
            chunk = content if type(content) is bytes else self._encode(content)
        await _deliver(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, close the iterator, then run the background task."""
        gone: ClientDisconnect | None = None
        try:
            if scope["type"] != "http":
                await self._deny(scope, send)
            elif self.status_code in WITHOUT_BODY or scope.get("method") == "HEAD":
                await self._send_without_body(send)
            else:
                await self._stream(scope, receive, send)
        except ClientDisconnect as exc:
            # Raised once the background task has run, which is also for a client that has left.
            gone = exc
        finally:
            # A generator that has ended has no frame, and needs no closing.
            if getattr(self.body_iterator, "ag_frame", self) is not None:
                await self._close_iterator()
        if self.background is not None:
            await self.background()
        if gone is not None:
            try:
                raise gone
            finally:
                # Avoid a reference cycle through the traceback.
                gone = None

    def _chunks(self, send: Send) -> AsyncIterator[Any]:
        return self.body_iterator.__aiter__()

    def _stream(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return run_until_disconnect(self.stream_response(send), scope, receive)

    async def _first_chunk(self, chunks: AsyncIterator[Content]) -> bytes:
        try:
            return self._encode(await anext(chunks))
        except StopAsyncIteration:
            return _END  # type: ignore[no-any-return]

    def _encode(self, chunk: object) -> bytes:
        # Never bytes() of anything: bytes(10) is ten NULs.
        if isinstance(chunk, str):
            return encode_text(chunk, self.charset)
        if isinstance(chunk, BYTES):
            return bytes(chunk)
        kind = type(self).__name__
        raise TypeError(f"{kind} sends chunks of str or bytes, not {type(chunk).__name__}: {chunk!r:.100}")

    async def _close_iterator(self) -> None:
        aclose = getattr(self.body_iterator, "aclose", None)
        if aclose is not None:
            await aclose()

    async def _send_without_body(self, send: Send) -> None:
        await _deliver(send, self.start_message())
        await _deliver(send, {"type": "http.response.body", "body": b""})

    async def _deny(self, scope: Scope, send: Send) -> None:
        denial = denial_send(scope, send)
        if "websocket.http.response" in (scope.get("extensions") or ()):
            await self.stream_response(denial)
        else:
            await denial(self.start_message())


async def _deliver(send: Send, message: Message) -> None:
    try:
        await send(message)
    except OSError as exc:
        raise ClientDisconnect() from exc


def _iterate(content: Any) -> AsyncIterator[Any]:
    if isinstance(content, str):
        return _iterate_at_once((content,))
    if isinstance(content, list | tuple):
        return _iterate_at_once(content)
    # Iterating over bytes gives numbers, over a mapping its keys: neither is what was meant.
    if not isinstance(content, bytes | bytearray | memoryview | Mapping):
        from ._blocking import iterate_in_threads

        try:
            return iterate_in_threads(content)
        except TypeError:
            pass
    raise TypeError(
        "StreamingResponse takes an iterable of str or bytes, or a file, "
        f"not {type(content).__name__}: {content!r:.100}; Response and JSONResponse send content as a whole"
    )


async def _iterate_at_once(content: Iterable[Content]) -> AsyncIterator[Content]:
    for chunk in content:
        yield chunk
