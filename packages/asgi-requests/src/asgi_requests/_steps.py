"""Take the first step of an awaitable at once, and the others when the rest is awaited.

An awaitable that never waits is finished by its first step: no task is needed beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._tasks import end_of, outlast

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class FirstStep(Generic[T]):
    """An awaitable that has been run up to its first wait; for asyncio alone, as a wait of trio cannot be held back.

    Awaiting it gives the result. `done` says that there is nothing left to wait for, or that it was awaited.
    The first step's exception is raised by the constructor.
    """

    __slots__ = ("_rest", "_result", "_waits_for", "done")

    _result: T

    def __init__(self, awaitable: Awaitable[T]) -> None:
        self._rest: Any = awaitable.__await__()
        self._step(self._rest.send, None)

    def _step(self, resume: Callable[[Any], Any], value: Any) -> None:
        """Run up to the next wait."""
        # A future that has failed holds the exception, whose traceback holds this frame.
        self._waits_for = None
        try:
            self._waits_for = resume(value)
            self.done = False
        except StopIteration as end:
            self._result = end.value
            self.done = True
        except BaseException:
            self.done = True
            raise
        finally:
            # Avoid a reference cycle through the traceback.
            del value

    def __await__(self) -> Generator[Any, Any, T]:
        if self.done:
            return self._result
        # However it ends, there is nothing left to abandon.
        self.done = True
        rest, waits_for, self._waits_for = self._rest, self._waits_for, None
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as exc:
                    waits_for = rest.throw(exc)
                else:
                    waits_for = rest.send(sent)
        except StopIteration as end:
            self._result = end.value
        finally:
            # Avoid a reference cycle through the traceback of what a future has failed with.
            del waits_for
        return self._result

    async def go_on_during(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Await a coroutine, go on meanwhile, to the end if there is time, and raise what either of them raises.

        The coroutine runs in a task of its own, and a cancellation is raised where this waits: a cancel scope or a
        timeout that was opened in the first step is one of this task, and must not end another wait. It goes on because
        a shielded scope that was opened in it holds every cancellation back, until it is left.
        """
        import asyncio  # loaded by now; on trio it never is

        task = asyncio.get_running_loop().create_task(coroutine)
        try:
            while not task.done():
                try:
                    await self._end_of_wait(task)
                except asyncio.CancelledError as exc:
                    if self.done:
                        raise
                    await self._cancel(exc)
                else:
                    if not self.done and not task.done():
                        self._step(self._rest.send, None)
            task.result()
        except BaseException:
            task.cancel()
            await outlast(task)
            raise
        finally:
            # Avoid a reference cycle through the traceback.
            del task

    async def _end_of_wait(self, task: asyncio.Task[None]) -> None:
        """Wait until there is a next step, or a task is done."""
        import asyncio

        if self.done:
            await end_of(task)
        elif self._waits_for is None:  # it lets the event loop run
            await asyncio.sleep(0)
        else:
            await asyncio.wait((task, self._waits_for), return_when=asyncio.FIRST_COMPLETED)

    async def _cancel(self, exc: BaseException) -> None:
        """Cancel what is waited for, as a task does that is cancelled, and raise the exception at the wait then."""
        import asyncio

        waits_for = self._waits_for
        try:
            if waits_for is not None:
                waits_for.cancel()
                while not waits_for.done():  # a task, or several, that clean up
                    try:
                        await end_of(waits_for)
                    except asyncio.CancelledError as again:
                        waits_for.cancel()
                        exc = again
                exc = _failure_of(waits_for) or exc
            self._step(self._rest.throw, exc)
        finally:
            # Avoid reference cycles through the traceback.
            del exc, waits_for

    async def abandon(self, exc: BaseException) -> None:
        """Cancel the first wait with an exception, and let the awaitable clean up.

        Closing it would not do: CPython 3.11 leaves an asynchronous generator that is closed at a wait running.
        """
        if not self.done:
            try:
                await self._cancel(exc)
                await self
            except BaseException as raised:
                if raised is not exc:
                    raise
            finally:
                # Avoid a reference cycle through the traceback.
                del exc


def _failure_of(future: Any) -> Exception | None:
    """Return what a future has failed with, unless that is its cancellation, with which `asyncio.gather` fails."""
    failure = None if future.cancelled() else future.exception()
    return failure if isinstance(failure, Exception) else None
