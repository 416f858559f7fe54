"""The body of a response that is still being sent, chunk by chunk as the application sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ..._calls.http import HTTPCall
from ..._errors import TestError, raise_or_note
from .driver import AsyncDriver

if TYPE_CHECKING:
    from .transport import AsyncTransport

__tracebackhide__ = True  # pytest shows the code of its reader instead


class AsyncChunks:
    """Iterates over a response body.

    Not a generator, which trio would complain of if a test breaks out of its loop. It has no `close`, which
    `yield from` in httpx would call while the garbage collector runs, where errors are lost.
    """

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._stream.next_chunk()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


class AsyncStream:
    """A response body. Closing it before the response is complete is the client leaving."""

    def begin(self, driver: AsyncDriver[HTTPCall], seconds: float | None, owner: AsyncTransport) -> None:
        """Take the response to read, and the time limit of each wait."""
        self.driver = driver
        self.seconds = seconds
        self.owner = owner  # keeps the loop alive as long as the stream is read
        self.test_error = TestError()
        self.closed = False

    def __aiter__(self) -> AsyncChunks:
        return AsyncChunks(self)

    async def next_chunk(self) -> bytes | None:
        """Return the next chunk, or None at the end."""
        call = self.driver.call
        while True:
            ended = self._has_ended()  # asked first: the chunks that are there then are all there will be
            if call.chunks:
                chunk = call.chunks.popleft()
                call.took(len(chunk))
                if chunk:
                    return chunk
            elif ended:
                await self.aclose()
                return None
            else:
                await self.driver.wait(lambda: bool(call.chunks) or self._has_ended(), self.seconds)

    def _has_ended(self) -> bool:
        call = self.driver.call
        return call.complete or call.done or call.left

    async def aclose(self) -> None:
        """Wait for an application that has sent its whole response, or leave it; then raise what it raised."""
        if self.closed:
            return
        self.closed = True
        test = self.test_error.current()
        problem: BaseException | None
        try:
            await self._finish()
            problem = None
        except BaseException as exc:
            problem = exc
        try:
            raise_or_note(problem, test)
        finally:
            problem = test = None

    async def _finish(self) -> None:
        call = self.driver.call
        try:
            if not call.complete:
                await self.driver.leave()
            elif call.settings.wait_for_app:
                await self.driver.wait(self.driver.done, self.seconds)
        except BaseException:
            await self.driver.abort()
            raise
        finally:
            await self.owner.forget(self.driver)
        self.owner.raise_failure(call)
