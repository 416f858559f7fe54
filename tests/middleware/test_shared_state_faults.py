"""Shared state while its store fails, is slow, is restarted or is being cancelled: each gets only its own values."""

from __future__ import annotations

import contextlib
import sqlite3

import anyio
import pytest

from asgi_middleware.idempotency import IdempotencyMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_middleware.stores import Limit, MemoryStore, RedisStore, SQLiteStore
from raw_asgi import request
from session_client import Browser, app_of, put
from steps import finish, steps


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class TripsOf:
    """Counts round trips: the reads of requests that the server itself reports."""

    def __init__(self, store):
        self.client = store._make()

    async def of(self, call):
        before = await self.reads()
        await call()
        return await self.reads() - before - 1

    async def reads(self):
        return (await self.client.info("stats"))["total_reads_processed"]


async def test_how_many_round_trips_there_are(redis_server):
    store = RedisStore(redis_server.url)
    trips = TripsOf(store)
    limited = RateLimitMiddleware(page, ["100/hour", Limit(1000, 86400, "day", "sliding")], store=store)
    keyed = IdempotencyMiddleware(page, store)
    browser, lazy = Browser(store), Browser(store, lazy=True)

    async def ask_keyed():
        await request(keyed, "POST", headers=[(b"idempotency-key", b"a")])

    await request(limited)  # connections, scripts
    await browser.ask(put(n=1))
    lazy.cookie = browser.cookie
    assert await trips.of(lambda: request(limited)) == 1
    assert await trips.of(lambda: browser.ask(lambda session: None)) == 1
    assert await trips.of(lambda: lazy.ask(lambda session: None)) == 0
    assert await trips.of(browser.read) == 1
    assert await trips.of(lambda: browser.ask(put(n=2))) == 2
    assert await trips.of(lambda: Browser(store).ask(put(n=1))) == 1
    assert await trips.of(ask_keyed) == 2
    assert await trips.of(ask_keyed) == 2
    await trips.client.aclose()
    await store.aclose()


async def test_the_result_of_an_abandoned_call_is_dropped(redis_server):
    """The server pauses, callers give up, and those who come later get their own answers."""
    store = RedisStore(redis_server.url, max_connections=2, timeout=30)
    browsers = [Browser(store) for _ in range(8)]
    for number, browser in enumerate(browsers):
        await browser.ask(put(user=number))
    client = store._make()
    found = []

    async def read(number, browser):
        await browser.ask(lambda session: found.append((number, session["user"])))

    for _ in range(3):
        await client.execute_command("CLIENT", "PAUSE", "300", "ALL")
        for browser in browsers:
            browser.options["store_timeout"] = 0.02
        statuses = []
        async with anyio.create_task_group() as tasks:
            for browser in browsers:

                async def give_up(browser=browser):
                    statuses.append((await browser.ask(lambda session: session["user"])).status)

                tasks.start_soon(give_up)
        assert statuses == [503] * 8
        for browser in browsers:
            browser.options["store_timeout"] = 30
        async with anyio.create_task_group() as tasks:
            for number, browser in enumerate(browsers):
                tasks.start_soon(read, number, browser)
    assert len(found) == 24
    assert all(number == user for number, user in found)
    await client.aclose()
    await store.aclose()


async def test_redis_that_is_restarted_in_mid_request_brings_no_session_back(redis_server):
    store = RedisStore(redis_server.url)
    browser = Browser(store)
    await browser.ask(put(user="alice"))

    def restart(session):
        session["n"] = 1
        redis_server.kill()
        redis_server.start()

    reply = await browser.ask(restart)
    assert reply.header("set-cookie") is None
    assert reply.status in (200, 503), "the client notices the restart, or finds no session to change"
    assert await browser.read() == {}
    await browser.ask(put(user="bob"))
    assert await browser.read() == {"user": "bob"}
    await store.aclose()


