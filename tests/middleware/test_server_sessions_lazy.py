"""Sessions in a store that are not looked at: nothing is read and nothing is written."""

from __future__ import annotations

import contextlib
import sqlite3

import anyio
import anyio.to_thread
import pytest

from asgi_middleware.sessions import Session, SessionMiddleware
from asgi_middleware.stores import MemoryStore, SQLiteStore
from raw_asgi import http_scope, request, run, websocket_scope
from session_client import Browser, app_of, put


class Waiting(MemoryStore):
    """A store that has to be waited for, as Redis; it counts and may be down."""

    def __init__(self):
        super().__init__()
        self.calls, self.down = [], False

    async def get(self, key):
        self.calls.append("get")
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise OSError("down")
        return await super().get(key)

    async def put(self, *arguments, **options):
        self.calls.append("put")
        return await super().put(*arguments, **options)


async def kept(store, **options):
    """A browser with a session, and no call counted."""
    browser = Browser(store, **options)
    await browser.ask(put(a=1))
    if isinstance(store, Waiting):
        store.calls.clear()
    return browser


class Spy:
    """Counts what a store is asked, without being in the way of what it can do at once."""

    def __init__(self, store, monkeypatch):
        self.calls = []
        for name in ("get", "put", "touch", "add", "members", "delete"):
            monkeypatch.setattr(type(store), name, self.counting(name, getattr(type(store), name)))

    def counting(self, name, method):
        async def counted(store, *arguments, **options):
            self.calls.append(name)
            return await method(store, *arguments, **options)

        return counted


async def test_a_session_that_is_not_looked_at_is_not_read_and_not_written(store, monkeypatch):
    browser = await kept(store, lazy=True)
    spy = Spy(store, monkeypatch)
    reply = await browser.ask(lambda session: None)
    assert (reply.status, reply.header("vary"), reply.header("set-cookie")) == (200, None, None)
    assert spy.calls == []


async def test_memory_and_sqlite_are_read_at_the_first_look_without_being_asked_to(tmp_path, monkeypatch):
    for store in (MemoryStore(), SQLiteStore(tmp_path / "state.db")):
        browser = await kept(store)
        with monkeypatch.context() as patched:
            spy = Spy(store, patched)
            await browser.ask(lambda session: None)
            assert await browser.read() == {"a": 1}
            # As request.session does.
            assert (await browser.ask(lambda session: session.mark_accessed())).header("vary") == "Cookie"
            assert spy.calls == [], "nothing that has to be waited for"
        await store.aclose()


async def test_a_store_that_is_waited_for_is_read_beforehand_or_when_it_is_awaited(store, monkeypatch):
    browser = await kept(store)
    assert await browser.read() == {"a": 1}, "plain access works whatever the store"

    async def look(session):
        assert await session.load() is session
        found.append(dict(session))
        await session.load()

    found = []
    browser.options["lazy"] = True
    spy = Spy(store, monkeypatch)
    reply = await browser.ask(look)
    assert found == [{"a": 1}]
    assert reply.header("vary") == "Cookie"
    assert spy.calls.count("get") <= 1


async def test_a_look_before_it_was_loaded_says_what_to_write():
    store = Waiting()
    browser = await kept(store, lazy=True)
    with pytest.raises(RuntimeError, match=r"await request\.session\.load\(\)"):
        await browser.ask(lambda session: session["a"])
    with pytest.raises(RuntimeError, match="lazy=True"):
        await browser.ask(put(a=2))
    # request.session, on the way to load(), is not an access.
    await browser.ask(lambda session: session.mark_accessed())
    assert store.calls == []


async def test_a_new_session_need_not_be_loaded():
    store = Waiting()
    browser = Browser(store, lazy=True)
    await browser.ask(put(a=1))
    assert store.calls == ["put"]

    async def loaded(session):
        assert dict(await session.load()) == {"a": 1}

    await browser.ask(loaded)


async def test_every_session_can_be_loaded():
    pytest.importorskip("itsdangerous")

    async def act(session):
        (await session.load())["a"] = 1

    assert (await request(SessionMiddleware(app_of(act), "secret"))).header("set-cookie") is not None
    assert dict(await Session(a=1).load()) == {"a": 1}


async def test_a_look_from_a_worker_thread_loads_it():
    store = Waiting()
    browser = await kept(store, lazy=True)
    found = []

    async def act(session):
        found.append(await anyio.to_thread.run_sync(lambda: session["a"]))
        found.append(session["a"])

    await browser.ask(act)
    assert found == [1, 1]
    assert store.calls == ["get"]


async def test_two_tasks_that_load_at_once_get_one_session():
    store = Waiting()
    browser = await kept(store, lazy=True)

    async def act(session):
        async def change(key):
            (await session.load())[key] = 1

        async with anyio.create_task_group() as tasks:
            for key in "bcd":
                tasks.start_soon(change, key)

    await browser.ask(act)
    browser.options.clear()
    assert await browser.read() == {"a": 1, "b": 1, "c": 1, "d": 1}


