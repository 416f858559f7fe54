"""Calls of an application's functions, sync or async, in the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from asgi_requests.concurrency import is_async_callable, run_in_threadpool


def as_async(func: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Return an async function: `func` itself, or one that calls a sync `func` in the thread pool.

    If a sync function returns an awaitable, as a decorator around an async function does, it is awaited.
    """
    return func if is_async_callable(func) else partial(_call_sync, func)


def _call_sync(func: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
    return call_with(run_in_threadpool, func, *arguments)


async def call_with(run_in_thread: Callable[..., Awaitable[Any]], func: Callable[..., Any], *arguments: Any) -> Any:
    """Call a sync function by `run_in_thread`, and await the result if it is awaitable."""
    (returned,) = await run_in_thread(_boxed, func, *arguments)
    return await returned if hasattr(returned, "__await__") else returned


def _boxed(func: Callable[..., Any], *arguments: Any) -> tuple[Any]:
    """Return the result in a tuple, since trio's threads refuse to return a coroutine."""
    return (func(*arguments),)
