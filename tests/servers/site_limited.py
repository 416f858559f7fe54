"""A limit of 20 and a session that counts, for several workers, in the store that STORE names."""

from __future__ import annotations

import os
from typing import Any

from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_middleware.stores import RedisStore, SQLiteStore

WHERE = os.environ["STORE"]
store = RedisStore(WHERE, timeout=30) if WHERE.startswith("redis") else SQLiteStore(WHERE, timeout=30)


async def page(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/count":
        session = await scope["session"].load()
        session.apply(lambda values: values.update(n=values.get("n", 0) + 1))
    elif scope["path"] == "/n":
        scope["n"] = (await scope["session"].load()).get("n", 0)
    headers = [(b"x-worker", b"%d" % os.getpid()), (b"x-n", b"%d" % scope.get("n", 0))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})


app = SessionMiddleware(page, store=store, lazy=True, store_timeout=60)
app = RateLimitMiddleware(  # type: ignore[assignment]
    app, "20/hour", store=store, store_timeout=60, key=lambda scope: "all" if scope["path"] == "/limited" else None
)
