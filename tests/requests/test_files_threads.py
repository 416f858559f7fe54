"""The threads that files are read in."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import anyio
import pytest

from asgi_requests import _workers
from asgi_requests._tasks import outlast
from asgi_requests._threads import finish_in_thread, run_in_thread
from raw_asgi import garbage_of


def ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "asgi-requests"}


def until(condition) -> None:
    for _ in range(5000):
        gc.collect()
        if condition():
            return
        time.sleep(0.001)
    raise AssertionError("it never came true")


async def test_a_call_runs_in_another_thread_and_returns():
    assert await run_in_thread(divmod, 7, 2) == (3, 1)
    assert await run_in_thread(threading.get_ident) != threading.get_ident()


async def test_what_a_call_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(divmod, 1, 0)
    assert await run_in_thread(abs, -1) == 1


async def test_a_write_is_waited_for_by_who_is_cancelled():
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def write():
        begun.set()
        go_on.wait(5)
        ended.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(finish_in_thread, write)
        while not begun.is_set():
            await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
        go_on.set()
    assert ended == [True]


@pytest.mark.parametrize("fails", [False, True])
def test_a_write_is_waited_for_under_a_timeout_of_asyncio(fails):
    begun, go_on, events = threading.Event(), threading.Event(), []

    def write():
        begun.set()
        go_on.wait(5)
        events.append("written")
        if fails:
            raise OSError("disk full")

    async def main():
        try:
            async with asyncio.timeout(0.01):
                asyncio.get_running_loop().call_later(0.03, go_on.set)
                await finish_in_thread(write)
        except TimeoutError:
            events.append("timed out")
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0
    assert events == ["written", "timed out"]


async def cancelled_meanwhile(end) -> None:
    """Cancel a task that outlasts a future, and let `end(future)` end the future afterwards."""
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(outlast(future))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    end(future)
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_future_that_is_cancelled_itself_is_outlasted_too():
    asyncio.run(cancelled_meanwhile(asyncio.Future.cancel))


async def test_what_a_write_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        await finish_in_thread(divmod, 1, 0)


def test_one_thread_serves_calls_that_follow_one_another():
    async def main():
        return {await run_in_thread(threading.get_ident) for _ in range(20)}

    assert len(asyncio.run(main())) == 1


def test_more_calls_than_threads_are_all_served():
    before = ours()
    release = threading.Event()

    async def main():
        calls = [asyncio.create_task(run_in_thread(release.wait, 10)) for _ in range(_workers.MAX_THREADS + 3)]
        await asyncio.sleep(0)
        threads = len(ours() - before)
        release.set()
        assert all(await asyncio.gather(*calls))
        return threads

    assert asyncio.run(main()) == _workers.MAX_THREADS


def test_the_threads_end_with_their_loop():
    before = ours()

    async def main():
        await run_in_thread(abs, 1)
        assert ours() - before

    asyncio.run(main())
    until(lambda: not ours() - before)


def test_a_call_that_outlives_its_loop_ends_its_thread():
    before = ours()
    release = threading.Event()

    async def main():
        call = asyncio.create_task(run_in_thread(release.wait, 10))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())
    release.set()
    until(lambda: not ours() - before)


def test_a_call_whose_caller_is_gone_frees_its_thread():
    release = threading.Event()

    async def main():
        call = asyncio.create_task(run_in_thread(release.wait, 10))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        release.set()
        pool = _workers.WorkerPool.of(asyncio.get_running_loop())
        while not pool.idle:
            await asyncio.sleep(0.001)
        await run_in_thread(abs, 1)
        return pool.size

    assert asyncio.run(main()) == 1


def test_no_cycle_is_left_by_a_cancellation_that_waits_for_the_call():
    async def cancel():
        await cancelled_meanwhile(lambda future: future.set_result(None))

    assert asyncio.run(garbage_of(cancel)) == 0
