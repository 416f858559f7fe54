"""Work for a client that has left is cancelled, and nothing else is changed."""

from __future__ import annotations

import subprocess
import sys

import anyio
import pytest

from asgi_middleware.disconnect import CancelOnDisconnectMiddleware, finish
from raw_asgi import garbage_of, http_scope, run, websocket_scope

EMPTY = {"type": "http.request", "body": b"", "more_body": False}
LEFT = {"type": "http.disconnect"}
START = {"type": "http.response.start", "status": 200, "headers": []}


async def test_work_is_cancelled_when_the_client_leaves():
    ended = []

    async def app(scope, receive, send):
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    reply = await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY, LEFT])
    assert (ended, reply.messages) == ([True], [])


async def test_work_for_a_client_that_stays_is_left_alone():
    async def app(scope, receive, send):
        await anyio.sleep(0.01)
        await send(START)

    assert (await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY])).messages == [START]


async def test_a_response_that_has_begun_is_notified_and_not_cancelled():
    async def app(scope, receive, send):
        await send(START)
        assert await receive() == EMPTY
        assert await receive() == LEFT
        assert await receive() == LEFT
        await anyio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"to the end"})

    reply = await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY, LEFT])
    assert reply.body == b"to the end"


async def test_what_must_be_finished_is_finished():
    done = []

    async def app(scope, receive, send):
        with finish():
            with finish():
                await anyio.sleep(0.02)
                done.append("inner")
            await anyio.sleep(0.02)
            done.append("outer")
        await anyio.sleep_forever()

    await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY, LEFT])
    assert done == ["inner", "outer"]


async def test_what_is_finished_may_be_all_there_is():
    async def app(scope, receive, send):
        with finish():
            await anyio.sleep(0.02)

    await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY, LEFT])
    await anyio.sleep(0)


async def test_what_anyio_shields_is_finished_too():
    done = []

    async def app(scope, receive, send):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.02)
            done.append(True)
        await anyio.sleep_forever()

    await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY, LEFT])
    assert done == [True]


def test_outside_of_the_middleware_finish_does_nothing():
    with finish():
        pass


async def test_a_body_is_read_in_order_whoever_is_quicker():
    chunks = [b"%d" % number * 5000 for number in range(100)]
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks] + [EMPTY]
    bodies = []

    async def app(scope, receive, send):
        await anyio.sleep(0.01)
        assert 65536 <= sum(map(len, chunks[: len(chunks) + 1 - len(messages)])) < 80_000
        while True:
            message = await receive()
            bodies.append(message["body"])
            if not message.get("more_body", False):
                break
        await send(START)

    async def receive():
        return messages.pop(0) if messages else await anyio.sleep_forever()

    async def send(message):
        pass

    await CancelOnDisconnectMiddleware(app)(http_scope("POST"), receive, send)
    assert bodies == [*chunks, b""]


async def test_two_tasks_of_the_application_may_wait_for_messages():
    async def app(scope, receive, send):
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            go.set()
        await send(START)

    go = anyio.Event()
    messages = [{"type": "http.request", "body": b"a", "more_body": True}, EMPTY]

    async def receive():
        await go.wait()
        return messages.pop(0) if messages else await anyio.sleep_forever()

    sent = []

    async def send(message):
        sent.append(message)

    await CancelOnDisconnectMiddleware(app)(http_scope(), receive, send)
    assert sent == [START]


async def test_a_receive_that_fails_fails_in_the_application():
    async def receive():
        raise ValueError("too large")

    async def app(scope, receive, send):
        for _ in range(2):
            with pytest.raises(ValueError, match="^too large$"):
                await receive()
        await send(START)

    sent = []

    async def send(message):
        sent.append(message)

    await CancelOnDisconnectMiddleware(app)(http_scope(), receive, send)
    assert sent == [START]


async def test_an_exception_passes_unchanged():
    async def app(scope, receive, send):
        await anyio.sleep(0)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="^boom$") as caught:
        await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY])
    assert caught.value.__context__ is None


async def test_a_cancellation_from_outside_goes_on():
    async def app(scope, receive, send):
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01) as cancelled:
        await run(CancelOnDisconnectMiddleware(app), http_scope(), [EMPTY])
    assert cancelled.cancelled_caught


async def test_other_scopes_pass():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    for scope in (websocket_scope(), {"type": "lifespan"}):
        await run(CancelOnDisconnectMiddleware(app), scope)
    assert seen == ["websocket", "lifespan"]


def test_it_works_without_anyio():
    program = """
import asyncio, sys
from asgi_middleware.disconnect import CancelOnDisconnectMiddleware, finish

async def app(scope, receive, send):
    with finish():
        await asyncio.sleep(0.01)
        print("finished")
    await asyncio.sleep(60)

async def receive():
    return {"type": "http.disconnect"}

async def main():
    await CancelOnDisconnectMiddleware(app)({"type": "http"}, receive, None)
    await asyncio.sleep(0)
    print("ended")

asyncio.run(main())
assert "anyio" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "finished\nended\n"


async def test_no_cycle_is_left_by_an_exception_of_the_application():
    async def failing(scope, receive, send):
        raise LookupError("no")

    app = CancelOnDisconnectMiddleware(failing)

    async def fail():
        with pytest.raises(LookupError):
            await app(http_scope(), anyio.sleep_forever, anyio.sleep_forever)

    assert await garbage_of(fail) == 0
