"""The log that replays, and the broadcast: every subscriber gets its events, or learns that it has not."""

from __future__ import annotations

import asyncio
import gc
import os
import threading

import anyio
import anyio.to_thread
import pytest

from asgi_requests.sse import Broadcast, EventLog, EventSourceResponse, Replay, ServerSentEvent
from raw_asgi import request


def filled(size, *texts):
    log = EventLog(size)
    return log, [log.append(text).id for text in texts]


def texts(replay):
    return [event.data for event in replay.events], replay.gap


def test_a_log_replays_what_came_after_an_id():
    log, ids = filled(10, "a", "b", "c")
    assert texts(log.since(ids[0])) == (["b", "c"], False)
    assert texts(log.since(ids[2])) == ([], False)
    assert log.since(None) == Replay((), gap=False)
    assert (len(log), log.last_id) == (3, ids[2])


def test_a_log_is_bounded_and_says_that_an_id_is_too_old():
    log, ids = filled(2, "a", "b", "c", "d")
    assert len(log) == 2
    assert texts(log.since(ids[0])) == (["c", "d"], True)
    # Of what came after this one nothing is missing.
    assert texts(log.since(ids[1])) == (["c", "d"], False)


def test_an_id_of_another_log_is_a_gap():
    log, _ = filled(10, "a")
    other, other_ids = filled(10, "a")
    assert texts(log.since(other_ids[0])) == (["a"], True)
    assert texts(log.since(other.last_id)) == (["a"], True)


def test_workers_that_were_forked_give_different_ids(monkeypatch):
    log = EventLog()
    elsewhere = log.last_id
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert texts(log.since(elsewhere)) == ([], True)
    assert log.append("a").id.removesuffix("1") == log._number(0).removesuffix("0") != elsewhere.removesuffix("0")


def test_a_log_without_events_has_an_id_to_come_back_with():
    log = EventLog()
    start = log.last_id
    assert log.since(start) == Replay((), gap=False)
    log.append("a")
    assert texts(log.since(start)) == (["a"], False)


def test_ids_of_ones_own_are_kept():
    log = EventLog(2)
    assert log.append(ServerSentEvent("a", id="x")) == ServerSentEvent("a", id="x")
    log.append({"b": 1})
    assert texts(log.since("x")) == ([{"b": 1}], False)
    log.append(ServerSentEvent("c", id="x"))
    assert texts(log.since("x")) == ([], False)
    log.append("d")
    assert texts(log.since("x")) == (["d"], False)


@pytest.mark.parametrize("make", [lambda: EventLog(0), lambda: EventLog().append(ServerSentEvent(id=""))])
def test_a_log_refuses_what_has_no_meaning(make):
    with pytest.raises(ValueError, match="size=0|id=''"):
        make()


def test_an_event_with_the_fields_of_another_gets_them_beside_its_id():
    event = EventLog().append(ServerSentEvent("a", event="e", retry=3, comment="c"))
    assert (event.data, event.event, event.retry, event.comment) == ("a", "e", 3, "c")


async def take(subscription, count):
    return [await subscription.__anext__() for _ in range(count)]


async def rest(subscription):
    return [event async for event in subscription]


async def test_every_subscriber_gets_every_event():
    board = Broadcast()
    received = []

    async def read():
        async for event in board.subscribe():
            received.append(event)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(read)
        while board.subscribers < 3:
            await anyio.sleep(0)
        await anyio.wait_all_tasks_blocked()
        assert board.publish("a") == "a"
        await anyio.wait_all_tasks_blocked()
        assert received == ["a"] * 3
        board.publish("b")
        board.close()
    assert received == ["a"] * 3 + ["b"] * 3
    assert board.subscribers == 0


async def test_a_subscription_begins_when_it_is_made():
    board = Broadcast()
    async with board.subscribe() as subscription:
        board.publish("a")
        assert await take(subscription, 1) == ["a"]
    assert await rest(subscription) == []
    assert board.subscribers == 0


async def test_after_the_end_there_are_no_events():
    board = Broadcast()
    board.close()
    assert await rest(board.subscribe()) == []
    assert board.subscribers == 0


async def test_a_subscription_without_references_is_not_filled():
    board = Broadcast()
    subscription = board.subscribe()
    assert board.subscribers == 1
    del subscription
    gc.collect()
    board.publish("a")
    assert board.subscribers == 0


async def test_one_task_reads_a_subscription():
    subscription = Broadcast().subscribe()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(subscription.__anext__)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="Another task"):
            await subscription.__anext__()
        tasks.cancel_scope.cancel()


async def test_a_reader_that_is_cancelled_loses_nothing():
    board = Broadcast()
    async with board.subscribe() as subscription:
        with anyio.move_on_after(0):
            await subscription.__anext__()
        board.publish("a")
        assert await take(subscription, 1) == ["a"]


async def test_a_slow_subscriber_is_disconnected_after_what_is_queued():
    board = Broadcast(2)
    slow, fast = board.subscribe(), board.subscribe()
    seen = []
    for event in "abcd":
        board.publish(event)
        seen += await take(fast, 1)
    assert await rest(slow) == ["a", "b"]
    assert (slow.dropped, fast.dropped, seen, board.subscribers) == (1, 0, list("abcd"), 1)


