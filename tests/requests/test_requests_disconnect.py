"""is_disconnected and replay: no chunk is lost, no disconnect invented."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from asgi_requests._bodies import shared_body
from asgi_requests.exceptions import ClientDisconnect, HTTPException
from asgi_requests.requests import Request, replay_receive
from raw_asgi import body_messages, http_scope, run

DISCONNECT = {"type": "http.disconnect"}


def part(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


class Server:
    """A receive over a queue, as servers have it; `turns` of the event loop pass before it returns a message."""

    def __init__(self, *messages, turns=0):
        self.sender, self.receiver = anyio.create_memory_object_stream(1000)
        self.turns = turns
        self.say(*messages)

    def say(self, *messages):
        for message in messages:
            self.sender.send_nowait(message)

    async def __call__(self):
        for _ in range(self.turns):
            await anyio.lowlevel.checkpoint()
        return await self.receiver.receive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sender.close()
        self.receiver.close()


@pytest.mark.parametrize("turns", [0, 1])
async def test_asking_for_a_disconnect_eats_no_chunk(turns):
    with Server(part(b"a"), part(b"b"), turns=turns) as server:
        request = Request(http_scope(), server)
        assert not await request.is_disconnected()
        assert not await request.is_disconnected()
        server.say(part(b"c", more=False))
        assert not await request.is_disconnected()
        assert await Request(dict(request.scope), server).body() == b"abc"
        assert not await request.is_disconnected()
        server.say(DISCONNECT)
        assert await request.is_disconnected()
        assert await request.is_disconnected()
        assert await request.receive() == DISCONNECT
        assert await request.receive() == DISCONNECT


async def test_chunks_found_on_the_way_are_streamed_in_order():
    with Server(part(b"a"), part(b"b")) as server:
        request = Request(http_scope(), server)
        assert not await request.is_disconnected()
        server.say(part(b"c", more=False))
        assert [chunk async for chunk in request.stream()] == [b"a", b"b", b"c", b""]


async def test_chunks_found_on_the_way_are_received_in_order_by_whom_the_receive_is_handed():
    with Server(part(b"a"), part(b"b", more=False)) as server:
        request = Request(http_scope(), server)
        assert not await request.is_disconnected()
        assert await request.receive() == part(b"a")
        assert await request.receive() == part(b"b", more=False)
        with pytest.raises(RuntimeError, match="^Stream consumed$"):
            await request.body()


async def test_the_end_of_an_empty_body_found_on_the_way_is_received():
    with Server(part(b"", more=False)) as server:
        request = Request(http_scope(), server)
        assert not await request.is_disconnected()
        assert await request.receive() == part(b"", more=False)


async def test_a_disconnect_behind_chunks_is_seen_and_the_chunks_come_first():
    with Server(part(b"a"), DISCONNECT) as server:
        request = Request(http_scope(), server)
        assert await request.is_disconnected()
        stream = request.stream()
        assert await anext(stream) == b"a"
        with pytest.raises(ClientDisconnect):
            await anext(stream)


async def test_no_more_than_64_kib_are_taken_in_ahead():
    chunk = b"x" * 16384
    with Server(*[part(chunk)] * 20, part(b"", more=False), DISCONNECT) as server:
        request = Request(http_scope(), server)
        for _ in range(10):
            assert not await request.is_disconnected()
        assert server.receiver.statistics().current_buffer_used == 22 - 4
        assert len(await request.body()) == 20 * 16384
        assert await request.is_disconnected()


async def test_empty_chunks_do_not_pile_up_either():
    asked = 0

    async def receive():
        nonlocal asked
        asked += 1
        return part(b"")

    assert not await Request(http_scope(), receive).is_disconnected()
    assert asked == 256


async def test_a_client_that_is_quiet_for_long_is_still_heard():
    with Server(part(b"a")) as server:
        request = Request(http_scope(), server)
        for _ in range(300):
            assert not await request.is_disconnected()
        server.say(DISCONNECT)
        assert await request.is_disconnected()


async def test_a_receive_that_repeats_itself_is_not_heard_out():
    async def receive():
        return part(b"a", more=False)

    request = Request(http_scope(), receive)
    assert not await request.is_disconnected()
    assert not await request.is_disconnected()
    assert await request.body() == b"a"


async def test_a_question_that_is_cancelled_loses_nothing():
    with Server(turns=2) as server:
        request = Request(http_scope(), server)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(request.is_disconnected)
            await anyio.lowlevel.checkpoint()
            server.say(part(b"a", more=False))
            tasks.cancel_scope.cancel()
        assert await request.body() == b"a"


async def test_the_error_of_a_receive_is_passed_on_as_it_is():
    async def receive():
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await Request(http_scope(), receive).is_disconnected()


async def test_a_request_over_the_receive_of_another_may_ask_and_read():
    with Server(part(b"a"), part(b"b")) as server:
        outer = Request(http_scope(), server)
        assert not await outer.is_disconnected()

        async def wrapped():
            return await outer.receive()

        inner = Request(outer.scope, wrapped)
        assert not await inner.is_disconnected()
        server.say(part(b"c", more=False))
        assert not await inner.is_disconnected()
        assert await inner.body() == b"abc"


async def test_one_may_wait_for_the_client_to_leave_while_another_reads():
    with Server(part(b"a")) as server:
        scope = http_scope()
        left = []

        async def watch():
            left.append(await shared_body(scope, server).wait_for_disconnect())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await anyio.wait_all_tasks_blocked()
            stream = Request(scope, server).stream()
            assert await anext(stream) == b"a"
            reply = []

            async def read():
                reply.append(await anext(stream))

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            server.say(part(b"b", more=False))
            await anyio.wait_all_tasks_blocked()
            assert reply == [b"b"]
            assert left == []
            server.say(DISCONNECT)
        assert left == [True]
        await stream.aclose()


async def test_one_may_wait_for_the_client_to_leave_while_another_reads_the_body():
    with Server(part(b"a")) as server:
        scope = http_scope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shared_body(scope, server).wait_for_disconnect)
            await anyio.wait_all_tasks_blocked()
            bodies = []

            async def read():
                bodies.append(await Request(scope, server).body())

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            server.say(part(b"b", more=False))
            await anyio.wait_all_tasks_blocked()
            assert bodies == [b"ab"]
            server.say(DISCONNECT)


async def test_a_wait_for_the_client_gives_way_to_a_read_and_takes_in_no_more_than_64_kib():
    with Server() as server:
        shared = shared_body(http_scope(), server)
        left = []

        async def watch():
            left.append(await shared.wait_for_disconnect())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shared.take)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(watch)
            await anyio.wait_all_tasks_blocked()
            server.say(*[part(b"x" * 65536)] * 3)
            await anyio.wait_all_tasks_blocked()
            assert server.receiver.statistics().current_buffer_used == 1
            assert not await shared.disconnected()
            await shared.take()
            await anyio.wait_all_tasks_blocked()
            assert server.receiver.statistics().current_buffer_used == 0
            await shared.take()
            server.say(part(b"", more=False), part(b"again", more=False))
        assert left == [False]


async def test_the_wait_for_a_client_that_leaves_in_mid_body_ends():
    with Server(part(b"a"), DISCONNECT) as server:
        scope = http_scope()
        assert await shared_body(scope, server).wait_for_disconnect()
        assert await shared_body(scope, server).wait_for_disconnect()
        with pytest.raises(ClientDisconnect):
            await Request(scope, server).body()


# Replay


async def test_a_replay_gives_the_body_then_what_the_server_says():
    with Server(*body_messages([b"a", b"b"])) as server:
        request = Request(http_scope(), server)
        for _ in range(2):
            receive = await request.replay()
            assert await receive() == part(b"ab", more=False)
        with anyio.move_on_after(0):
            await receive()
            pytest.fail("a disconnect was invented")
        server.say(DISCONNECT)
        assert await receive() == DISCONNECT
        assert await Request(request.scope).body() == b"ab"


async def test_a_replay_that_is_cancelled_while_it_waits_goes_on():
    with Server() as server:
        receive = replay_receive(b"x", server)
        assert await receive() == part(b"x", more=False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        server.say(DISCONNECT)
        assert await receive() == DISCONNECT


async def test_a_foreign_application_reads_a_replayed_body():
    async def foreign(scope, receive, send):
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

    async def app(scope, receive, send):
        request = Request(scope, receive)
        assert await request.json() == [1, 2]
        await foreign(scope, await request.replay(), send)

    assert (await run(app, http_scope("POST"), body_messages([b"[1,", b"2]"]))).body == b"[1,2]"


async def test_a_replay_refuses_a_body_beyond_its_bound_and_leaves_it_to_be_read():
    with Server(*body_messages([b"abc", b"def", b"ghi"])) as server:
        request = Request(http_scope(), server)
        with pytest.raises(HTTPException) as caught:
            await request.replay(max_size=5)
        assert caught.value.status_code == 413
        assert server.receiver.statistics().current_buffer_used == 1
        assert await request.body() == b"abcdefghi"
        with pytest.raises(HTTPException) as caught:
            await request.replay(max_size=8)
        assert caught.value.status_code == 413
        assert (await (await request.replay(max_size=9))())["body"] == b"abcdefghi"


async def test_a_body_that_exceeds_the_bound_with_its_last_chunk_is_left_whole():
    with Server(*body_messages([b"abc", b"def"])) as server:
        request = Request(http_scope(), server)
        with pytest.raises(HTTPException):
            await request.replay(max_size=5)
        assert [chunk async for chunk in request.stream()] == [b"abc", b"def", b""]
