"""Sessions in a store: nothing is lost, adopted, brought back or mixed up."""

from __future__ import annotations

import contextlib
import copy
import re
import sqlite3
import time
from datetime import timedelta

import anyio
import pytest

from asgi_middleware.sessions import ServerSession, Session, SessionMiddleware, revoke, sessions_of
from asgi_middleware.sessions import _records as records
from asgi_middleware.sessions import _turns as turns
from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore
from raw_asgi import http_scope, request, run, websocket_scope
from session_client import Browser, app_of, put


async def test_a_session_is_kept_and_its_answer_varies_by_the_cookie(store):
    browser = Browser(store)
    reply = await browser.ask(put(a=[1], b="ü"))
    assert (reply.status, reply.header("vary"), reply.header("x-a")) == (200, "Cookie", "1")
    assert re.fullmatch(rb"session=[A-Za-z0-9_-]{43}", browser.cookie)
    assert await browser.read() == {"a": [1], "b": "ü"}
    reply = await browser.ask(lambda session: session["a"].append(2))
    assert reply.header("set-cookie") is None, "the id is the same"
    assert await browser.read() == {"a": [1, 2], "b": "ü"}
    await browser.ask(lambda session: session.pop("b"))
    assert await browser.read() == {"a": [1, 2]}


class Counting(MemoryStore):
    def __init__(self):
        super().__init__()
        self.calls = []

    async def get(self, key):
        self.calls.append("get")
        return await super().get(key)

    async def put(self, *arguments, **options):
        self.calls.append("put")
        return await super().put(*arguments, **options)


async def test_what_is_not_needed_is_not_read_and_not_written():
    store = Counting()
    browser = Browser(store)
    reply = await browser.ask(lambda session: None)
    assert (reply.header("vary"), reply.header("set-cookie")) == (None, None)
    await browser.ask(lambda session: session.get("a"))
    browser.cookie = b"session=short"
    await browser.ask(lambda session: session.get("a"))
    assert store.calls == []
    await browser.ask(put(a=1))
    assert store.calls == ["put"]
    await browser.ask(lambda session: session["a"])
    await browser.ask(put(a=1))
    await browser.ask(lambda session: None)
    assert store.calls == ["put", "get", "get", "get"]


async def test_an_unknown_id_is_never_adopted(store):
    browser = Browser(store)
    browser.cookie = planted = b"session=" + b"x" * 43
    await browser.ask(put(a=1))
    assert browser.cookie != planted
    victim = Browser(store)
    victim.cookie = planted
    assert await victim.read() == {}


async def test_a_login_ends_the_old_id(store):
    attacker = Browser(store)
    await attacker.ask(put(cart=1))
    victim = attacker.copy()

    def login(session):
        session["user"] = "alice"
        session.regenerate("alice")

    await victim.ask(login)
    assert await victim.read() == {"cart": 1, "user": "alice"}
    assert await attacker.read() == {}
    assert victim.cookie != attacker.cookie
    assert len(await sessions_of(store, "alice")) == 1


async def test_a_logout_ends_the_id_and_a_copy_of_the_cookie_is_worth_nothing(store):
    browser = Browser(store)
    await browser.ask(lambda session: (put(user=1)(session), session.regenerate("u")))
    copy = browser.copy()
    await browser.ask(lambda session: session.destroy())
    assert browser.cookie is None
    assert await copy.read() == {}
    assert await sessions_of(store, "u") == []


async def test_a_late_write_does_not_bring_a_session_back(store):
    browser = Browser(store)
    await browser.ask(put(user="alice"))
    slow, copy = browser.copy(), browser.copy()

    async def log_out_meanwhile(session):
        session["seen"] = 1
        await browser.ask(lambda session: session.clear())

    reply = await slow.ask(log_out_meanwhile)
    assert reply.header("set-cookie") is None, "the browser may have another session by now"
    assert await copy.read() == {}

    await browser.ask(put(user="alice"))
    slow, copy = browser.copy(), browser.copy()

    async def rotate_late(session):
        assert session["user"] == "alice"
        await browser.ask(lambda session: session.destroy())
        session.regenerate()

    await slow.ask(rotate_late)
    assert slow.cookie is None
    assert await copy.read() == {}