async def test_another_object_in_the_scope_is_merged_with_what_was_not_loaded():
    store = Waiting()
    browser = await kept(store, lazy=True)

    async def app(scope, receive, send):
        scope["session"] = {"b": 2}
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    middleware = SessionMiddleware(app, store=store, lazy=True)
    headers = [(b"cookie", browser.cookie)]
    assert (await request(middleware, headers=headers)).status == 200
    browser.options.clear()
    assert await browser.read() == {"b": 2}
    store.down = True
    assert (await request(middleware, headers=headers)).status == 503


class Broken(SQLiteStore):
    """A file that cannot be read any more."""

    broken = False

    @property
    def get_now(self):
        return self.fail if self.broken else super().get_now

    get = SQLiteStore.get

    def fail(self, key):
        raise OSError("disk I/O error")


@pytest.mark.parametrize("kind", ["at the first look", "awaited"])
async def test_an_outage_at_the_first_look_is_a_503_and_logged_once(kind, tmp_path, caplog):
    store = Waiting() if kind == "awaited" else Broken(tmp_path / "state.db")
    browser = await kept(store, lazy=True)

    async def look(session):
        (await session.load())["b"] = 2

    cookie = browser.cookie
    store.down = store.broken = True
    for _ in range(2):
        reply = await browser.ask(look)
        assert (reply.status, reply.header("retry-after"), browser.cookie) == (503, "1", cookie)
    assert len(caplog.records) == 1

    async def careless(session):
        try:
            await look(session)
        except OSError:
            pass

    assert (await browser.ask(careless)).status == 503, "an application that goes on has no session"
    browser.options["on_store_error"] = "empty"
    reply = await browser.ask(look)
    assert (reply.status, reply.header("set-cookie")) == (200, None), "an empty session, which is not saved"
    assert (await browser.ask(lambda session: None)).status == 200
    store.down = store.broken = False
    browser.options.clear()
    assert await browser.read() == {"a": 1}
    await store.aclose()


async def test_an_object_in_the_scope_does_not_replace_what_could_not_be_read(tmp_path):
    store = Broken(tmp_path / "state.db")
    browser = await kept(store)

    async def app(scope, receive, send):
        scope["session"] = {"b": 2}
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    headers = [(b"cookie", browser.cookie)]
    store.broken = True
    assert (await request(SessionMiddleware(app, store=store), headers=headers)).status == 503
    reply = await request(SessionMiddleware(app, store=store, on_store_error="empty"), headers=headers)
    assert (reply.status, reply.header("set-cookie")) == (200, None)
    await store.aclose()


async def test_an_answer_of_the_application_to_the_outage_gives_way_to_the_503():
    """As a ServerErrorMiddleware inside does: it answers 500, and raises what it has answered."""
    store = Waiting()
    browser = await kept(store, lazy=True)
    mistakes = []

    async def app(scope, receive, send):
        try:
            await scope["session"].load()
        except OSError:
            await send({"type": "http.response.start", "status": 500})
            await send({"type": "http.response.body"})
            for mistake in mistakes:
                raise mistake from None
            raise

    middleware = SessionMiddleware(app, store=store, lazy=True)
    store.down = True
    headers = [(b"cookie", browser.cookie)]
    assert (await request(middleware, headers=headers)).status == 503
    mistakes.append(KeyError("mine"))
    with pytest.raises(KeyError, match="mine"):
        await request(middleware, headers=headers)


async def test_a_mistake_after_an_outage_is_answered_with_503_and_raised():
    store = Waiting()
    browser = await kept(store, lazy=True)
    sent = []

    async def app(scope, receive, send):
        with contextlib.suppress(OSError):
            await scope["session"].load()
        raise KeyError("mine")

    async def send(message):
        sent.append(message)

    store.down = True
    scope = http_scope(headers=[(b"cookie", browser.cookie)])
    with pytest.raises(KeyError, match="mine"):
        await SessionMiddleware(app, store=store, lazy=True)(scope, None, send)
    assert sent[0]["status"] == 503


async def test_an_outage_once_the_response_has_started_is_raised():
    store = Waiting()
    browser = await kept(store, lazy=True)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await scope["session"].load()

    store.down = True
    with pytest.raises(OSError, match="down"):
        await request(SessionMiddleware(app, store=store, lazy=True), headers=[(b"cookie", browser.cookie)])


async def test_a_websocket_that_finds_the_store_down_is_refused():
    store = Waiting()
    browser = await kept(store, lazy=True)

    async def app(scope, receive, send):
        await receive()
        await scope["session"].load()

    store.down = True
    scope = websocket_scope(headers=[(b"cookie", browser.cookie)])
    reply = await run(SessionMiddleware(app, store=store, lazy=True), scope, [{"type": "websocket.connect"}])
    assert reply.status == 503


async def test_sqlite_is_read_at_once_only_where_a_writer_is_not_in_the_way(tmp_path):
    store = SQLiteStore(tmp_path / "state.db")
    assert store.get_now is None, "it is not open yet"
    await store.put("a", b"1", 60)
    assert store.get_now("a") == b"1"
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        assert store.get_now("a") == await store.get("a") == b"1"
        other.execute("rollback")
    store._reader.close()
    with pytest.raises(OSError, match="does not answer"):
        store.get_now("a")
    assert store.get_now is None
    assert await store.get("a") == b"1"
    await store.aclose()
    memory = SQLiteStore(":memory:")
    await memory.put("a", b"1", 60)
    assert memory.get_now is None
    assert await memory.get("a") == b"1"
    await memory.aclose()
