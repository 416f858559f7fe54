"""The cost that shared state adds to a request, in microseconds of CPU time and round trips, beside others on the same store.

    python tests/benchmarks/stores.py [NAME ...]

Every application is measured with and without its middleware, in short slices in turn; the least of each counts, since
whatever else the machine does can only add to it. The Redis is started here, on a free port of loopback: what it computes
is not counted, but the round trips are, as the reads of requests that the server itself reports. Peers that are not
installed are left out.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS, REQUESTS, WITH_STORE = 10, 1000, 150
LIMIT = 1_000_000
JSON = [(b"content-type", b"application/json")]
Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Case:
    """An application with a middleware and the same without; `fresh` makes the headers of each request."""

    bare: Application
    wrapped: Application
    method: str = "GET"
    fresh: Callable[[], list[tuple[bytes, bytes]]] = list


@dataclass
class Place:
    """The place of the state: a URL of Redis, a file of SQLite."""

    url: str
    file: Path


async def page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [*JSON]})
    await send({"type": "http.response.body", "body": b'{"hello": "world"}'})


def scope_of(case: Case, more: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": case.method,
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver"), (b"accept", b"*/*"), *more, *case.fresh()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def receive() -> Any:
    return {"type": "http.request", "body": b"{}", "more_body": False}


class Reply:
    """The statuses of the answers, and the cookie that the last one has set."""

    def __init__(self) -> None:
        self.statuses: set[int] = set()
        self.cookie: list[tuple[bytes, bytes]] = []

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.statuses.add(message["status"])
            for name, value in message["headers"]:
                if name == b"set-cookie":
                    self.cookie = [(b"cookie", value.partition(b";")[0])]


# Rate limits


def our_limit(store: Callable[[Place], Any]) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from asgi_middleware.rate_limit import RateLimitMiddleware

        return Case(page, RateLimitMiddleware(page, f"{LIMIT}/second", store=store(place)))

    return make


def in_memory(place: Place) -> Any:
    from asgi_middleware.stores import MemoryStore

    return MemoryStore()


def in_sqlite(place: Place) -> Any:
    from asgi_middleware.stores import SQLiteStore

    return SQLiteStore(place.file)


def in_redis(place: Place) -> Any:
    from asgi_middleware.stores import RedisStore

    return RedisStore(place.url)


def slowapi(storage: str) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from slowapi import Limiter
        from slowapi.middleware import SlowAPIASGIMiddleware
        from slowapi.util import get_remote_address
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        async def hello(request: Any) -> Any:
            return JSONResponse({"hello": "world"})

        bare, wrapped = (Starlette(routes=[Route("/", hello)]) for _ in range(2))
        uri = place.url if storage == "redis" else "memory://"
        wrapped.state.limiter = Limiter(
            key_func=get_remote_address, default_limits=[f"{LIMIT}/second"], storage_uri=uri, headers_enabled=True
        )
        wrapped.add_middleware(SlowAPIASGIMiddleware)
        return Case(bare, wrapped)

    return make


def limits(storage: str) -> Callable[[Place], Awaitable[Case]]:
    """The library of slowapi, by its asyncio interface, with as little around it as can be."""

    async def make(place: Place) -> Case:
        from limits import parse
        from limits.aio.storage import MemoryStorage, RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        if storage == "redis":
            kept: Any = RedisStorage(f"async+{place.url}", implementation="redispy")
        else:
            kept = MemoryStorage()
        limiter, limit = SlidingWindowCounterRateLimiter(kept), parse(f"{LIMIT}/second")

        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            if await limiter.hit(limit, scope["client"][0]):
                await limiter.get_window_stats(limit, scope["client"][0])  # for the fields of the answer
                await page(scope, receive, send)

        return Case(page, wrapped)

    return make


def fastapi_limiter(storage: str) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from fastapi import Depends, FastAPI
        from fastapi_limiter.depends import RateLimiter
        from pyrate_limiter import Duration, Limiter, Rate, RedisBucket
        from redis.asyncio import Redis

        rate = Rate(LIMIT, Duration.SECOND)
        if storage == "redis":
            limiter = Limiter(await RedisBucket.init([rate], Redis.from_url(place.url), "bench"))  # type: ignore[misc]
        else:
            limiter = Limiter(rate)

        async def hello() -> Any:
            return {"hello": "world"}

        bare, wrapped = FastAPI(), FastAPI()
        bare.get("/")(hello)
        wrapped.get("/", dependencies=[Depends(RateLimiter(limiter=limiter))])(hello)
        return Case(bare, wrapped)

    return make


# Sessions: not looked at, read, written


def touched(act: str, scope: Any) -> None:
    session = scope["session"]
    if act == "written":
        session["n"] = session.get("n", 0) + 1
    elif act == "read":
        session.get("n")


def our_sessions(act: str, store: Callable[[Place], Any]) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from asgi_middleware.sessions import SessionMiddleware

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if act == "unused" and any(name == b"cookie" for name, _ in scope["headers"]):
                return await page(scope, receive, send)
            if act != "unused":
                await scope["session"].load()
            touched(act if any(name == b"cookie" for name, _ in scope["headers"]) else "written", scope)
            return await page(scope, receive, send)

        return Case(page, SessionMiddleware(app, store=store(place), lazy=True))

    return make


def starsessions(act: str, storage: str) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from redis.asyncio import Redis
        from starlette.requests import HTTPConnection
        from starsessions import InMemoryStore, SessionMiddleware, load_session
        from starsessions.stores.redis import RedisStore

        async def app(scope: Any, receive: Any, send: Any) -> None:
            has_cookie = any(name == b"cookie" for name, _ in scope["headers"])
            if act == "unused" and has_cookie:
                return await page(scope, receive, send)
            await load_session(HTTPConnection(scope))
            touched(act if has_cookie else "written", scope)
            return await page(scope, receive, send)

        store: Any = RedisStore(connection=Redis.from_url(place.url)) if storage == "redis" else InMemoryStore()
        return Case(page, SessionMiddleware(app, store=store, lifetime=3600, cookie_https_only=False))

    return make


# Idempotency keys: a key's first request, and the same again


def numbered(act: str) -> Callable[[], list[tuple[bytes, bytes]]]:
    numbers = itertools.count()
    return lambda: [(b"idempotency-key", b"key-%d" % (next(numbers) if act == "first" else 0))]


def our_keys(act: str, store: Callable[[Place], Any]) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from asgi_middleware.idempotency import IdempotencyMiddleware

        return Case(page, IdempotencyMiddleware(page, store(place)), "POST", numbered(act))

    return make


def idempotency_header(act: str) -> Callable[[Place], Awaitable[Case]]:
    async def make(place: Place) -> Case:
        from idempotency_header_middleware import IdempotencyHeaderMiddleware
        from idempotency_header_middleware.backends import RedisBackend
        from redis.asyncio import Redis

        wrapped = IdempotencyHeaderMiddleware(page, backend=RedisBackend(Redis.from_url(place.url)))
        return Case(page, wrapped, "POST", numbered(act))

    return make


STORES = {"memory": in_memory, "sqlite": in_sqlite, "redis": in_redis}
# Row, store, goal in microseconds where there is one, ours and the others.
ROWS: list[tuple[str, str, float | None, dict[str, Callable[[Place], Awaitable[Case]]]]] = [
    ("rate limit", "memory", 8, {"ours": our_limit(in_memory), "slowapi": slowapi("memory"),
        "limits": limits("memory"), "fastapi-limiter": fastapi_limiter("memory")}),
    ("rate limit", "sqlite", None, {"ours": our_limit(in_sqlite)}),
    ("rate limit", "redis", None, {"ours": our_limit(in_redis), "slowapi": slowapi("redis"),
        "limits": limits("redis"), "fastapi-limiter": fastapi_limiter("redis")}),
]  # fmt: skip
for _act in ("unused", "read", "written"):
    for _where, _store in STORES.items():
        _others = {} if _where == "sqlite" else {"starsessions": starsessions(_act, _where)}
        ROWS.append((f"session {_act}", _where, None, {"ours": our_sessions(_act, _store), **_others}))
for _act in ("first", "again"):
    for _where, _store in STORES.items():
        _peer = {"asgi-idempotency-header": idempotency_header(_act)} if _where == "redis" else {}
        ROWS.append((f"idempotency {_act}", _where, None, {"ours": our_keys(_act, _store), **_peer}))


@contextmanager
def running_redis() -> Iterator[str]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise SystemExit("this needs redis-server: apt-get install redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


async def reads_of(client: Any) -> int:
    found: int = (await client.info("stats"))["total_reads_processed"]
    return found


async def measured(case: Case, requests: int, client: Any) -> tuple[float, float]:
    """Microseconds that the middleware adds, and round trips of a request."""
    reply = Reply()
    for _ in range(20):  # the connection, the script, the session
        await case.wrapped(scope_of(case, reply.cookie), receive, reply.send)
    before = await reads_of(client)
    for _ in range(20):
        await case.wrapped(scope_of(case, reply.cookie), receive, reply.send)
    trips = (await reads_of(client) - before - 1) / 20
    bare, wrapped = [], []
    for _ in range(ROUNDS):
        gc.collect()
        bare.append(await slice_of(case, case.bare, requests, reply))
        wrapped.append(await slice_of(case, case.wrapped, requests, reply))
    assert reply.statuses == {200}, reply.statuses
    return min(wrapped) - min(bare), trips


async def slice_of(case: Case, app: Application, requests: int, reply: Reply) -> float:
    """Return the microseconds of CPU time of one request, the mean of a slice."""
    began = time.process_time()
    for _ in range(requests):
        await app(scope_of(case, reply.cookie), receive, reply.send)
    return (time.process_time() - began) / requests * 1e6


async def main(wanted: list[str]) -> None:
    from redis.asyncio import Redis

    logging.disable(logging.CRITICAL)
    print("| state | store | µs added (goal) | round trips | others: µs, round trips |\n|---|---|---:|---:|---|")
    with running_redis() as url, tempfile.TemporaryDirectory() as folder:
        client = Redis.from_url(url)
        for number, (name, where, goal, makers) in enumerate(ROWS):
            if wanted and not any(word in name for word in wanted):
                continue
            found = {}
            for peer, make in makers.items():
                await client.flushall()
                try:
                    case = await make(Place(url, Path(folder) / f"{number}.db"))
                except ImportError:
                    continue
                found[peer] = await measured(case, REQUESTS if where == "memory" else WITH_STORE, client)
            ours, trips = found.pop("ours")
            others = "; ".join(f"{peer} {cost:.0f}, {count:.0f}" for peer, (cost, count) in found.items())
            limit = "" if goal is None else f" ({goal:.0f})"
            print(f"| {name} | {where} | {ours:.1f}{limit} | {trips:.0f} | {others} |", flush=True)
        await client.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
