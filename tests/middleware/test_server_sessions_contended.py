"""Sessions in a store that many change at once: no write is lost, whichever instance it comes through."""

from __future__ import annotations

import sys
from itertools import count

import anyio
import pytest

from asgi_middleware.sessions import _turns as turns
from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore
from session_client import Browser, put


def increment(session):
    session.apply(lambda data: data.update(n=data["n"] + 1))


class Interleaved(MemoryStore):
    """A store in which every call of one instance lets all the others go first, as a network does."""

    async def get(self, key):
        value = await super().get(key)
        await anyio.lowlevel.checkpoint()
        return value

    async def put(self, *arguments, **options):
        await anyio.lowlevel.checkpoint()
        return await super().put(*arguments, **options)


async def instances(kind, number, tmp_path, request):
    """Several stores over one state; in memory it is one store, and its middlewares know nothing of each other."""
    if kind == "memory":
        return [Interleaved()] * number
    if kind == "sqlite":
        return [SQLiteStore(tmp_path / "state.db", timeout=60) for _ in range(number)]
    prefix = f"{request.node.name}:"
    return [RedisStore(request.getfixturevalue("redis_url"), prefix=prefix, timeout=60) for _ in range(number)]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
async def test_1000_increments_through_four_instances_lose_nothing(
    kind, tmp_path, request, anyio_backend_name, monkeypatch
):
    if kind == "redis" and anyio_backend_name == "trio":
        pytest.skip("the client of Redis does not run on trio")
    if kind == "memory":  # else one store object is one queue
        monkeypatch.setattr("asgi_middleware.sessions._server.queue_of", lambda store: turns.Queue())
    stores = await instances(kind, 4, tmp_path, request)
    first = Browser(stores[0], store_timeout=300)
    await first.ask(put(n=0))
    total = 1000 if anyio_backend_name == "asyncio" else 200
    browsers = [Browser(store, store_timeout=300) for store in stores]
    for browser in browsers:
        browser.cookie = first.cookie
    statuses = []

    async def ask(number):
        def act(session):
            increment(session)
            session[f"key{number}"] = number

        statuses.append((await browsers[number % 4].copy().ask(act)).status)

    async with anyio.create_task_group() as tasks:
        for number in range(total):
            tasks.start_soon(ask, number)
    assert statuses == [200] * total
    assert await first.read() == {"n": total, **{f"key{number}": number for number in range(total)}}
    for store in stores:
        await store.aclose()


async def test_100_instances_that_all_lose_to_each_other_lose_no_write(monkeypatch):
    """More losses in a row than any number of tries would allow: only the time is limited."""
    lost = []

    async def counting(times, real=turns.pause):
        lost.append(times)
        await real(times)

    monkeypatch.setattr("asgi_middleware.sessions._server.pause", counting)
    monkeypatch.setattr("asgi_middleware.sessions._server.queue_of", lambda store: turns.Queue())
    monkeypatch.setattr(turns, "_LONGEST", 0.002)  # so that they meet as often as can be
    store = Interleaved()
    first = Browser(store, store_timeout=300)
    await first.ask(put(n=0))

    async def ask():
        browser = Browser(store, store_timeout=300)
        browser.cookie = first.cookie
        await browser.ask(increment)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(ask)
    assert await first.read() == {"n": 100}
    assert max(lost) > 1


async def test_middlewares_over_one_store_stand_in_one_queue():
    store, other = MemoryStore(), MemoryStore()
    assert turns.queue_of(store) is turns.queue_of(store)
    assert turns.queue_of(store) is not turns.queue_of(other)

    class Slotted:
        __slots__ = ()

    slotted = Slotted()
    assert turns.queue_of(slotted) is not turns.queue_of(slotted)


async def test_the_pause_grows_by_chance_and_is_bounded(monkeypatch):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(turns, "sleep", sleep)
    monkeypatch.setattr("random.uniform", lambda least, most: most)
    for lost in (0, 1, 2, 3, 4, 100, 10_000):
        await turns.pause(lost)
    assert waited == [0.004, 0.008, 0.016, 0.05, 0.05]


async def test_the_time_is_the_limit_of_a_contended_write():
    class Contended(MemoryStore):
        """In which somebody else is always faster."""

        async def put(self, key, value, ttl, **options):
            if options.get("expected") is not None:
                self._entries[key] = (sys.maxsize, self._entries[key][1] + b" " * next(numbers))
            return await super().put(key, value, ttl, **options)

    numbers = count(1)
    browser = Browser(Contended(), store_timeout=0.1)
    await browser.ask(put(n=0))
    assert (await browser.ask(increment)).status == 503
