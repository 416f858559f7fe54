"""The stores that tests of shared state run on: memory, SQLite, and a real Redis on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest

from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore


class Server:
    """A Redis of our own, which may be killed and started again on its port."""

    def __init__(self, program, folder, *options):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.command = [
            program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
            *options,
        ]

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextmanager
def running_redis(folder, *options):
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("needs redis-server: apt-get install redis-server")
    pytest.importorskip("redis", reason="pip install redis")
    server = Server(program, folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


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
