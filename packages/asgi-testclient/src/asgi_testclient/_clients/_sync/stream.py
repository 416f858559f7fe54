# Generated from _clients/_async/stream.py by `hatch run unasync`: edit that file.
# fmt: off
"""The body of a response that is still being sent, chunk by chunk as the application sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ..._calls.http import HTTPCall
from ..._errors import TestError, raise_or_note
from .driver import Driver

if TYPE_CHECKING:
    from .transport import Transport

__tracebackhide__ = True  # pytest shows the code of its reader instead


class Chunks:
    """Iterates over a response body.

    Not a generator, which trio would complain of if a test breaks out of its loop. It has no `close`, which
    `yield from` in httpx would call while the garbage collector runs, where errors are lost.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        chunk = self._stream.next_chunk()
        if chunk is None:
            raise StopIteration
        return chunk


class Stream:
    """A response body. Closing it before the response is complete is the client leaving."""

    def begin(self, driver: Driver[HTTPCall], seconds: float | None, owner: Transport) -> None:
        """Take the response to read, and the time limit of each wait."""
        self.driver = driver
        self.seconds = seconds
        self.owner = owner  # keeps the loop alive as long as the stream is read
        self.test_error = TestError()
        self.closed = False

    def __iter__(self) -> Chunks:
        return Chunks(self)

    def next_chunk(self) -> bytes | None:
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
                self.close()
                return None
            else:
                self.driver.wait(lambda: bool(call.chunks) or self._has_ended(), self.seconds)

    def _has_ended(self) -> bool:
        call = self.driver.call
        return call.complete or call.done or call.left

    def close(self) -> None:
        """Wait for an application that has sent its whole response, or leave it; then raise what it raised."""
        if self.closed:
            return
        self.closed = True
        test = self.test_error.current()
        problem: BaseException | None
        try:
            self._finish()
            problem = None
        except BaseException as exc:
            problem = exc
        try:
            raise_or_note(problem, test)
        finally:
            problem = test = None

    def _finish(self) -> None:
        call = self.driver.call
        try:
            if not call.complete:
                self.driver.leave()
            elif call.settings.wait_for_app:
                self.driver.wait(self.driver.done, self.seconds)
        except BaseException:
            self.driver.abort()
            raise
        finally:
            self.owner.forget(self.driver)
        self.owner.raise_failure(call)
