"""One suite for every store: memory, SQLite, and a real Redis on loopback."""

from __future__ import annotations

import functools
import gc
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import anyio
import pytest

from asgi_middleware.stores import Limit, MemoryStore, RedisStore, SQLiteStore
from asgi_middleware.stores import _limits as arithmetic
from asgi_middleware.stores import _sqlite as sqlite


async def test_a_value_is_there_for_its_time(store):
    assert await store.get("a") is None
    assert await store.put("a", b"\x00one", 60)
    assert await store.get("a") == b"\x00one"
    assert await store.put("a", b"two", 0.05)
    await anyio.sleep(0.1)
    assert await store.get("a") is None


async def test_a_value_is_put_only_where_it_was_expected(store):
    assert not await store.put("a", b"2", 60, expected=b"1")
    assert await store.put("a", b"1", 60, expected=None)
    assert not await store.put("a", b"2", 60, expected=None)
    assert await store.put("a", b"2", 60, expected=b"1")
    assert not await store.put("a", b"3", 60, expected=b"1")
    assert await store.get("a") == b"2"


async def test_a_value_is_deleted_once(store):
    await store.put("a", b"1", 60)
    assert await store.delete("a")
    assert not await store.delete("a")
    assert await store.get("a") is None


async def test_a_value_is_kept_for_longer(store):
    assert not await store.touch("a", 60)
    await store.put("a", b"1", 1)
    assert await store.touch("a", 60)
    await anyio.sleep(1.1)
    assert await store.get("a") == b"1"


async def test_a_set_has_its_members_until_its_time_is_over(store):
    assert await store.members("s") == set()
    await store.discard("s", "a")
    await store.add("s", "a", 60)
    await store.add("s", "bä", 60)
    await store.add("s", "a", 0.01)
    await anyio.sleep(0.05)
    assert await store.members("s") == {"a", "bä"}
    await store.discard("s", "a")
    await store.discard("s", "unknown")
    assert await store.members("s") == {"bä"}
    await store.add("t", "a", 0.01)
    await anyio.sleep(0.05)
    assert await store.members("t") == set()


async def test_only_one_of_many_puts_what_was_expected(store):
    won = []

    async def put(number):
        won.append(await store.put("a", b"%d" % number, 60, expected=None))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(put, number)
    assert won.count(True) == 1


@pytest.mark.parametrize("algorithm", ["gcra", "sliding"])
async def test_exactly_the_quota_is_let_through(store, algorithm):
    allowed = []
    limit = Limit(10, 3600, algorithm=algorithm)

    async def spend():
        allowed.append((await store.spend("a", [limit], 1)).allowed)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(spend)
    assert allowed.count(True) == 10


@pytest.mark.parametrize(("quota", "window"), [(7, 10), (300, 60), (1000, 86400), (13, 1), (20_000, 1)])
@pytest.mark.parametrize("algorithm", ["gcra", "sliding"])
@pytest.mark.parametrize("now", [0.0, 12_345.678, 1.79e9 + 0.123, 4e9 + 0.321])
def test_exactly_the_quota_is_let_through_on_any_clock(algorithm, quota, window, now):
    limit, state, allowed = Limit(quota, window, algorithm=algorithm), None, 0
    now = now // window * window + now % 1 * window  # at one place in the window
    for _ in range(quota + 20):
        spent, (state,) = arithmetic.decide([limit], [state], 1, now)
        allowed += spent.allowed
    assert allowed == quota


async def test_no_rounding_costs_the_last_request_of_a_quota(store):
    allowed = [(await store.spend("a", [Limit(9, 600)], 1)).allowed for _ in range(12)]
    assert allowed == [True] * 9 + [False] * 3


async def test_what_is_left_is_reported(store):
    limit = Limit(4, 3600)
    first = await store.spend("a", [limit], 1)
    assert (first.allowed, first.states[0].remaining, first.states[0].retry_after) == (True, 3, 0)
    assert 600 < first.states[0].reset < 900.001
    last = await store.spend("a", [limit], 3)
    assert (last.allowed, last.states[0].remaining) == (True, 0)
    refused = await store.spend("a", [limit], 2)
    assert (refused.allowed, refused.states[0].remaining) == (False, 0)
    assert 1500 < refused.states[0].retry_after < 1800.001


