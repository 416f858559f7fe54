"""The application: its routes, its middleware, what it opens at start and closes at the end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import api
import live
import pages
import problems
from store import Store

from asgi_framework import (
    App,
    CORSMiddleware,
    GZipMiddleware,
    HTTPException,
    Middleware,
    Mount,
    Route,
    SessionMiddleware,
    StaticFiles,
    WebSocketRoute,
)
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.health import HealthMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.stores import RedisStore, SQLiteStore
from asgi_middleware.timeout import TimeoutMiddleware
from asgi_requests.sse import Broadcast, EventLog

HERE = Path(__file__).parent
PINS, CALLS = "30/minute", "120/minute"  # of one client


def build(data: Path, *, redis: str | None = None, debug: bool = False) -> DrainMiddleware:
    """The pinboard over a folder, which is made if it is not there; its sessions and rate limits may be in Redis."""
    data.mkdir(parents=True, exist_ok=True)
    shared = SQLiteStore(data / "state.sqlite") if redis is None else RedisStore(redis)

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, object]]:
        news = Broadcast(log=EventLog(1000))
        async with Store.open(data / "pinboard.sqlite") as store:
            yield {"store": store, "news": news, "room": live.Room(), "pictures": data / "pictures"}
        news.close()
        await shared.aclose()

    app = App(
        debug=debug,
        lifespan=lifespan,
        max_body_size=5_000_000,
        routes=[
            Route("/", pages.index, name="index"),
            Route("/notes", pages.pin, methods=["POST"], name="pin", middleware=[limited("pin", PINS, shared)]),
            Route("/pictures/{name}", pages.picture, name="picture"),
            Route("/events", live.events, name="events"),
            WebSocketRoute("/chat", live.chat, name="chat"),
            Mount(
                "/api",
                name="api",
                routes=[
                    Route("/notes", api.Notes, name="notes"),
                    Route("/notes/{id:int}", api.Note, name="note"),
                ],
                middleware=[
                    Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST", "DELETE"]),
                    limited("api", CALLS, shared),
                ],
            ),
            Mount("/static", StaticFiles(directory=HERE / "static", cache_control="max-age=300"), name="static"),
        ],
        middleware=[
            Middleware(TimeoutMiddleware, 30, body_idle=20),
            Middleware(GZipMiddleware, minimum_size=1000),
            Middleware(SessionMiddleware, store=shared, session_cookie="pinboard", lazy=True),
        ],
        exception_handlers={
            HTTPException: pages.refused,
            problems.Invalid: problems.invalid,
            500: pages.broken,
        },
    )
    # Outside of the application, where they see its start and its end: /livez and /readyz, and a stop that hangs on no
    # event stream and no chat.
    return DrainMiddleware(HealthMiddleware(app, checks={"shared state": lambda: shared.get("health")}))


def limited(name: str, limit: str, store: SQLiteStore | RedisStore) -> Middleware:
    """A rate limit for one client, counted by all workers together."""
    return Middleware(RateLimitMiddleware, limit, name=name, store=store)
