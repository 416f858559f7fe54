"""One HTTP connection: a request that may still be written, and a response that may still be read."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, ClassVar

from .._checks import HTTPChecks, OrderChecks
from .._loops.backends import Loop, ThreadWaiter, Waiter
from .._options import Settings
from ..types import ASGIApp, Message, Scope
from .base import AppCall
from .requests import BLOCK, Body

RawHeaders = list[tuple[bytes, bytes]]


class HTTPCall(AppCall):
    """An application at work on one request.

    With `buffered` the test wants the whole response or nothing, and there is no back-pressure. Otherwise `send` waits
    while more than `stream_buffer` bytes are unread.
    """

    checks_type = HTTPChecks
    order_checks_type = OrderChecks

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        body: Body,
        settings: Settings,
        loop: Loop,
        waiter: Waiter,
        *,
        buffered: bool,
    ) -> None:
        super().__init__(app, scope, settings, loop, waiter, settings.offered_http)
        self.started = False
        self.complete = False
        self.status = 0
        self.headers: RawHeaders = []
        self.chunks: deque[bytes] = deque()
        self.written = 0
        self.taken = 0
        self.draining = False
        self.uploading = False
        self.left = False  # by itself: before the response was complete, and not because the test closed it
        self.client_error: BaseException | None = None
        self.trailers: RawHeaders = []
        self.early_hints: list[list[bytes]] = []
        self.pushes: list[tuple[str, RawHeaders]] = []
        self.debug: dict[str, Any] | None = None
        self.path: str | None = None
        self.awaits_trailers = False
        self._buffered = buffered
        self._head = scope["method"] == "HEAD"
        # Without a buffer `send` waits until its message has been read, even one that brings no bytes.
        self._in_step = not buffered and settings.stream_buffer == 0
        self._pieces: deque[tuple[bytes, bool]] = deque()
        self._source: Iterator[bytes] | AsyncIterator[bytes] | None = None
        if isinstance(body, bytes):
            self._pieces.append((body, False))
        else:
            self._source = body

    async def _next(self) -> Message:
        while True:
            # After a complete response, too (ASGI, http.disconnect): a task that listens for the client ends.
            if self.disconnected or self.complete:
                return {"type": "http.disconnect"}
            if self._pieces:
                piece, more = self._pieces.popleft()
                return {"type": "http.request", "body": piece, "more_body": more}
            if self._source is None or self.uploading:
                await self._changed()
            # A generator runs on the thread of the test: its code may not expect an event loop, nor another thread.
            elif isinstance(self.waiter, ThreadWaiter):
                self.uploading = True
                self.waiter.submit(self._pull)
            else:
                await self._draw()

    def _pull(self) -> None:
        """Take the next chunk of the request; on the thread of the test, whose iterator it is."""
        assert isinstance(self._source, Iterator)
        try:
            piece = next(self._source, None)
        except Exception as exc:
            self.loop.post(self._broken_off, exc)
        else:
            self.loop.post(self._fed, piece)

    async def _draw(self) -> None:
        """Take the next chunk of the request; on the loop of the test."""
        self.uploading = True
        try:
            if isinstance(self._source, AsyncIterator):
                piece = await anext(self._source, None)
            else:
                assert self._source is not None
                piece = next(self._source, None)
        except Exception as exc:
            self._broken_off(exc)
        else:
            self._fed(piece)

    def _broken_off(self, exc: Exception) -> None:
        # As an upload that fails under way: the connection is dropped.
        self.client_error = exc
        self.left = True
        self.disconnect()
        self.waiter.wake()

    def _fed(self, piece: bytes | None) -> None:
        self.uploading = False
        # The end is a message of its own: an iterator does not know which chunk is its last.
        self._pieces.append((piece or b"", piece is not None))
        if piece is None:
            self._source = None
        self.notify()

    def _take(self, message: Message) -> None:
        step = self._steps.get(message["type"])
        # As on servers, what is sent after the last body is dropped; the checks report it.
        if step is not None and not (self.complete and self.started):
            step(self, message)

    def _start(self, message: Message) -> None:
        self.status = message["status"]
        self.headers = _pairs(message)
        self.awaits_trailers = bool(message.get("trailers", False))
        self.started = True

    def _body(self, message: Message) -> None:
        self._write(message.get("body", b""))
        if not message.get("more_body", False):
            self._body_ends()

    def _write(self, body: Any) -> None:
        # Copied: an application may reuse its buffer once `send` has returned.
        chunk = b"" if self._head else bytes(body)
        if chunk or self._in_step:
            self.chunks.append(chunk)
            self.written += len(chunk) or self._in_step

    def _body_ends(self) -> None:
        if not self.awaits_trailers:
            self._complete()

    def _complete(self) -> None:
        self.complete = True
        self.notify()

    def _trailers(self, message: Message) -> None:
        self.trailers += _pairs(message)
        if not message.get("more_trailers", False):
            self._complete()

    def _debug(self, message: Message) -> None:
        self.debug = message["info"]

    def _early_hint(self, message: Message) -> None:
        self.early_hints.append([bytes(link) for link in message.get("links", ())])

    def _push(self, message: Message) -> None:
        self.pushes.append((message["path"], _pairs(message)))

    def _pathsend(self, message: Message) -> None:
        self.path = message["path"]
        with open(message["path"], "rb") as file:
            while block := file.read(BLOCK):
                self._write(block)
        self._body_ends()

    def _zerocopysend(self, message: Message) -> None:
        for block in _blocks(message):
            self._write(block)
        if not message.get("more_body", False):
            self._body_ends()

    async def _yield(self, message: Message) -> None:
        if self._buffered or self.complete:
            return await super()._yield(message)
        while self.written - self.taken > self.settings.stream_buffer and not self.disconnected:
            self.draining = True
            self.sending += 1
            try:
                # Asked again: the reader may have read before it could see the flag.
                if self.written - self.taken > self.settings.stream_buffer:  # pragma: no branch - it is a race
                    await self._changed()
            finally:
                self.sending -= 1
        return await super()._yield(message)

    def took(self, size: int) -> None:
        """Note that the reader has taken so many bytes; from its thread."""
        # Before the flag is read: `_yield` sets the flag before it counts again, so one of the two sees the other.
        self.taken += size or self._in_step
        if self.draining and self.written - self.taken <= self.settings.stream_buffer:
            self.draining = False
            self.loop.post(self.notify)

    _steps: ClassVar[dict[str, Callable[[Any, Message], None]]] = {
        "http.response.start": _start,
        "http.response.body": _body,
        "http.response.trailers": _trailers,
        "http.response.debug": _debug,
        "http.response.early_hint": _early_hint,
        "http.response.push": _push,
        "http.response.pathsend": _pathsend,
        "http.response.zerocopysend": _zerocopysend,
    }

    def expectation(self) -> str:
        """Return what has not come, for the error of a wait that has ended."""
        if not self.started:
            return "no http.response.start"
        if not self.complete:
            return f"no end of the response ({self.written} bytes so far)"
        return "the response is complete, but the application has not returned"

    def advice(self) -> str:
        """Return what the application waits in, if it is this package, and the way out."""
        if self.sending:
            return f"It waits in send(): {self.written - self.taken} bytes are unread, and the test does not read."
        if self.receiving and self.uploading:
            return "It waits in receive() for the next chunk of the request body, which the test has not given yet."
        if self.receiving and not self.complete:
            return "It waits in receive(): the request body is complete, only a disconnect can follow."
        if self._buffered and self.started and not self.complete:
            return 'To read a response that does not end, use client.stream("GET", ...) and leave its block.'
        if self.complete:
            return "Work after the response, such as a background task, keeps it; wait_for_app=False does not wait."
        return ""


def _pairs(message: Message) -> RawHeaders:
    return [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]


def _blocks(message: Message) -> Iterator[bytes]:
    """Yield the bytes of a zerocopysend message: from its offset, or from the file's position."""
    given: Any = message["file"]
    file: int = given if isinstance(given, int) else given.fileno()
    left: int | None = message.get("count")
    offset: int | None = message.get("offset")
    read: Callable[[int], bytes] = partial(os.read, file)
    while left is None or left > 0:
        size = BLOCK if left is None else min(left, BLOCK)
        if offset is None:
            block = read(size)
        else:
            # Unlike a seek and a read, this leaves the position of a file that several responses may share.
            block = os.pread(file, size, offset)
            offset += len(block)
        if not block:
            return
        left = None if left is None else left - len(block)
        yield block