async def test_what_is_put_after_a_clear_gets_a_new_id(store):
    browser = Browser(store)
    await browser.ask(put(a=1))
    old = browser.copy()
    await browser.ask(lambda session: (session.clear(), put(b=2)(session)))
    assert await browser.read() == {"b": 2}
    assert await old.read() == {}


async def test_concurrent_requests_lose_no_write(store):
    browser = Browser(store)
    await browser.ask(put(n=0, gone=1, kept=1))
    inside, together = 0, anyio.Event()
    count = 1000 if isinstance(store, MemoryStore) else 50

    async def ask(number):
        async def act(session):
            nonlocal inside
            assert session["gone"] == 1, "every request has read the same"
            inside += 1
            if inside == count:
                together.set()
            await together.wait()
            session[f"key{number}"] = number
            session.pop("gone")
            session.apply(lambda data: data.update(n=data["n"] + 1))

        assert (await browser.copy().ask(act)).status == 200

    browser.options["store_timeout"] = 60
    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(ask, number)
    found = await browser.read()
    assert found.pop("n") == count
    assert found == {"kept": 1, **{f"key{number}": number for number in range(count)}}


async def test_1000_increments_in_a_file_lose_nothing(tmp_path):
    store = SQLiteStore(tmp_path / "state.db")
    browser = Browser(store, store_timeout=300)
    await browser.ask(put(n=0))
    async with anyio.create_task_group() as tasks:
        for _ in range(1000):
            tasks.start_soon(
                browser.copy().ask, lambda session: session.apply(lambda data: data.update(n=data["n"] + 1))
            )
    assert await browser.read() == {"n": 1000}
    await store.aclose()


async def test_sessions_of_a_user_are_listed_and_revoked(store):
    browsers = [Browser(store) for _ in range(3)]
    for browser in browsers:
        await browser.ask(lambda session: (put(user="alice")(session), session.regenerate("alice")))
    bob = Browser(store)
    await bob.ask(lambda session: (put(user="bob")(session), session.regenerate("bob")))
    listed = await sessions_of(store, "alice")
    assert len(listed) == 3
    assert [each.created for each in listed] == sorted((each.created for each in listed), reverse=True)
    assert await revoke(store, "alice", handle=listed[0].handle) == 1
    assert len(await sessions_of(store, "alice")) == 2
    await store.delete(listed[1].handle)
    assert len(await sessions_of(store, "alice")) == 1, "what is over is not listed"
    assert await revoke(store, "alice") == 1
    assert [await browser.read() for browser in browsers] == [{}, {}, {}]
    assert await bob.read() == {"user": "bob"}


async def test_a_user_ends_all_sessions_but_this_one(store):
    browsers = [Browser(store) for _ in range(3)]
    for browser in browsers:
        await browser.ask(lambda session: (put(user="alice")(session), session.regenerate("alice")))

    async def end_the_others(session):
        for other in await sessions_of(store, session["user"]):
            if other.handle != session.handle:
                await revoke(store, session["user"], handle=other.handle)

    await browsers[1].ask(end_the_others)
    assert [await browser.read() for browser in browsers] == [{}, {"user": "alice"}, {}]
    handles = []
    await Browser(store).ask(lambda session: handles.append(session.handle))
    await Browser(store).ask(lambda session: (put(a=1)(session), handles.append(session.handle)))
    assert handles == [None, None], "a new one has none yet"


async def test_a_copy_of_a_session_is_one_without_a_store():
    copies = []
    browser = Browser(MemoryStore())
    await browser.ask(put(a=[1]))
    await browser.ask(lambda session: copies.append(copy.deepcopy(session)))
    (found,) = copies
    found.mark_accessed()
    assert dict(await found.load()) == {"a": [1]}
    assert found.handle is None


