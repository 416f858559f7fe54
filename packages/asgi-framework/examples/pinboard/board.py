"""The application: its routes, its middleware, what it opens at start and closes at the end."""

from __future__ import annotations

import contextlib
import secrets
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

HERE = Path(__file__).parent


def build(data: Path, *, debug: bool = False) -> App:
    """The pinboard over a folder, which is made if it is not there."""
    data.mkdir(parents=True, exist_ok=True)

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, object]]:
        async with Store.open(data / "pinboard.sqlite") as store:
            app.state.hub = live.Hub()
            yield {"store": store, "hub": app.state.hub, "room": live.Room(), "pictures": data / "pictures"}

    return App(
        debug=debug,
        lifespan=lifespan,
        max_body_size=5_000_000,
        routes=[
            Route("/", pages.index, name="index"),
            Route("/notes", pages.pin, methods=["POST"], name="pin"),
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
                middleware=[Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST", "DELETE"])],
            ),
            Mount("/static", StaticFiles(directory=HERE / "static", cache_control="max-age=300"), name="static"),
        ],
        middleware=[
            Middleware(GZipMiddleware, minimum_size=1000),
            Middleware(SessionMiddleware, secret_key=secret(data / "secret.key"), session_cookie="pinboard"),
        ],
        exception_handlers={
            HTTPException: pages.refused,
            problems.Invalid: problems.invalid,
            500: pages.broken,
        },
    )


def secret(path: Path) -> str:
    """The key that signs the sessions: made once and kept, so that a restart logs nobody out."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()
