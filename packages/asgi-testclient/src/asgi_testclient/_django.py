"""Django's synchronous code runs where the test runs: on its thread, and so inside its transaction."""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from functools import partial
from types import TracebackType
from typing import Any

from ._callers import ThreadCaller


class CallerExecutor(Executor):
    """Runs functions on the thread that waits for the application, one at a time."""

    def __init__(self, caller: ThreadCaller) -> None:
        self._caller = caller

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._caller.submit(partial(_work, future, fn, args, kwargs))
        return future


def _work(future: Future[Any], fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as exc:
        future.set_exception(exc)
    else:
        future.set_result(result)


class Crossing:
    """Awaits an application while asgiref's thread-sensitive calls go to the caller's thread."""

    __slots__ = ("_executor",)

    def __init__(self, caller: ThreadCaller) -> None:
        self._executor = CallerExecutor(caller)

    async def run(self, application: Awaitable[Any]) -> Any:
        sync: Any = sys.modules["asgiref.sync"]
        try:
            context = sync.ThreadSensitiveContext(executor=self._executor)
        except TypeError:  # before asgiref 3.13; the attribute is bound to the context of this task
            sync.AsyncToSync.executors.current = self._executor
            return await application
        async with context:
            return await application


class OpenConnections:
    """While it is entered, the end of a request closes no database connection.

    Otherwise the first would close the one that holds the test's transaction; Django's own test clients see to it too.
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
