"""A limit of requests at a time: the next wait in a queue, the rest is answered at once."""

from __future__ import annotations

import anyio
import pytest

from asgi_middleware.concurrency import ConcurrencyLimitMiddleware
from raw_asgi import Reply, http_scope, run, websocket_scope

OK = {"type": "http.response.start", "status": 200, "headers": []}
EMPTY = {"type": "http.request", "body": b"", "more_body": False}


class Gate:
    """An application that answers each request when it is let go, in the order they came in."""

    def __init__(self):
        self.entered = []
        self.events = []

    async def __call__(self, scope, receive, send):
        event = anyio.Event()
        self.entered.append(scope["path"])
        self.events.append(event)
        await event.wait()
        await send(OK)

    def let_go(self, number):
        self.events[number].set()


async def test_as_many_as_the_limit_run_and_the_next_wait_in_order():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 2, queue=2, wait=60)
    replies = [Reply() for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        for number, reply in enumerate(replies):
            tasks.start_soon(lambda n=number, r=reply: run(limited, http_scope(path=f"/{n}"), [EMPTY], reply=r))
            await anyio.wait_all_tasks_blocked()
        assert (gate.entered, limited.running, limited.waiting) == (["/0", "/1"], 2, 2)
        refused = await run(limited, http_scope(), [EMPTY])
        assert (refused.status, refused.text, refused.header("retry-after")) == (503, "Service Unavailable", "1")
        for number in range(4):
            await anyio.wait_all_tasks_blocked()
            gate.let_go(number)
    assert gate.entered == ["/0", "/1", "/2", "/3"]
    assert [reply.status for reply in replies] == [200] * 4
    assert (limited.running, limited.waiting) == (0, 0)


async def busy(gate, limited, tasks):
    """Take the one place there is."""
    tasks.start_soon(lambda: run(limited, http_scope(), [EMPTY]))
    await anyio.wait_all_tasks_blocked()
    assert limited.running == 1


async def test_a_request_that_waits_too_long_is_answered_with_retry_after():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 1, queue=1, wait=0.01, retry_after=7)
    async with anyio.create_task_group() as tasks:
        await busy(gate, limited, tasks)
        reply = await run(limited, http_scope(), [EMPTY])
        assert (reply.status, reply.header("retry-after"), limited.waiting) == (503, "7", 0)
        gate.let_go(0)
    assert limited.running == 0


async def test_a_client_that_leaves_the_queue_makes_room():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 1, queue=1, wait=60)
    async with anyio.create_task_group() as tasks:
        await busy(gate, limited, tasks)
        reply = await run(limited, http_scope(), [EMPTY, {"type": "http.disconnect"}])
        assert (reply.messages, limited.waiting) == ([], 0)
        gate.let_go(0)
    assert (gate.entered, limited.running) == (["/"], 0)


async def test_a_request_that_is_cancelled_in_the_queue_makes_room():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 1, queue=1, wait=60)
    async with anyio.create_task_group() as tasks:
        await busy(gate, limited, tasks)
        with anyio.move_on_after(0.01):
            await run(limited, http_scope(), [EMPTY])
        assert limited.waiting == 0
        gate.let_go(0)
    assert limited.running == 0


async def test_a_request_that_is_cancelled_in_its_turn_gives_it_to_the_next():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 1, queue=2, wait=60)
    scope = anyio.CancelScope()
    last = Reply()

    async def cancelled():
        with scope:
            await run(limited, http_scope(path="/cancelled"), [EMPTY])

    async with anyio.create_task_group() as tasks:
        await busy(gate, limited, tasks)
        tasks.start_soon(cancelled)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(lambda: run(limited, http_scope(path="/last"), [EMPTY], reply=last))
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        limited._waiting.popleft().grant()  # in the very moment
        limited.running += 1
        await anyio.wait_all_tasks_blocked()
        for event in gate.events:
            event.set()
        await anyio.wait_all_tasks_blocked()
        for event in gate.events:
            event.set()
    assert last.status == 200
    assert "/last" in gate.entered


