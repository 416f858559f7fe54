"""The stores that tests of shared state run on: memory, SQLite, and a real Redis on loopback."""

from __future__ import annotations

import os

import pytest

from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore
from redis_server import running_redis


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """The URL of a Redis of our own, on a free port."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def redis_server(tmp_path, anyio_backend_name):
    """A Redis for one test alone, which may do to it what it likes."""
    if anyio_backend_name == "trio":
        pytest.skip("the client of Redis does not run on trio")
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def store(request, tmp_path, anyio_backend_name):
    if request.param == "memory":
        store = MemoryStore()
    elif request.param == "sqlite":
        store = SQLiteStore(tmp_path / "store.db")
    else:
        if anyio_backend_name == "trio":
            pytest.skip("the client of Redis does not run on trio")
        store = RedisStore(request.getfixturevalue("redis_url"), prefix=f"{os.urandom(4).hex()}:", timeout=30)
    yield store
    await store.aclose()