async def test_a_login_that_is_revoked_at_that_moment_is_over():
    class Revoking(MemoryStore):
        async def put(self, key, *arguments, **options):
            await revoke(self, "alice")
            return await super().put(key, *arguments, **options)

    browser = Browser(Revoking())
    await browser.ask(lambda session: (put(user="alice")(session), session.regenerate("alice")))
    assert await browser.read() == {}


def login(session):
    session["user"] = "alice"
    session.regenerate("alice")


async def test_a_login_that_is_listed_at_that_moment_holds():
    class Listing(MemoryStore):
        async def add(self, *arguments):
            await super().add(*arguments)
            if not lists:
                lists.append(await sessions_of(self, "alice"))

    lists = []
    browser = Browser(store := Listing())
    await browser.ask(login)
    assert lists == [[]]
    assert await browser.read() == {"user": "alice"}
    assert len(await sessions_of(store, "alice")) == 1


async def test_sessions_that_have_expired_do_not_pile_up_in_the_list_of_a_user(monkeypatch):
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    monkeypatch.setattr("time.time", lambda: now[0])
    for _ in range(100):
        await Browser(store, idle_timeout=40).ask(login)
        now[0] += 60
    assert len(await store.members(records.index_of("session", "alice"))) <= 10
    browsers = [Browser(store, idle_timeout=40) for _ in range(20)]
    for browser in browsers:
        await browser.ask(login)
    assert [await browser.read() for browser in browsers] == [{"user": "alice"}] * 20
    assert len(await sessions_of(store, "alice")) == 20


async def test_sessions_end_when_idle_and_at_their_longest_life(monkeypatch):
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    monkeypatch.setattr("time.time", lambda: now[0])
    browser = Browser(store, max_age=timedelta(seconds=100), idle_timeout=40)
    await browser.ask(put(a=1))
    for _ in range(3):
        now[0] += 30
        assert await browser.read() == {"a": 1}, "a look keeps it"
    now[0] += 11
    assert await browser.read() == {}
    await browser.ask(put(a=2))
    now[0] += 41
    assert await browser.read() == {}
    forever = Browser(store, max_age=None)
    await forever.ask(put(a=1))
    now[0] += 1e6
    assert await forever.read() == {"a": 1}


async def test_the_longest_life_holds_even_where_the_store_keeps_a_record_for_longer(store, monkeypatch):
    browser = Browser(store, max_age=100)
    await browser.ask(put(a=1))
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 99)
    assert await browser.read() == {"a": 1}
    monkeypatch.setattr("time.time", lambda: now + 101)
    assert await browser.read() == {}


async def test_a_stolen_store_holds_no_usable_id(tmp_path):
    store = SQLiteStore(tmp_path / "state.db")
    browser = Browser(store)
    await browser.ask(lambda session: (put(user="alice")(session), session.regenerate("alice")))
    await store.aclose()
    identifier = browser.cookie.partition(b"=")[2]
    for file in tmp_path.iterdir():
        assert identifier not in file.read_bytes()
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        keys = [key for (key,) in connection.execute("select key from entries")]
    for key in keys:
        thief = Browser(SQLiteStore(tmp_path / "state.db"))
        thief.cookie = b"session=" + key.rpartition(":")[2].encode()[:43]
        assert await thief.read() == {}


async def test_a_record_of_another_key_is_never_returned():
    class Mixing(MemoryStore):
        async def get(self, key):
            return records.Record("session:session:other", 1.0, 1.0, None, {"user": "bob"}).encode()

    browser = Browser(Mixing())
    browser.cookie = b"session=" + b"x" * 43
    assert (await browser.ask(lambda session: session.get("user"))).status == 503


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"\xff", None])
def test_what_is_not_a_record_is_none(value):
    assert records.read_record("k", value) is None


