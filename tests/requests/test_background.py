from __future__ import annotations

import functools
import threading
from unittest.mock import create_autospec

import anyio.lowlevel
import pytest

from asgi_requests.background import BackgroundTask, BackgroundTasks
from asgi_requests.responses import PlainTextResponse
from raw_asgi import request


async def test_an_async_function_is_awaited_with_its_arguments():
    seen = []

    async def work(*args, **kwargs):
        seen.append((args, kwargs, threading.current_thread()))

    await BackgroundTask(work, 1, two=2)()
    assert seen == [((1,), {"two": 2}, threading.current_thread())]


async def test_other_functions_run_in_a_thread():
    seen = []
    await BackgroundTask(lambda *args, **kwargs: seen.append((args, kwargs, threading.current_thread())), 1, two=2)()
    assert seen[0][:2] == ((1,), {"two": 2})
    assert seen[0][2] is not threading.current_thread()


def synchronized(function):
    """A decorator that does not tell that the function is async."""

    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


async def test_an_awaitable_that_a_function_returns_is_awaited():
    seen = []

    async def work(value):
        await anyio.lowlevel.checkpoint()
        seen.append((value, threading.current_thread()))

    class Awaitable:
        def __await__(self):
            return work("object").__await__()

    tasks = BackgroundTasks([BackgroundTask(lambda: work("lambda")), BackgroundTask(lambda: Awaitable())])
    tasks.add_task(functools.partial(synchronized(work), "partial"))
    tasks.add_task(synchronized(work), value="decorated")
    await tasks()
    assert seen == [(value, threading.current_thread()) for value in ("lambda", "object", "partial", "decorated")]


async def test_what_an_awaitable_raises_is_raised():
    async def fail():
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await BackgroundTask(lambda: fail())()


async def test_a_mock_of_an_async_function_is_awaited():
    async def job(value):
        pass

    mock = create_autospec(job)
    await BackgroundTask(mock, 1)()
    mock.assert_awaited_once_with(1)


async def test_callable_objects_and_partials_are_distinguished():
    class Job:
        async def __call__(self):
            pass

    assert BackgroundTask(Job()).is_async
    assert BackgroundTask(functools.partial(functools.partial(Job()))).is_async
    assert not BackgroundTask(Job).is_async


async def test_tasks_run_in_order_and_the_first_that_fails_is_the_last():
    seen = []

    def fail():
        raise LookupError("second")

    tasks = BackgroundTasks([BackgroundTask(seen.append, 1)])
    tasks.add_task(fail)
    tasks.add_task(seen.append, 3)
    with pytest.raises(LookupError, match="second"):
        await tasks()
    assert seen == [1]


async def test_every_task_runs():
    seen = []
    tasks = BackgroundTasks()
    tasks.add_task(seen.append, 1)
    tasks.add_task(seen.append, 2)
    await tasks()
    assert seen == [1, 2]


async def test_tasks_given_are_not_changed():
    given = []
    BackgroundTasks(given).add_task(print)
    assert given == []


async def test_a_task_runs_after_the_answer():
    order = []

    async def app(scope, receive, send):
        async def send_noted(message):
            order.append(message["type"])
            await send(message)

        await PlainTextResponse("x", background=BackgroundTask(order.append, "task"))(scope, receive, send_noted)

    await request(app)
    assert order == ["http.response.start", "http.response.body", "task"]