async def test_a_slow_subscriber_loses_the_oldest_and_is_notified():
    board = Broadcast(2, slow="drop_oldest")
    notified, unnotified = board.subscribe(if_missed="missed"), board.subscribe()
    for event in "abcd":
        board.publish(event)
    board.close()
    assert await rest(notified) == ["missed", "c", "d"]
    assert await rest(unnotified) == ["c", "d"]
    assert notified.dropped == unnotified.dropped == 2


async def test_a_slow_subscriber_gets_the_newest_of_each_kind():
    board = Broadcast(2, slow="coalesce", key=lambda event: event[0])
    subscription = board.subscribe()
    for event in ("a1", "b1", "a2", "b2", "a3"):
        board.publish(event)
    assert await take(subscription, 2) == ["b2", "a3"]
    assert subscription.dropped == 0
    for event in ("a1", "b1", "c1"):
        board.publish(event)
    board.close()
    assert await rest(subscription) == ["b1", "c1"]
    assert subscription.dropped == 1


async def test_the_kind_of_an_event_is_its_name():
    board = Broadcast(slow="coalesce")
    subscription = board.subscribe()
    for event in (ServerSentEvent(1, event="a"), "x", ServerSentEvent(2, event="a"), "y"):
        board.publish(event)
    assert await take(subscription, 2) == [ServerSentEvent(2, event="a"), "y"]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"size": 0}, "size=0"), ({"slow": "wait"}, "slow='wait'"), ({"key": str}, "key= is for slow='coalesce'")],
)
def test_a_broadcast_refuses_what_has_no_meaning(options, said):
    with pytest.raises(ValueError, match=said):
        Broadcast(**options)


async def test_one_who_comes_back_gets_what_it_has_missed_and_then_what_is_new():
    board = Broadcast(2, log=EventLog(10))
    first = board.publish("a")
    for event in "bcd":
        board.publish(event)
    # More than the queue holds: the log bounds what is replayed, the queue what comes meanwhile.
    subscription = board.subscribe(first.id, if_missed="missed")
    board.publish("e")
    board.close()
    assert [event.data for event in await rest(subscription)] == ["b", "c", "d", "e"]
    assert subscription.gap is False


async def test_a_client_that_has_been_away_too_long_is_notified():
    board = Broadcast(log=EventLog(1))
    first = board.publish("a")
    for event in "bc":
        board.publish(event)
    notified, unnotified = board.subscribe(first.id, if_missed="missed"), board.subscribe(first.id)
    board.close()
    (missed, event) = await rest(notified)
    assert (missed, event.data, notified.gap) == ("missed", "c", True)
    assert [event.data for event in await rest(unnotified)] == ["c"]
    assert unnotified.gap is True


async def test_one_who_leaves_before_the_first_event_misses_nothing():
    board = Broadcast(log=EventLog())
    (bookmark,) = await take(board.subscribe(), 1)
    assert bookmark.data is None
    board.publish("a")
    assert [event.data for event in await take(board.subscribe(bookmark.id), 1)] == ["a"]
    again = board.subscribe(board.log.last_id)
    board.close()
    assert await rest(again) == []


async def test_without_a_log_a_client_that_returns_is_notified():
    board = Broadcast()
    notified, unnotified, new = (
        board.subscribe("1", if_missed="missed"),
        board.subscribe("1"),
        board.subscribe(if_missed="m"),
    )
    board.close()
    assert (await rest(notified), await rest(unnotified), await rest(new)) == (["missed"], [], [])
    assert (notified.gap, unnotified.gap, new.gap) == (True, True, False)


async def test_threads_publish_and_close():
    board = Broadcast(10_000)
    received = []

    def publish(name):
        for number in range(500):
            board.publish((name, number))

    async with anyio.create_task_group() as tasks:

        async def read(subscription):
            received.append([event async for event in subscription])

        for _ in range(2):
            tasks.start_soon(read, board.subscribe())
        async with anyio.create_task_group() as publishers:
            for name in "abc":
                publishers.start_soon(anyio.to_thread.run_sync, publish, name)
        await anyio.to_thread.run_sync(board.close)
    assert len(received) == 2
    for events in received:
        for name in "abc":
            assert [number for who, number in events if who == name] == list(range(500))


async def test_a_waiting_subscriber_is_woken_from_a_thread():
    board = Broadcast()
    subscription = board.subscribe()
    async with anyio.create_task_group() as tasks:

        async def read():
            assert await take(subscription, 1) == ["a"]
            tasks.cancel_scope.cancel()

        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(board.publish, "a")
        await anyio.sleep_forever()


def test_a_subscriber_whose_loop_has_ended_delays_no_other():
    board = Broadcast()
    subscription = board.subscribe()
    loop = asyncio.new_event_loop()
    task = loop.create_task(subscription.__anext__())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    board.publish("a")
    thread = threading.Thread(target=board.publish, args=("b",))
    thread.start()
    thread.join()
    task._log_destroy_pending = False
    task.get_coro().close()
    assert asyncio.run(take(subscription, 2)) == ["a", "b"]


async def test_a_response_streams_a_subscription_and_ends_it():
    board = Broadcast(log=EventLog())
    subscription = board.subscribe()
    board.publish({"n": 1})
    board.close()
    reply = await request(EventSourceResponse(subscription))
    last = board.log.last_id
    assert reply.text == f'id: {last[:-1]}0\n\nid: {last}\ndata: {{"n":1}}\n\n'


async def test_a_subscription_that_is_only_asked_about_is_closed():
    board = Broadcast()
    await request(EventSourceResponse(board.subscribe()), "HEAD")
    assert board.subscribers == 0
