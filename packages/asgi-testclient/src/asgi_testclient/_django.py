"""Run Django's synchronous code on the thread of the test, and so inside its transaction.

While a request runs, Django's `close_old_connections` is disconnected from its signals `request_started` and
`request_finished`, for the whole process; it is connected again with the last such request.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from functools import partial
from types import TracebackType
from typing import Any

from ._loops.backends import ThreadWaiter


class TestThreadExecutor(Executor):
    """Runs functions on the thread that waits for the application, one at a time."""

    __test__ = False

    def __init__(self, waiter: ThreadWaiter) -> None:
        self._waiter = waiter

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have the waiting thread run a function; return the future of its result."""
        future: Future[Any] = Future()
        self._waiter.submit(partial(_work, future, fn, args, kwargs))
        return future


def _work(future: Future[Any], fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
    # False where the caller in the application has been cancelled while the job waited for the thread.
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    # As executors do: KeyboardInterrupt and SystemExit belong to the caller, too.
    except BaseException as exc:
        future.set_exception(exc)
    else:
        future.set_result(result)


class ThreadSensitive:
    """Awaits an application while asgiref's thread-sensitive calls run on the thread of the test."""

    __slots__ = ("_executor",)

    def __init__(self, waiter: ThreadWaiter) -> None:
        self._executor = TestThreadExecutor(waiter)

    async def run(self, application: Awaitable[Any]) -> Any:
        """Await the application."""
        sync: Any = sys.modules["asgiref.sync"]
        try:
            context = sync.ThreadSensitiveContext(executor=self._executor)
        except TypeError:  # before asgiref 3.13; the attribute is bound to the context of this task
            sync.AsyncToSync.executors.current = self._executor
            return await application
        async with context:
            return await application


class OpenConnections:
    """Keeps the end of a request from closing database connections while it is entered.

    The first would otherwise close the connection that holds the test's transaction; Django's own test clients do the
    same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._silenced: list[Any] = []

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                django, signals = sys.modules["django.db"], sys.modules["django.core.signals"]
                close: Any = django.close_old_connections
                both = (signals.request_started, signals.request_finished)
                # Only what was connected is connected again: a project may have disconnected it for good.
                self._silenced = [signal for signal in both if signal.disconnect(close)]

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for signal in self._silenced:
                    signal.connect(sys.modules["django.db"].close_old_connections)


OPEN_CONNECTIONS = OpenConnections()
