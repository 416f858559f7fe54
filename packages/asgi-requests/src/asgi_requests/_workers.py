"""Worker threads of an asyncio event loop, for blocking work of this package: half the price of the loop's executor.

An executor costs two futures, a lock and a queue for each call; here a call is one future and one queue. The threads
are started when they are needed, are reused, and end with their loop.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_THREADS = 40


class WorkerPool:
    """The worker threads of one event loop; a worker is known by the queue of its jobs."""

    def __init__(self) -> None:
        self.size = 0
        self.idle: list[SimpleQueue[Any]] = []

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> WorkerPool:
        """Return the pool of an event loop."""
        pool = _pools.get(loop)
        if pool is None:
            pool = _pools[loop] = cls()
        return pool

    def submit(self, loop: asyncio.AbstractEventLoop, function: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Return the future of a call in a worker thread, or in the loop's executor where all workers are busy."""
        worker = self.idle.pop() if self.idle else self.get()
        if worker is None:
            return loop.run_in_executor(None, function, *args)
        future: asyncio.Future[T] = loop.create_future()
        worker.put((self, loop, future, function, args))
        return future

    def get(self) -> SimpleQueue[Any] | None:
        """Start a worker and return its queue, or None if there are enough."""
        if self.size >= MAX_THREADS:
            return None
        self.size += 1
        worker: SimpleQueue[Any] = SimpleQueue()
        # A daemon: a read that hangs on a network disk does not keep the process from its end.
        threading.Thread(target=_work, args=(worker,), name="asgi-requests", daemon=True).start()
        return worker

    def __del__(self) -> None:
        for worker in self.idle:
            worker.put(None)


_pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, WorkerPool] = weakref.WeakKeyDictionary()


def _work(worker: SimpleQueue[Any]) -> None:
    while (job := worker.get()) is not None:
        pool, loop, future, function, args = job
        result, error = None, None
        try:
            result = function(*args)
        except BaseException as exc:
            error = exc
        try:
            loop.call_soon_threadsafe(_finish, pool, worker, future, result, error)
        except RuntimeError:
            # The loop is closed: no task waits for the result any more.
            return
        # An idle thread must keep nothing alive: neither its loop nor the file that it has read.
        del job, pool, loop, future, function, args, result, error


def _finish(
    pool: WorkerPool, worker: SimpleQueue[Any], future: asyncio.Future[Any], result: Any, error: BaseException | None
) -> None:
    pool.idle.append(worker)
    # The caller was cancelled: a result would be an InvalidStateError.
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
