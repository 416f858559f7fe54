from __future__ import annotations

import functools
import threading

import pytest

from asgi_requests.background import BackgroundTask, BackgroundTasks
from asgi_requests.responses import PlainTextResponse
from wire import request


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


async def test_callable_objects_and_partials_are_told_apart():
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