async def test_of_several_limits_none_is_spent_where_one_refuses(store):
    limits = [Limit(1, 3600, "strict"), Limit(100, 3600, "wide")]
    assert (await store.spend("a", limits, 1)).allowed
    for _ in range(3):
        refused = await store.spend("a", limits, 1)
        assert (refused.allowed, [state.remaining for state in refused.states]) == (False, [0, 99])
    assert (await store.spend("a", limits[:1], 1)).allowed, "other limits are counted from zero"


async def test_a_quota_comes_back(store):
    for algorithm in ("gcra", "sliding"):
        limit = Limit(2, 0.1, algorithm=algorithm)
        while (await store.spend(algorithm, [limit], 1)).allowed:
            pass
        await anyio.sleep(0.25)
        assert (await store.spend(algorithm, [limit], 1)).allowed


@pytest.mark.parametrize("text", ["100/minute", "100 per minute", "100/1 minute"])
def test_limits_are_read(text):
    assert Limit.parse(text) == Limit(100, 60.0)
    assert Limit.parse("5 per 10 seconds") == Limit(5, 10.0)


@pytest.mark.parametrize("text", ["", "0/minute", "100", "100/fortnight", "-1/minute", "1/0 minutes", "many/day"])
def test_what_is_not_a_limit_is_refused(text):
    with pytest.raises(ValueError, match="100/minute"):
        Limit.parse(text)


@pytest.mark.parametrize(
    "arguments", [(0, 60), (1.5, 60), (1, 0), (1, float("inf")), (1, 60, "No"), (1, 60, "a", "bucket")]
)
def test_a_limit_has_a_meaning(arguments):
    with pytest.raises(ValueError, match="quota|name|algorithm"):
        Limit(*arguments)