async def test_a_client_that_leaves_as_its_turn_comes_gives_it_to_the_next():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 1, queue=1, wait=60)

    async def receive():
        limited._waiting.popleft().granted = True
        return {"type": "http.disconnect"}

    async with anyio.create_task_group() as tasks:
        await busy(gate, limited, tasks)
        limited.running += 1
        await limited(http_scope(), receive, None)
        assert limited.running == 1
        gate.let_go(0)
    assert limited.running == 0


async def test_what_was_read_in_the_queue_reaches_the_application():
    bodies = []

    async def app(scope, receive, send):
        if scope["path"] == "/first":
            return await go.wait()
        while True:
            message = await receive()
            bodies.append(message["body"])
            if not message.get("more_body", False):
                return None

    go = anyio.Event()
    chunks = [b"a" * 40_000, b"b" * 40_000, b"c"]
    messages = [{"type": "http.request", "body": chunk, "more_body": chunk != b"c"} for chunk in chunks]
    limited = ConcurrencyLimitMiddleware(app, 1, queue=1, wait=60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: run(limited, http_scope(path="/first")))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(lambda: run(limited, http_scope("POST"), messages))
        await anyio.wait_all_tasks_blocked()
        go.set()
    assert bodies == chunks


async def test_a_turn_is_granted_once():
    gate = Gate()
    limited = ConcurrencyLimitMiddleware(gate, 1, queue=1, wait=60)
    async with anyio.create_task_group() as tasks:
        await busy(gate, limited, tasks)
        tasks.start_soon(lambda: run(limited, http_scope(path="/second"), [EMPTY]))
        await anyio.wait_all_tasks_blocked()
        turn = limited._waiting[0]
        gate.let_go(0)
        turn.scope.cancel()
        turn.scope.cancel()
        await anyio.wait_all_tasks_blocked()
        if "/second" in gate.entered:
            gate.let_go(1)
    assert limited.running == 0


async def test_a_failure_gives_its_place_back():
    async def app(scope, receive, send):
        raise ValueError("boom")

    limited = ConcurrencyLimitMiddleware(app, 1)
    for _ in range(2):
        with pytest.raises(ValueError, match="^boom$"):
            await run(limited, http_scope())
    assert limited.running == 0


@pytest.mark.parametrize("exempt", [["/livez"], "/livez"])
async def test_exempt_paths_are_never_held_up(exempt):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send(OK)

    limited = ConcurrencyLimitMiddleware(app, 1, websocket_limit=1, exempt_paths=exempt)
    limited.running = limited.websockets = 1
    assert (await run(limited, http_scope(path="/livez"))).status == 200
    assert (await run(limited, http_scope(path="/"))).status == 503
    assert (await run(limited, websocket_scope("/livez"), [{"type": "websocket.connect"}])).messages == []


async def test_websockets_are_counted_apart():
    async def app(scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        assert limited.websockets == 1
        second = await run(limited, websocket_scope(extensions={}), [{"type": "websocket.connect"}])
        assert second.messages == [{"type": "websocket.close", "code": 1013, "reason": ""}]

    limited = ConcurrencyLimitMiddleware(app, 1, websocket_limit=1)
    reply = await run(limited, websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.types == ["websocket.accept"]
    assert limited.websockets == 0


async def test_websockets_are_unlimited_by_default():
    async def app(scope, receive, send):
        seen.append(scope["type"])

    seen = []
    for scope in (websocket_scope(), {"type": "lifespan"}):
        await run(ConcurrencyLimitMiddleware(app, 1), scope)
    assert seen == ["websocket", "lifespan"]


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"websocket_limit": 0}, {"queue": -1}, {"wait": -1}, {"retry_after": -1}],
)
def test_numbers_without_a_meaning_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ConcurrencyLimitMiddleware(Gate(), **({"limit": 1} | options))
