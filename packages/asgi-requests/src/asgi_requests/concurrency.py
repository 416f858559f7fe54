"""Blocking code beside the event loop: calls and iterators run in AnyIO's worker threads, on asyncio and on trio.

    import hashlib

    from asgi_requests.concurrency import iterate_in_threadpool, run_in_threadpool

    async def fingerprint(password, salt):
        return await run_in_threadpool(hashlib.scrypt, password, salt=salt, n=2**14, r=8, p=1)

    async def lines(path):
        with open(path) as file:
            async for line in iterate_in_threadpool(file):
                yield line

Threads are those of AnyIO's default limiter: 40 at a time, `anyio.to_thread.current_default_thread_limiter()`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from types import FunctionType
from typing import Any, ParamSpec, TypeGuard, TypeVar

import anyio

from .exceptions import RequestsDeprecationWarning

P = ParamSpec("P")
T = TypeVar("T")

_END: Any = object()


def is_async_callable(obj: Any) -> TypeGuard[Callable[..., Awaitable[Any]]]:
    """Return whether a call returns a coroutine: async functions, objects with an async `__call__`, partials of them.

    A mock with the signature of an async function (`create_autospec`) is one, too.
    """
    if type(obj) is FunctionType and obj.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # asked for every exception that a handler answers; `inspect` takes four to nine times as long
    while isinstance(obj, functools.partial):
        obj = obj.func
    return (
        inspect.iscoroutinefunction(obj)
        or (callable(obj) and inspect.iscoroutinefunction(type(obj).__call__))
        or _is_marked(obj)
    )


def _is_marked(obj: Any) -> bool:
    """Return whether an object has asyncio's own mark, as mocks and asgiref set it in Python 3.11."""
    mark = getattr(sys.modules.get("asyncio.coroutines"), "_is_coroutine", None)
    return mark is not None and getattr(obj, "_is_coroutine", None) is mark


async def run_in_threadpool(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function in a worker thread, with the caller's context variables, and wait for its result.

    A caller that is cancelled by a cancel scope waits until the function has returned: a thread cannot be stopped.
    """
    if kwargs:
        return await anyio.to_thread.run_sync(functools.partial(func, *args, **kwargs))
    return await anyio.to_thread.run_sync(func, *args)


async def call_in_threadpool(func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
    """Call a function in a worker thread, and await what it returns if that is awaitable.

    A lambda, a decorator or a partial may hide an async function: its work would be lost silently.
    """
    # In a box: AnyIO refuses a coroutine that a function returns on trio.
    (result,) = await run_in_threadpool(_boxed, func, args, kwargs)
    return await result if inspect.isawaitable(result) else result


def _boxed(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any]:
    return (func(*args, **kwargs),)


async def iterate_in_threadpool(iterator: Iterable[T]) -> AsyncIterator[T]:
    """Iterate over a blocking iterable, each step in a worker thread; a generator left early is closed in one too."""
    steps = iter(iterator)
    finished = False
    try:
        # With a default: StopIteration cannot be raised out of a future, nor out of a coroutine (PEP 479).
        while (item := await anyio.to_thread.run_sync(next, steps, _END)) is not _END:
            yield item
        finished = True
    finally:
        if not finished and isinstance(steps, Generator):
            # Shielded: a cancelled task would leave the generator to the garbage collector, in any thread.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(steps.close)


async def run_until_first_complete(*args: tuple[Callable[..., Awaitable[Any]], dict[str, Any]]) -> None:
    """Run pairs of an async function and its keyword arguments until one returns, and cancel the others.

    Deprecated: use a task group.
    """
    warnings.warn(
        "run_until_first_complete is deprecated and will be removed in a future version.",
        RequestsDeprecationWarning,
        stacklevel=2,
    )
    async with anyio.create_task_group() as tasks:

        async def run(func: Callable[..., Awaitable[Any]], kwargs: dict[str, Any]) -> None:
            await func(**kwargs)
            tasks.cancel_scope.cancel()

        for func, kwargs in args:
            tasks.start_soon(run, func, kwargs)
