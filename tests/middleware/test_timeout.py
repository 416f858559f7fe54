"""Deadlines: the application is cancelled in its own task, and answered for where no response has begun."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import anyio
import pytest

from asgi_middleware.timeout import TimeoutMiddleware
from raw_asgi import Reply, http_scope, run, websocket_scope

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.request", "body": b"a", "more_body": True}


def part(body=b"x", more=True):
    return {"type": "http.response.body", "body": body, "more_body": more}


async def never(scope, receive, send):
    await anyio.sleep_forever()


@pytest.mark.parametrize(("status", "text"), [(503, "Service Unavailable"), (504, "Gateway Timeout")])
async def test_a_request_that_is_not_answered_in_time_is_cancelled_and_answered(status, text):
    reply = await run(TimeoutMiddleware(never, 0.001, status=status), http_scope())
    assert (reply.status, reply.text) == (status, text)


async def test_an_answer_in_time_is_the_applications():
    async def app(scope, receive, send):
        await send(START)
        await send(part(more=False))

    reply = await run(TimeoutMiddleware(app, 60, response_idle=60, body_idle=60), http_scope())
    assert reply.messages == [START, part(more=False)]


async def test_background_work_is_not_part_of_the_response():
    deadlines = []

    async def app(scope, receive, send):
        await send(START)
        await send(part(more=False))
        deadlines.append(anyio.current_effective_deadline())

    await run(TimeoutMiddleware(app, 60, whole=True, response_idle=60), http_scope())
    assert deadlines == [anyio.current_effective_deadline()]


async def test_what_has_begun_is_left_alone():
    deadlines = []

    async def app(scope, receive, send):
        await send(START)
        deadlines.append(anyio.current_effective_deadline())

    await run(TimeoutMiddleware(app, 60), http_scope())
    assert deadlines == [anyio.current_effective_deadline()]


@pytest.mark.parametrize("limits", [{"timeout": 0.01, "whole": True}, {"timeout": None, "response_idle": 0.01}])
async def test_what_has_begun_is_cut_where_that_is_asked_for_and_nothing_is_sent_twice(limits):
    async def app(scope, receive, send):
        await send(START)
        await send(part())
        await anyio.sleep_forever()

    reply = await run(TimeoutMiddleware(app, **limits), http_scope())
    assert reply.messages == [START, part()]


async def test_a_client_that_does_not_read_is_cut():
    async def app(scope, receive, send):
        await send(START)
        await send(part())

    taken = []

    async def send(message):
        taken.append(message)
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    await TimeoutMiddleware(app, None, response_idle=0.01)(http_scope(), anyio.sleep_forever, send)
    assert taken == [START, part()]


async def test_each_message_has_the_whole_idle_limit():
    async def app(scope, receive, send):
        await send(START)
        for _ in range(5):
            await anyio.sleep(0.02)
            await send(part())
        await send(part(more=False))

    reply = await run(TimeoutMiddleware(app, None, response_idle=5), http_scope())
    assert len(reply.messages) == 7


async def test_an_interim_response_does_not_begin_the_response():
    async def app(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": []})
        await anyio.sleep_forever()

    reply = await run(TimeoutMiddleware(app, 0.01, response_idle=60), http_scope())
    assert reply.types == ["http.response.early_hint", "http.response.start", "http.response.body"]


async def test_event_streams_have_no_limit():
    deadlines = []

    async def app(scope, receive, send):
        deadlines.append(anyio.current_effective_deadline())
        await send({**START, "headers": [(b"content-type", b"text/event-stream")]})
        deadlines.append(anyio.current_effective_deadline())
        await send(part(more=False))

    without = anyio.current_effective_deadline()
    await run(TimeoutMiddleware(app, 60, whole=True, response_idle=60), http_scope())
    assert deadlines[0] < deadlines[1] == without


@pytest.mark.parametrize(("version", "connection"), [("1.0", "close"), ("1.1", "close"), ("2", None), ("3", None)])
async def test_a_body_that_does_not_come_is_a_408(version, connection):
    async def app(scope, receive, send):
        while (await receive())["more_body"]:
            pass

    reply = await run(TimeoutMiddleware(app, 60, body_idle=0.01), http_scope(http_version=version), [BODY])
    assert (reply.status, reply.text) == (408, "Request Timeout")
    assert reply.header("connection") == connection


async def test_after_the_body_a_client_may_be_quiet():
    messages = iter([BODY, {"type": "http.request", "body": b""}, {"type": "http.disconnect"}])
    deadlines = []

    async def receive():
        deadlines.append(anyio.current_effective_deadline())
        return next(messages)

    async def app(scope, receive, send):
        assert [(await receive())["type"] for _ in range(3)] == ["http.request", "http.request", "http.disconnect"]

    without = anyio.current_effective_deadline()
    await TimeoutMiddleware(app, None, body_idle=60)(http_scope(), receive, None)
    assert max(deadlines[:2]) < deadlines[2] == without


@pytest.mark.parametrize("fails", [False, True])
async def test_an_application_that_stops_waiting_for_the_body_has_no_limit_for_it(fails):
    async def receive():
        if fails:
            raise OSError("the connection is broken")
        await anyio.sleep_forever()

    async def app(scope, receive, send):
        with suppress(OSError), anyio.move_on_after(0):
            await receive()
        deadlines.append(anyio.current_effective_deadline())

    deadlines = []
    await TimeoutMiddleware(app, None, body_idle=60)(http_scope("POST"), receive, None)
    assert deadlines == [anyio.current_effective_deadline()]


async def test_a_response_that_has_begun_does_not_wait_for_the_body():
    deadlines = []

    async def receive():
        deadlines.append(anyio.current_effective_deadline())
        return BODY

    async def send(message):
        pass

    async def app(scope, receive, send):
        await send(START)
        await receive()

    await TimeoutMiddleware(app, 60, body_idle=60)(http_scope("POST"), receive, send)
    assert deadlines == [anyio.current_effective_deadline()]


async def test_without_a_limit_for_the_body_receive_is_the_servers():
    async def app(scope, receive, send):
        assert await receive() == BODY
        await send(START)

    assert (await run(TimeoutMiddleware(app, None), http_scope(), [BODY])).messages == [START]


async def test_a_timeout_of_the_application_is_its_own():
    async def app(scope, receive, send):
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="^mine$"):
        await run(TimeoutMiddleware(app, 60), http_scope())


async def test_what_anyio_shields_is_finished_first():
    finished = []

    async def app(scope, receive, send):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.02)
            finished.append(True)
        await anyio.sleep_forever()

    reply = await run(TimeoutMiddleware(app, 0.001), http_scope())
    assert (finished, reply.status) == ([True], 503)


async def test_a_cancellation_from_outside_is_not_a_timeout():
    reply = Reply()
    with anyio.move_on_after(0.01):
        await run(TimeoutMiddleware(never, 60), http_scope(), reply=reply)
    assert reply.messages == []


async def test_websockets_and_lifespans_have_no_limit():
    seen = []

    async def app(scope, receive, send):
        await anyio.sleep(0.01)
        seen.append(scope["type"])

    for scope in (websocket_scope(), {"type": "lifespan"}):
        await run(TimeoutMiddleware(app, 0.001), scope)
    assert seen == ["websocket", "lifespan"]


def test_it_works_without_anyio():
    """In a process of its own, where AnyIO is never imported: asyncio cancels by itself."""
    program = """
import asyncio, sys
from asgi_middleware.timeout import TimeoutMiddleware

async def app(scope, receive, send):
    await receive()
    await asyncio.sleep(0 if scope["path"] == "/quick" else 60)
    await send({"type": "http.response.start", "status": 200})

async def receive():
    return {"type": "http.request"}

async def send(message):
    print(message.get("status", message.get("body")))

async def main():
    for path in ("/quick", "/slow"):
        app_in_time = TimeoutMiddleware(app, 0.05, body_idle=60)
        await app_in_time({"type": "http", "method": "GET", "path": path}, receive, send)

asyncio.run(main())
assert "anyio" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "200\n503\nb'Service Unavailable'\n"


@pytest.mark.parametrize("name", ["timeout", "body_idle", "response_idle"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_are_positive(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        TimeoutMiddleware(never, **{name: value})


def test_the_status_is_one_of_two():
    with pytest.raises(ValueError, match="503"):
        TimeoutMiddleware(never, status=500)
