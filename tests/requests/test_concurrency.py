from __future__ import annotations

import contextvars
import functools
import threading
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import anyio
import pytest

from asgi_requests.concurrency import (
    is_async_callable,
    iterate_in_threadpool,
    run_in_threadpool,
    run_until_first_complete,
)
from asgi_requests.exceptions import RequestsDeprecationWarning

variable = contextvars.ContextVar("variable", default="unset")


async def async_function():
    pass


class Async:
    async def __call__(self):
        pass

    async def method(self):
        pass


@pytest.mark.parametrize(
    ("callable_", "expected"),
    [
        (async_function, True),
        (functools.partial(async_function), True),
        (functools.partial(functools.partial(async_function)), True),
        (Async(), True),
        (functools.partial(Async()), True),
        (Async().method, True),
        (Async, False),
        (len, False),
        (lambda: async_function(), False),
        (3, False),
        (create_autospec(async_function), True),
        (functools.partial(create_autospec(async_function)), True),
        (AsyncMock(), True),
        (create_autospec(len), False),
        (MagicMock(), False),
        (Mock(), False),
    ],
)
def test_async_callables_are_distinguished(callable_, expected):
    assert is_async_callable(callable_) is expected


async def test_a_call_runs_in_a_thread_with_the_context_of_its_caller():
    variable.set("here")

    def work(a, *, b=0):
        return a, b, variable.get(), threading.current_thread()

    a, b, seen, thread = await run_in_threadpool(work, 1, b=2)
    assert (a, b, seen) == (1, 2, "here")
    assert thread is not threading.current_thread()
    assert (await run_in_threadpool(work, 1))[:3] == (1, 0, "here")


async def test_what_a_call_raises_passes():
    with pytest.raises(ZeroDivisionError):
        await run_in_threadpool(lambda: 1 / 0)


async def test_anyio_calls_back_from_the_thread():
    async def answer():
        return 42

    assert await run_in_threadpool(anyio.from_thread.run, answer) == 42


async def test_an_iterator_is_stepped_through_in_threads():
    threads = set()

    def steps():
        for i in range(3):
            threads.add(threading.current_thread())
            yield i

    assert [i async for i in iterate_in_threadpool(steps())] == [0, 1, 2]
    assert threading.current_thread() not in threads
    assert [i async for i in iterate_in_threadpool([1, None])] == [1, None]


async def test_a_generator_left_early_is_closed_in_a_thread():
    closed_by = []

    def steps():
        try:
            yield 1
            yield 2
        finally:
            closed_by.append(threading.current_thread())

    iterator = iterate_in_threadpool(steps())
    assert await anext(iterator) == 1
    await iterator.aclose()
    assert len(closed_by) == 1
    assert closed_by[0] is not threading.current_thread()


async def test_a_generator_is_closed_when_its_reader_is_cancelled():
    closed = []

    def steps():
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    with anyio.CancelScope() as scope:
        iterator = iterate_in_threadpool(steps())
        try:
            async for _ in iterator:
                scope.cancel()
                await anyio.sleep_forever()
        finally:
            await iterator.aclose()
    assert closed == [True]


async def test_an_iterator_that_is_not_a_generator_is_left_alone():
    class Steps:
        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def close(self):
            raise AssertionError("not ours to close")

    iterator = iterate_in_threadpool(Steps())
    assert await anext(iterator) == 1
    await iterator.aclose()


async def test_an_iterator_that_fails_is_reported():
    def steps():
        yield 1
        raise LookupError

    seen = []
    with pytest.raises(LookupError):  # noqa: PT012
        async for i in iterate_in_threadpool(steps()):
            seen.append(i)
    assert seen == [1]


async def test_the_first_to_end_ends_the_others():
    ended = []

    async def work(name, seconds):
        await anyio.sleep(seconds)
        ended.append(name)

    with pytest.warns(RequestsDeprecationWarning, match="run_until_first_complete is deprecated"):
        await run_until_first_complete((work, {"name": "a", "seconds": 0}), (work, {"name": "b", "seconds": 60}))
    assert ended == ["a"]