async def test_a_limit_in_a_redis_that_fails_is_open_or_closed_and_recovers(redis_server, caplog):
    store = RedisStore(redis_server.url, timeout=0.5)
    limits = {how: RateLimitMiddleware(page, "2/hour", store=store, on_store_error=how) for how in ("open", "closed")}
    assert (await request(limits["open"])).header("ratelimit") is not None
    redis_server.kill()
    assert [(await request(limits["open"])).status for _ in range(3)] == [200] * 3
    assert [(await request(limits["closed"])).status for _ in range(3)] == [503] * 3
    assert len(caplog.records) == 2, "once for each"
    redis_server.start()
    assert [(await request(limits["closed"])).status for _ in range(3)] == [200, 200, 429]
    client = store._here().client
    await client.config_set("maxmemory-policy", "noeviction")
    await client.config_set("maxmemory", "1")
    assert (await request(limits["closed"])).status == 503
    await client.config_set("maxmemory", "0")
    assert (await request(limits["closed"])).status == 429
    await store.aclose()


async def test_a_limit_in_a_file_that_is_locked_is_open_or_closed(tmp_path):
    store = SQLiteStore(tmp_path / "state.db", timeout=0.01)
    limits = {how: RateLimitMiddleware(page, "9/hour", store=store, on_store_error=how) for how in ("open", "closed")}
    await request(limits["open"])
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.execute("begin immediate")
        assert (await request(limits["open"])).status == 200
        assert (await request(limits["closed"])).status == 503
        connection.execute("rollback")
    assert (await request(limits["closed"])).header("ratelimit").startswith('"default";r=7;')
    await store.aclose()


async def test_what_is_changed_is_stored_before_the_head_is_sent(store):
    sent = []

    async def app(scope, receive, send):
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    middleware = SessionMiddleware(app, store=store)

    async def send(message):
        browser = Browser(store)
        browser.cookie = dict(message["headers"])[b"set-cookie"].split(b";")[0]
        sent.append(await browser.read())

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await middleware(scope, None, send)
    assert sent == [{"a": 1}]


async def test_an_answer_is_stored_before_its_end_is_sent(store):
    """A client that repeats a request because its answer was cut off finds the answer."""
    key = [(b"idempotency-key", b"a")]
    replies = []

    async def send(message):
        if message["type"] == "http.response.body" and not replies:
            replies.append(await request(IdempotencyMiddleware(page, store, wait=0), "POST", headers=key))

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": key, "client": ("127.0.0.1", 1)}
    await IdempotencyMiddleware(page, store)(scope, receive, send)
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"ok")]


async def test_a_late_logout_elsewhere_wins_over_every_other_request(store):
    """One logs out, a hundred others write: whichever is stored last, the id is worth nothing."""
    browser = Browser(store, store_timeout=60)
    await browser.ask(lambda session: (put(user="alice")(session), session.regenerate("alice")))
    copy = browser.copy()

    async def write(number):
        await browser.copy().ask(put(**{f"key{number}": number}))

    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(write, number)
            if number == 20:
                tasks.start_soon(browser.copy().ask, lambda session: session.destroy())
    assert await copy.read() == {}


def test_100000_expired_sessions_in_memory_cost_no_write_more_than_a_few_steps():
    clock = [0.0]
    store = MemoryStore(max_keys=100_000, clock=lambda: clock[0])
    for number in range(100_000):
        finish(store.put(f"old{number}", b"", 10))
    clock[0] = 5.0
    usual = steps(lambda: finish(store.put("first", b"", 60)))
    clock[0] = 100.0
    most = max(steps(lambda number=number: finish(store.put(f"new{number}", b"", 60))) for number in range(200))
    assert most <= 2 * usual, (most, usual)
    assert len(store._entries) <= 100_000


async def test_the_session_of_an_application_that_raises_is_not_saved(store):
    browser = Browser(store)
    await browser.ask(put(a=1))

    async def fail(session):
        session["a"] = 2
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await browser.ask(fail)
    assert await browser.read() == {"a": 1}
    assert (await request(SessionMiddleware(app_of(lambda session: None), store=store))).status == 200
