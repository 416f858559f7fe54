"""One call in a thread, as cheaply as the event loop allows, and things that live in threads while their users leave.

`run_in_thread` is for work of our own: it hands over no context variables, and who is cancelled does not wait.
For functions of the application there is `concurrency.run_in_threadpool`, which does both.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

import anyio.to_thread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def asyncio_task() -> asyncio.Task[Any] | None:
    """The current asyncio task; None on trio, in guest mode as well."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


async def run_in_thread(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """The result of a blocking call; if the caller is cancelled, the call goes on and its result is dropped.

    On asyncio it runs in the loop's default executor, which costs less than AnyIO's threads.
    """
    task = asyncio_task()
    if task is None:
        return await anyio.to_thread.run_sync(function, *args, abandon_on_cancel=True)
    return await task.get_loop().run_in_executor(None, function, *args)


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
