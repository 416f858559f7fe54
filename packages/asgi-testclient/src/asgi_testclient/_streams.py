"""The body of a response that is still being sent, chunk by chunk as the application sent it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from ._http import HTTPExchange
from ._runs import Departure, TaskRun, ThreadRun, settle


def advised(exc: BaseException | None, hint: str | None) -> BaseException | None:
    """The exception with a hint as its note, once."""
    if exc is not None and hint is not None and hint not in getattr(exc, "__notes__", ()):
        exc.add_note(hint)
    return exc


class ThreadStream:
    """Read from a thread beside the loop. Closing it is the client leaving, if the response is not complete."""

    exchange: HTTPExchange

    def begin(self, run: ThreadRun, exchange: HTTPExchange, seconds: float | None, owner: Any) -> None:
        self.run = run
        self.exchange = exchange
        self.seconds = seconds
        self.owner = owner  # keeps the loop alive as long as somebody reads
        self.departure = Departure()
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        exchange, chunks = self.exchange, self.exchange.chunks
        while True:
            ended = exchange.complete or exchange.done  # asked first: what is there then is all there will be
            while chunks:
                chunk = chunks.popleft()
                exchange.took(len(chunk))
                if chunk:
                    yield chunk
            if ended:
                return self.close()
            self._wait_for_more()

    def _wait_for_more(self) -> None:
        exchange = self.exchange
        self.run.wait(
            lambda: bool(exchange.chunks) or exchange.complete or exchange.done,
            self.seconds,
            exchange.expectation,
            exchange.advice,
        )

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        test = self.departure.raised()
        problem: BaseException | None
        try:
            self.finish(self.seconds)
            problem = None
        except BaseException as exc:
            problem = exc
        try:
            settle(problem, test)
        finally:
            problem = test = None

    def finish(self, seconds: float | None) -> None:
        """Wait for the application to return, or leave it; then raise what it raised."""
        exchange = self.exchange
        try:
            if not exchange.complete:
                self.run.leave()
            elif exchange.settings.wait_for_app:
                self.run.wait(self.run.done, seconds, exchange.expectation, exchange.advice)
        except BaseException as exc:
            self.run.abort(exc)
            raise
        finally:
            self.owner.forget(self.run)
        self.owner.raise_failure(exchange)


class TaskStream:
    """Read from a task on the application's loop. Closing it is the client leaving, if it is not complete."""

    def begin(self, run: TaskRun, exchange: HTTPExchange, seconds: float | None, owner: Any) -> None:
        self.run = run
        self.exchange = exchange
        self.seconds = seconds
        self.owner = owner
        self.departure = Departure()
        self.closed = False

    def __aiter__(self) -> Self:
        return self  # no generator, which trio would complain of where a test breaks out of its loop

    async def __anext__(self) -> bytes:
        exchange = self.exchange
        chunk = b""
        while not chunk:
            while not exchange.chunks:
                if exchange.complete or exchange.done or exchange.client_error:
                    await self.aclose()
                    raise StopAsyncIteration
                await self._wait_for_more()
            chunk = exchange.chunks.popleft()
            exchange.took(len(chunk))
        return chunk

    async def _wait_for_more(self) -> None:
        exchange = self.exchange
        await self.run.wait(
            lambda: bool(exchange.chunks or exchange.complete or exchange.done or exchange.client_error),
            self.seconds,
            exchange.expectation,
            exchange.advice,
        )

    async def aclose(self) -> None:
        if self.closed:
            return
        self.closed = True
        test = self.departure.raised()
        problem: BaseException | None
        try:
            await self.finish(self.seconds)
            problem = None
        except BaseException as exc:
            problem = exc
        try:
            settle(problem, test)
        finally:
            problem = test = None

    async def finish(self, seconds: float | None) -> None:
        """Wait for the application to return, or leave it; then raise what it raised."""
        exchange = self.exchange
        try:
            if not exchange.complete:
                await self.run.leave()
            elif exchange.settings.wait_for_app:
                await self.run.wait(self.run.done, seconds, exchange.expectation, exchange.advice)
        except BaseException:
            await self.run.abort()
            raise
        finally:
            self.owner.forget(self.run)
        self.owner.raise_failure(exchange)