def plain_sliding(times, quota, window, cost):
    """Return how many of these requests pass, by a plain reading of the sliding window counter."""
    counts, passed = {}, []
    for now in times:
        number = int(now // window)
        elapsed = now / window - number
        used = counts.get(number - 1, 0) * (1 - elapsed) + counts.get(number, 0)
        passed.append(used + cost <= quota + 1e-9)
        if passed[-1]:
            counts[number] = counts.get(number, 0) + cost
    return passed


def plain_gcra(times, quota, window, cost):
    """The same by a bucket that fills at the rate of the limit."""
    level, last, passed = float(quota), times[0], []
    for now in times:
        level, last = min(quota, level + (now - last) * quota / window), now
        passed.append(level >= cost - 1e-9)
        if passed[-1]:
            level -= cost
    return passed


@pytest.mark.parametrize(("algorithm", "plain"), [("gcra", plain_gcra), ("sliding", plain_sliding)])
def test_the_arithmetic_is_that_of_a_plain_reading(algorithm, plain):
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    for _ in range(300):
        quota, window, cost = dice.randint(1, 8), dice.choice([1, 10, 60]), dice.choice([1, 1, 2])
        now, times = 1000.0, []
        for _ in range(40):
            now += dice.random() * window / quota
            times.append(now)
        limit, state, passed = Limit(quota, window, algorithm=algorithm), None, []
        for now in times:
            spent, (state,) = arithmetic.decide([limit], [state], cost, now)
            passed.append(spent.allowed)
            left = spent.states[0]
            assert 0 <= left.remaining <= quota
            if not spent.allowed and cost <= quota:
                later = now + left.retry_after + 1e-6
                assert arithmetic.decide([limit], [state], cost, later)[0].allowed, (seed, quota, window, cost)
        assert passed == plain(times, quota, window, cost), (seed, quota, window, cost)


@pytest.mark.parametrize("back", [0.001, 1.0, 59.0, 60.0, 3600.0, 1e9])
@pytest.mark.parametrize("algorithm", ["gcra", "sliding"])
def test_a_clock_that_is_set_back_gives_no_quota_and_locks_no_client_out(algorithm, back):
    limit, now = Limit(3, 60, algorithm=algorithm), 2e9 + 40.0001  # just behind the beginning of a window
    state = None
    for _ in range(3):
        spent, (state,) = arithmetic.decide([limit], [state], 1, now)
        assert spent.allowed
    spent, (state,) = arithmetic.decide([limit], [state], 1, now - back)
    assert (spent.allowed, spent.states[0].remaining) == (False, 0)
    assert 0 < spent.states[0].retry_after <= 120
    spent, (state,) = arithmetic.decide([limit], [state], 1, now - back + spent.states[0].retry_after + 1e-3)
    assert spent.allowed


@pytest.mark.parametrize("algorithm", ["gcra", "sliding"])
async def test_a_state_from_before_the_clock_was_set_back_is_a_spent_quota_of_this_window(store, algorithm):
    if isinstance(store, MemoryStore):
        return  # whose clock only goes forward
    limit, ahead = Limit(3, 60, algorithm=algorithm), time.time() + 1e7
    state = (ahead, 60.0, 0.0) if algorithm == "gcra" else (float(ahead // 60), 0.0, 3.0)
    await store.put("late", arithmetic.encode(state), 1000)
    spent = await store.spend("late", [limit], 1)
    assert (spent.allowed, spent.states[0].remaining) == (False, 0)
    assert 0 < spent.states[0].retry_after <= 120
    assert 0 < spent.states[0].reset <= 120


def test_a_cost_beyond_the_quota_never_passes():
    for algorithm in ("gcra", "sliding"):
        spent, _ = arithmetic.decide([Limit(2, 60, algorithm=algorithm)], [None], 3, 1000.0)
        assert not spent.allowed
        assert spent.states[0].retry_after > 0


@pytest.mark.parametrize("value", [None, b"", b"1 2", b"a b c", b"1 2 3 4"])
def test_a_state_that_cannot_be_read_is_a_fresh_one(value):
    assert arithmetic.decode(value) is None
    assert arithmetic.decode(arithmetic.encode((1.5, 0.1, 2.0))) == (1.5, 0.1, 2.0)


async def test_memory_is_bounded_and_the_longest_unused_make_room():
    clock = [0.0]
    store = MemoryStore(max_keys=3, clock=lambda: clock[0])
    await store.put("short", b"", 1)
    for key in "abc":
        await store.put(key, b"", 60)
        await store.get("a")
    assert await store.get("short") is None
    await store.put("d", b"", 60)
    assert [await store.get(key) is not None for key in "abcd"] == [True, False, True, True]
    clock[0] = 100.0
    for key in "efg":
        await store.put(key, b"", 60)
    assert len(store._entries) == 3
    with pytest.raises(ValueError, match="max_keys"):
        MemoryStore(max_keys=0)
    with pytest.raises(ValueError, match="max_bytes"):
        MemoryStore(max_bytes=0)


async def test_large_values_make_room_for_large_ones_alone():
    store = MemoryStore(max_keys=10, max_bytes=1000)
    await store.spend("limit", [Limit(1, 60)], 1)
    for key in "abc":
        await store.put(key, b"x" * 100, 60)
    await store.add("set", "member", 60)
    for key in "ABCDE":
        await store.put(key, b"x" * 200, 60)
    assert [await store.get(key) is not None for key in "abcABCDE"] == [True] * 3 + [False] * 2 + [True] * 3
    assert await store.members("set") == {"member"}
    assert not (await store.spend("limit", [Limit(1, 60)], 1)).allowed
    await store.put("D", b"small", 60)
    await store.delete("E")
    await store.put("F", b"x" * 395, 60)
    assert [await store.get(key) is not None for key in "CDF"] == [True] * 3
    await store.put("huge", b"x" * 1001, 60)
    assert [await store.get(key) is not None for key in ("a", "D", "C", "F", "huge")] == [True] * 2 + [False] * 3


async def test_sqlite_sweeps_what_is_over(tmp_path):
    store = SQLiteStore(tmp_path / "store.db")
    for number in range(20):
        await store.put(f"old{number}", b"", 0.001)
    for _ in range(256):
        await store.put("new", b"", 60)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        assert connection.execute("select count(*) from entries").fetchone() == (1,)
    await store.aclose()
    await store.aclose()


async def test_sqlite_says_what_is_wrong_with_its_file(tmp_path):
    store = SQLiteStore(tmp_path / "missing" / "store.db")
    with pytest.raises(OSError, match="missing"):
        await store.get("a")
    locked = SQLiteStore(tmp_path / "store.db", timeout=0.01)
    await locked.put("a", b"1", 60)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        connection.execute("begin immediate")
        with pytest.raises(OSError, match="locked"):
            await locked.put("a", b"2", 60)
        connection.execute("rollback")
    assert await locked.get("a") == b"1"
    await locked.aclose()
    (tmp_path / "broken.db").write_bytes(b"x" * 4096)
    with pytest.raises(OSError, match="not a database"):
        await SQLiteStore(tmp_path / "broken.db").get("a")


def test_a_sqlite_store_that_is_dropped_closes_its_file(tmp_path):
    store = SQLiteStore(tmp_path / "store.db")
    store._transact(lambda connection, now: None)  # in this thread: a worker thread remembers its last call
    opened = list(store._opened)
    assert len(opened) == 2
    store.itself = store  # left to the garbage collector, as a store is that its application refers to
    del store
    gc.collect()
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("select 1")


@pytest.mark.parametrize("lock", ["_lock", "_reader_lock"])
async def test_a_sqlite_store_that_is_in_use_at_the_exit_is_left_alone(tmp_path, lock):
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1", 60)
    with getattr(store, lock):  # by a daemon thread
        sqlite._close_all(store._opened, (store._lock, store._reader_lock))
    assert await store.get("a") == b"1"
    await store.aclose()


async def test_the_connections_of_another_process_are_left_alone(tmp_path):
    store = SQLiteStore(tmp_path / "store.db")
    await store.put("a", b"1", 60)
    sqlite._close_all(dict.fromkeys(store._opened, os.getpid() + 1), (store._lock, store._reader_lock))
    assert await store.get("a") == b"1"
    await store.aclose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("opened_by", ["parent", "child"])
def test_a_forked_child_closes_the_connections_that_it_has_opened(tmp_path, opened_by):
    program = f"""
import gc, os, sqlite3
from asgi_middleware.stores import SQLiteStore

def is_closed(connection):
    try:
        return connection.total_changes < 0
    except sqlite3.ProgrammingError:
        return True

store = SQLiteStore({str(tmp_path / "store.db")!r})
def open_store():
    store._transact(lambda connection, now: None)
if {opened_by == "parent"}:
    open_store()
child = os.fork()
if not child:
    if {opened_by == "child"}:
        open_store()
    opened = list(store._opened)
    del store
    gc.collect()
    os._exit(len(opened) * 10 + sum(map(is_closed, opened)))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("22\n" if opened_by == "child" else "20\n", "")


def test_a_connection_of_another_process_is_left_open(tmp_path):
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        sqlite._close_all({connection: os.getpid() + 1}, ())
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_sqlite_store_is_closed_at_the_exit(tmp_path):
    program = f"""
import anyio
from asgi_middleware.stores import SQLiteStore
store = SQLiteStore({str(tmp_path / "store.db")!r})
anyio.run(store.put, "a", b"1", 60)
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stderr, [path.name for path in tmp_path.iterdir()]) == ("", ["store.db"])  # the log has been written


async def test_a_failure_in_a_transaction_undoes_it(tmp_path):
    store = SQLiteStore(tmp_path / "store.db")

    def work(connection, now):
        connection.execute("insert into entries values ('a', x'00', 9e9)")
        raise ValueError("boom")

    with pytest.raises(ValueError, match="^boom$"):
        await store._run(work)
    assert await store.get("a") is None
    await store.aclose()


WORKER = """
import anyio, sys
from asgi_middleware.stores import Limit, RedisStore, SQLiteStore

async def main():
    store = SQLiteStore(sys.argv[1]) if sys.argv[1].startswith("/") else RedisStore(sys.argv[1], prefix=sys.argv[2], timeout=30)
    passed = [(await store.spend("a", [Limit(20, 3600)], 1)).allowed for _ in range(50)]
    print(passed.count(True))

anyio.run(main)
"""


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_exactly_the_quota_is_let_through_by_four_processes(kind, tmp_path, request):
    where = str(tmp_path / "store.db") if kind == "sqlite" else request.getfixturevalue("redis_url")
    command = [sys.executable, "-c", WORKER, where, os.urandom(4).hex()]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(worker.communicate(timeout=60)[0]) for worker in workers) == 20


async def test_redis_that_is_not_there_is_an_oserror(anyio_backend_name):
    pytest.importorskip("redis", reason="pip install redis")
    store = RedisStore("redis://127.0.0.1:1", timeout=1)
    if anyio_backend_name == "trio":
        with pytest.raises(RuntimeError, match="asyncio"):
            await store.get("a")
        return
    with pytest.raises(OSError, match="does not answer"):
        await store.get("a")
    with pytest.raises(OSError, match="does not answer"):
        await store.spend("a", [Limit(1, 1)], 1)
    await store.aclose()
    await store.aclose()


async def test_mistakes_in_redis_are_not_taken_for_an_outage(redis_url, anyio_backend_name):
    if anyio_backend_name == "trio":
        pytest.skip("the client of Redis does not run on trio")

    async def mistake(client):
        raise ValueError("mine")

    store = RedisStore(client=functools.partial(make_client, redis_url))
    with pytest.raises(ValueError, match="^mine$"):
        await store._call(mistake)
    assert await store.put("a", b"1", 1)
    await store.aclose()


def make_client(url):
    from redis import asyncio as redis

    return redis.from_url(url)


def test_redis_needs_a_url_or_a_client(monkeypatch):
    for arguments in ({}, {"url": "redis://a", "client": print}):
        with pytest.raises(ValueError, match="either"):
            RedisStore(**arguments)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    pytest.importorskip("valkey", reason="pip install valkey")
    assert RedisStore("valkey://localhost") is not None
    monkeypatch.setitem(sys.modules, "valkey.asyncio", None)
    with pytest.raises(ImportError, match=r"asgi-middleware\[redis\]"):
        RedisStore("redis://localhost")


async def test_a_burst_of_calls_waits_for_connections(redis_server):
    """The clients' own pools raise instead, beyond a hundred."""
    store = RedisStore(redis_server.url, timeout=30, max_connections=4)
    async with anyio.create_task_group() as tasks:
        for number in range(500):
            tasks.start_soon(store.put, f"key{number}", b"1", 60)
    assert len(await store._here().client.client_list()) == 4
    assert await store.get("key499") == b"1"
    await store.aclose()


async def test_the_client_of_valkey_does_the_same(redis_server):
    pytest.importorskip("valkey", reason="pip install valkey")
    store = RedisStore(redis_server.url.replace("redis://", "valkey://"), timeout=2)
    assert type(store._here().client).__module__.startswith("valkey")
    assert await store.put("a", b"1", 60, expected=None)
    assert not await store.put("a", b"2", 60, expected=None)
    await store.add("s", "a", 60)
    assert (await store.get("a"), await store.members("s")) == (b"1", {"a"})
    allowed = [(await store.spend("r", [Limit(2, 3600), Limit(5, 60, "b", "sliding")], 1)).allowed for _ in range(3)]
    assert allowed == [True, True, False]
    redis_server.kill()
    with pytest.raises(OSError, match="does not answer"):
        await store.get("a")
    await store.aclose()
