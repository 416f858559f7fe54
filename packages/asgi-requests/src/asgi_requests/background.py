"""Work done after the response has been sent, in the same request.

    from asgi_requests import BackgroundTask, PlainTextResponse

    async def send_email(to):
        ...

    async def sign_up(request):
        task = BackgroundTask(send_email, to="ada@example.org")
        return PlainTextResponse("Thank you", background=task)

An async function is awaited, any other runs in a worker thread; an awaitable that it returns is awaited, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

from .concurrency import call_in_threadpool, is_async_callable

P = ParamSpec("P")


class BackgroundTask:
    """A call that is made when the task is awaited: `await task()`."""

    def __init__(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.is_async = is_async_callable(func)

    async def __call__(self) -> None:
        if self.is_async:
            await self.func(*self.args, **self.kwargs)
        else:
            await call_in_threadpool(self.func, *self.args, **self.kwargs)


class BackgroundTasks(BackgroundTask):
    """Several tasks, run one after the other in the order they were added, up to the first that raises."""

    def __init__(self, tasks: Sequence[BackgroundTask] | None = None) -> None:
        self.tasks = list(tasks) if tasks else []

    def add_task(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Append one more call."""
        self.tasks.append(BackgroundTask(func, *args, **kwargs))

    async def __call__(self) -> None:
        for task in self.tasks:
            await task()
