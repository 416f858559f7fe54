"""The cases of HttpArena that concern a web framework, as its entries for other frameworks answer them.

    uvicorn app:app                                       in this folder; the Dockerfile runs granian

The data set is a JSON array of products, read once when the application starts: HTTPARENA_DATA names the folder of
`dataset.json` and of `static/`; by default it is /data, where HttpArena mounts it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from asgi_framework import (
    App,
    HTTPException,
    JSONResponse,
    Middleware,
    Mount,
    PlainTextResponse,
    Request,
    Route,
    StaticFiles,
)
from asgi_middleware.compression import CompressionMiddleware

DATA = Path(os.environ.get("HTTPARENA_DATA", "/data"))


@contextlib.asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
    yield {"products": json.loads((DATA / "dataset.json").read_bytes())}


async def pipeline(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def add(request: Request) -> PlainTextResponse:
    """Return the sum of the query's numbers, and of the one in the body of a POST."""
    numbers = [value for _, value in request.query_params.multi_items()]
    if request.method == "POST":
        numbers.append((await request.body()).decode())
    try:
        return PlainTextResponse(str(sum(map(int, numbers))))
    except ValueError:
        raise HTTPException(400, "Numbers only") from None


async def products(request: Request) -> JSONResponse:
    """Return the products, or the first `count`, with the total of each times `m`; compressed if the client asks."""
    known = request.state.products
    count = request.path_params.get("count", len(known))
    factor = request.query_params.get("m", "1")
    if not factor.isdecimal():
        raise HTTPException(400, "m is a number")
    items = [
        {**product, "total": round(product["price"] * product["quantity"] * int(factor), 2)}
        for product in known[:count]
    ]
    return JSONResponse({"items": items, "count": len(items)})


async def upload(request: Request) -> PlainTextResponse:
    """Return how many bytes were sent, holding one chunk at a time."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


app = App(
    routes=[
        Route("/pipeline", pipeline),
        Route("/baseline11", add, methods=["GET", "POST"]),
        Route("/baseline2", add),
        Route("/json", products),
        Route("/json/{count:int}", products),
        Route("/upload", upload, methods=["POST"]),
        Mount("/static", StaticFiles(directory=DATA / "static", check_dir=False, precompressed=True, stat_max_age=1.0)),
    ],
    middleware=[Middleware(CompressionMiddleware, gzip_level=1, brotli_quality=1, zstd_level=1)],
    lifespan=lifespan,
)
