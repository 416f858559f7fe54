"""Call the functions of an application, sync or async, in the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from asgi_requests.concurrency import is_async_callable, run_in_threadpool


def as_async(func: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Return a function to await: `func` where it is async, else one that calls it in the thread pool.

    An awaitable that a sync function returns, as a decorator around an async one does, is awaited.
    """
    return func if is_async_callable(func) else partial(_call_sync, func)


def _call_sync(func: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
    return call_with(run_in_threadpool, func, *arguments)


async def call_with(run_in_thread: Callable[..., Awaitable[Any]], func: Callable[..., Any], *arguments: Any) -> Any:
    """Call a sync function in a thread that `run_in_thread` finds, and await an awaitable that it returns."""
    (returned,) = await run_in_thread(_boxed, func, *arguments)
    return await returned if hasattr(returned, "__await__") else returned


def _boxed(func: Callable[..., Any], *arguments: Any) -> tuple[Any]:
    """Return the result in a tuple: trio's threads refuse to return a coroutine."""
    return (func(*arguments),)
