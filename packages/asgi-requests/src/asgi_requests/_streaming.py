"""A response whose body is made while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Mapping
from typing import Any, cast

import anyio
import anyio.to_thread

from ._disconnect import run_until_disconnect
from ._guard import ClosingGuard
from ._response import Response, denial_send
from .background import BackgroundTask
from .exceptions import ClientDisconnect
from .types import Message, Receive, Scope, Send

Content = str | bytes | memoryview
ContentStream = AsyncIterable[Content] | Iterable[Content]

# A stream that never waits lets the event loop run after so many chunks, so that a disconnect can be noticed.
_CHUNKS_PER_TURN = 32
_END: Any = object()


class StreamingResponse(Response):
    """A response that sends what it iterates over, chunk by chunk, and stops when the client leaves.

    Asynchronous iterables run in the request's task, others in threads, lists and tuples at once. However it ends,
    the iterator is closed; the background task runs unless the iterator fails or the request is cancelled.
    Raises ClientDisconnect where the server refuses a chunk because the client has left.
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
        """Send the whole answer; raises ClientDisconnect where `send` raises OSError (ASGI 2.4)."""
        turn = 0
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": [*self.raw_headers]})
        except OSError as exc:
            raise ClientDisconnect() from exc
        async for chunk in self.body_iterator:
            if chunk.__class__ is not bytes:
                chunk = chunk.encode(self.charset) if isinstance(chunk, str) else bytes(chunk)
            try:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except OSError as exc:
                raise ClientDisconnect() from exc
            turn += 1
            if turn == _CHUNKS_PER_TURN:
                turn = 0
                await anyio.sleep(0)  # noqa: ASYNC115 - anyio.lowlevel takes 3 ms to import
        await _deliver(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, close the iterator, then run the background task."""
        gone: ClientDisconnect | None = None
        try:
            if scope["type"] != "http":
                await self._deny(scope, send)
            elif scope.get("method") == "HEAD":
                await self._send_empty(send)
            else:
                await run_until_disconnect(self.stream_response(send), scope, receive)
        except ClientDisconnect as exc:
            gone = exc
        finally:
            if getattr(self.body_iterator, "ag_frame", self) is not None:
                await self._close_iterator()
        if self.background is not None:
            await self.background()
        if gone is not None:
            try:
                raise gone
            finally:
                # Its traceback holds this frame: no cycle is to remain.
                gone = None

    async def _close_iterator(self) -> None:
        aclose = getattr(self.body_iterator, "aclose", None)
        if aclose is not None:
            await aclose()

    def _start(self) -> Message:
        return {"type": "http.response.start", "status": self.status_code, "headers": [*self.raw_headers]}

    async def _send_empty(self, send: Send) -> None:
        await _deliver(send, self._start())
        await _deliver(send, {"type": "http.response.body", "body": b""})

    async def _deny(self, scope: Scope, send: Send) -> None:
        denial = denial_send(scope, send)
        if "websocket.http.response" in (scope.get("extensions") or ()):
            await self.stream_response(denial)
        else:
            await denial(self._start())


async def _deliver(send: Send, message: Message) -> None:
    try:
        await send(message)
    except OSError as exc:
        raise ClientDisconnect() from exc


def _iterate(content: Iterable[Content]) -> AsyncIterator[Content]:
    return _iterate_at_once(content) if isinstance(content, list | tuple) else _ThreadedIterator(content)


async def _iterate_at_once(content: Iterable[Content]) -> AsyncIterator[Content]:
    for chunk in content:
        yield chunk


class _ThreadedIterator:
    """A blocking iterable, each step in one of AnyIO's threads; a step under way does not hold up who leaves."""

    def __init__(self, content: Iterable[Content]) -> None:
        self.iterator = iter(content)
        self.exclusive = ClosingGuard(getattr(self.iterator, "close", lambda: None))
        self.ended = False

    def __aiter__(self) -> _ThreadedIterator:
        return self

    async def __anext__(self) -> Content:
        chunk = await anyio.to_thread.run_sync(self.exclusive.run, self.step, abandon_on_cancel=True)
        if chunk is _END:
            self.ended = True
            raise StopAsyncIteration
        return cast("Content", chunk)

    def step(self) -> Any:
        return next(self.iterator, _END)

    async def aclose(self) -> None:
        if not (self.ended and isinstance(self.iterator, Generator)) and hasattr(self.iterator, "close"):
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.exclusive.close)