class Failing(MemoryStore):
    broken = slow = False

    async def get(self, key):
        if self.broken:
            raise OSError("down")
        return await super().get(key)

    async def put(self, *arguments, **options):
        if self.broken:
            raise OSError("down")
        if self.slow:
            await anyio.sleep_forever()
        return await super().put(*arguments, **options)


async def test_a_store_that_fails_is_a_503_or_an_empty_session_that_is_not_saved(caplog):
    store = Failing()
    browser = Browser(store)
    await browser.ask(put(a=1))
    store.broken = True
    cookie = browser.cookie
    reply = await browser.ask(put(b=1))
    assert (reply.status, reply.header("retry-after"), browser.cookie) == (503, "1", cookie)
    browser.options["on_store_error"] = "empty"
    found = []
    reply = await browser.ask(lambda session: (found.append(dict(session)), put(b=1)(session)))
    assert (reply.status, found, browser.cookie) == (200, [{}], cookie)
    fresh = Browser(store, on_store_error="empty")
    assert (await fresh.ask(put(a=1))).status == 200
    assert fresh.cookie is None
    store.broken = False
    assert await browser.read() == {"a": 1}
    assert "the store of the sessions fails: down" in caplog.text


async def test_a_save_that_fails_is_a_503_in_place_of_the_answer(caplog):
    store = Failing()
    store.broken = True
    app = SessionMiddleware(app_of(put(a=1)), store=store)
    reply = await request(app)
    assert (reply.status, reply.text, reply.header("x-a")) == (503, "Service Unavailable", None)
    await request(app)
    assert len(caplog.records) == 1, "logged once"
    store.broken, store.slow = False, True
    reply = await Browser(store, store_timeout=0.01).ask(put(a=1))
    assert reply.status == 503

    async def socket(scope, receive, send):
        await receive()
        scope["session"]["a"] = 1
        await send({"type": "websocket.accept"})

    app = SessionMiddleware(socket, store=store, store_timeout=0.01)
    reply = await run(app, websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.status == 503


async def test_websockets_keep_their_session_with_the_accept():
    store = MemoryStore()

    async def socket(scope, receive, send):
        await receive()
        scope["session"]["a"] = 1
        await send({"type": "websocket.accept"})

    reply = await run(SessionMiddleware(socket, store=store), websocket_scope(), [{"type": "websocket.connect"}])
    browser = Browser(store)
    browser.cookie = dict(reply.messages[0]["headers"])[b"set-cookie"].split(b";")[0]
    assert await browser.read() == {"a": 1}


async def test_another_object_in_the_scope_is_saved():
    store = MemoryStore()

    async def app(scope, receive, send):
        scope["session"] = {"b": 2}
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    reply = await request(SessionMiddleware(app, store=store))
    browser = Browser(store)
    browser.cookie = reply.header("set-cookie").split(";")[0].encode()
    assert await browser.read() == {"b": 2}


async def test_sessions_inside_one_another_keep_apart():
    store, found = MemoryStore(), []

    async def app(scope, receive, send):
        assert isinstance(scope["session"], ServerSession)
        scope["session"]["inner"] = 1
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    inner = SessionMiddleware(app, store=store, session_cookie="inner")

    async def between(scope, receive, send):
        scope["session"]["outer"] = 1
        await inner(scope, receive, send)
        found.append(dict(scope["session"]))

    reply = await request(SessionMiddleware(between, store=store))
    assert found == [{"outer": 1}]
    assert sorted(value.partition("=")[0] for value in reply.all("set-cookie")) == ["inner", "session"]
    same = SessionMiddleware(SessionMiddleware(app, store=store), store=store)
    assert len((await request(same)).all("set-cookie")) == 1
    scope = http_scope()
    scope["session"] = Session()
    await run(SessionMiddleware(app, store=store), scope)


def test_what_has_no_meaning_is_refused():
    for options in ({"secret_key": "a"}, {"on_store_error": "maybe"}, {"idle_timeout": 0.5}, {"oversize": "ignore"}):
        with pytest.raises(ValueError, match="secret_key|on_store_error|idle_timeout|oversize"):
            SessionMiddleware(print, store=MemoryStore(), **options)


async def test_a_session_that_is_changed_all_the_time_is_a_503():
    class Losing(MemoryStore):
        async def put(self, key, value, ttl, *, expected=None):
            return expected is None and await super().put(key, value, ttl, expected=None)

    browser = Browser(Losing(), store_timeout=0.05)
    await browser.ask(put(a=1))
    assert (await browser.ask(put(a=2))).status == 503
    assert (await browser.ask(lambda session: session.destroy())).status == 503


async def test_a_store_that_takes_no_new_session_is_a_503_and_no_hang():
    class Full(MemoryStore):
        async def put(self, *arguments, **options):
            return False

    assert (await Browser(Full(), store_timeout=0.05).ask(put(a=1))).status == 503


async def test_a_request_cancelled_in_the_queue_passes_its_turn_to_the_next():
    queue, order = turns.Queue(), []
    await queue.enter("a")

    async def hold(name, scope):
        with scope:
            await queue.enter("a")
            order.append(name)
            queue.leave("a")

    scopes = [anyio.CancelScope() for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for name, scope in enumerate(scopes):
            tasks.start_soon(hold, name, scope)
            await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        queue.leave("a")
    assert order[-1] == 2
    assert queue._waiting == {}


async def test_redis_killed_full_and_read_only(redis_server, caplog):
    store = RedisStore(redis_server.url, timeout=0.5)
    browser = Browser(store)
    await browser.ask(put(a=1))
    client = store._here().client
    await client.config_set("maxmemory-policy", "noeviction")
    await client.config_set("maxmemory", "1")
    assert (await browser.ask(put(a="x" * 1000))).status == 503
    assert await browser.read() == {"a": 1}, "what is there can be read"
    await client.config_set("maxmemory", "0")
    await client.execute_command("ACL", "SETUSER", "default", "-@write")
    assert (await browser.ask(put(a=2))).status == 503
    await client.execute_command("ACL", "SETUSER", "default", "+@all")

    async def kill(session):
        session["a"] = 3
        redis_server.kill()

    assert (await browser.ask(kill)).status == 503
    assert (await browser.ask(put(a=4))).status == 503
    redis_server.start()
    old = browser.cookie
    assert await browser.read() == {}, "it has forgotten everything"
    await browser.ask(put(a=5))
    assert browser.cookie != old
    await store.aclose()


async def test_sqlite_locked_and_full(tmp_path):
    store = SQLiteStore(tmp_path / "state.db", timeout=0.01)
    browser = Browser(store)
    await browser.ask(put(a=1))
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.execute("begin immediate")
        assert (await browser.ask(put(a=2))).status == 503
        connection.execute("rollback")
    pages = store._open().execute("pragma page_count").fetchone()[0]
    store._open().execute(f"pragma max_page_count = {pages}")
    assert (await browser.ask(put(a="x" * 100_000))).status == 503
    assert await browser.read() == {"a": 1}
    await store.aclose()


async def test_100000_expired_sessions_are_swept_a_few_at_a_time(tmp_path):
    store = SQLiteStore(tmp_path / "state.db")
    await store.put("first", b"", 60)
    connection = store._open()
    connection.execute("begin")
    rows = ((f"old{number}", b"", 1.0) for number in range(100_000))
    connection.executemany("insert into entries values (?, ?, ?)", rows)
    connection.commit()
    before, most = 100_001, 0
    for number in range(2560):
        await store.put("new", b"%d" % number, 60)
        if number % 128 == 0:
            left = connection.execute("select count(*) from entries").fetchone()[0]
            most, before = max(most, before - left), left
    assert 0 < most <= 512
    assert before < 96_000
    await store.aclose()
