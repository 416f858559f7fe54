"""One call in a thread, as cheaply as the event loop allows, and things that live in threads while their users leave.

`run_in_thread` is for work of our own: it hands over no context variables, and who is cancelled does not wait.
For functions of the application there is `concurrency.run_in_threadpool`, which does both.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    import asyncio
    from queue import SimpleQueue

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def asyncio_task() -> asyncio.Task[Any] | None:
    """The current asyncio task; None on trio, in guest mode as well.

    Whoever runs on asyncio has imported it; here it would be half of what importing this package takes.
    """
    if "asyncio" not in sys.modules:
        return None
    try:
        task: asyncio.Task[Any] | None = sys.modules["asyncio"].current_task()
    except RuntimeError:
        return None
    return task


async def run_in_thread(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """The result of a blocking call; if the caller is cancelled, the call goes on and its result is dropped.

    On asyncio it runs in a thread of our own, for half of what the loop's executor costs.
    """
    task = asyncio_task()
    if task is None:
        return await anyio.to_thread.run_sync(function, *args, abandon_on_cancel=True)
    loop = task.get_loop()
    crew = _crews.get(loop)
    if crew is None:
        crew = _crews[loop] = _Crew()
    worker = crew.idle.pop() if crew.idle else crew.hire()
    if worker is None:
        return await loop.run_in_executor(None, function, *args)
    future: asyncio.Future[T] = loop.create_future()
    worker.put((crew, loop, future, function, args))
    return await future


async def finish_in_thread(function: Callable[[*Ts], None], *args: *Ts) -> None:
    """A blocking call that must not be left half done: if the caller is cancelled, it waits for the end."""
    with anyio.CancelScope(shield=True):
        await run_in_thread(function, *args)


class _Crew:
    """The threads of one event loop; they end with it."""

    size = 0

    def __init__(self) -> None:
        self.idle: list[SimpleQueue[Any]] = []

    def hire(self) -> SimpleQueue[Any] | None:
        """The work queue of a new thread, or None if there are enough."""
        if self.size >= _MAX_THREADS:
            return None
        from queue import SimpleQueue  # a millisecond, which a program that needs no thread is spared

        self.size += 1
        worker: SimpleQueue[Any] = SimpleQueue()
        threading.Thread(target=_work, args=(worker,), name="asgi-requests", daemon=True).start()
        return worker

    def __del__(self) -> None:
        for worker in self.idle:
            worker.put(None)


_MAX_THREADS = 40
_crews: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Crew] = weakref.WeakKeyDictionary()


def _work(worker: SimpleQueue[Any]) -> None:
    while (job := worker.get()) is not None:
        crew, loop, future, function, args = job
        result, error = None, None
        try:
            result = function(*args)
        except BaseException as exc:
            error = exc
        try:
            loop.call_soon_threadsafe(_finish, crew, worker, future, result, error)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return
        # An idle thread holds nothing: not its loop, and not the file that it has read.
        del job, crew, loop, future, function, args, result, error


def _finish(
    crew: _Crew, worker: SimpleQueue[Any], future: asyncio.Future[Any], result: Any, error: BaseException | None
) -> None:
    crew.idle.append(worker)
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class Exclusive:
    """Keeps a thread and a close apart: what is in use when it is closed is closed at the end of that use.

    Closing a file under a thread that reads it could let the read hit another file with the same descriptor,
    and a generator that runs cannot be closed at all; a cancelled caller must not wait for either.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self.closed = False

    def use(self, function: Callable[[], T]) -> T:
        """Call in the current thread; raises RuntimeError once closed."""
        try:
            with self._lock:
                if self.closed:
                    raise RuntimeError("already closed")
                return function()
        finally:
            if self.closed:
                self.close()

    def close(self) -> None:
        """Close now, or at the end of the call that is under way."""
        self.closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()
