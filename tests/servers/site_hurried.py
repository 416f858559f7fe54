"""An application with an answer of every kind, below a production stack, for clients that leave at any moment."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio

from asgi_framework import (
    App,
    FileResponse,
    JSONResponse,
    Middleware,
    Mount,
    PlainTextResponse,
    Request,
    Route,
    SessionMiddleware,
    StaticFiles,
    StreamingResponse,
)
from asgi_middleware.access_log import AccessLogMiddleware
from asgi_middleware.compression import CompressionMiddleware
from asgi_middleware.conditional import ConditionalMiddleware
from asgi_middleware.decompression import DecompressionMiddleware
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.idempotency import IdempotencyMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from asgi_middleware.security_headers import SecurityHeadersMiddleware
from asgi_middleware.stores import MemoryStore
from asgi_middleware.timeout import TimeoutMiddleware
from asgi_requests.sse import EventSourceResponse

FOLDER = Path(os.environ["FILES"])


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def slow(request: Request) -> PlainTextResponse:
    for _ in range(10):
        if await request.is_disconnected():
            break
        await anyio.sleep(0.005)
    return PlainTextResponse("slow")


async def counted(request: Request) -> JSONResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse(dict(request.session))


async def body(request: Request) -> JSONResponse:
    return JSONResponse(len(await request.body()))


async def chunks(request: Request) -> JSONResponse:
    return JSONResponse(sum([len(chunk) async for chunk in request.stream()]))


async def form(request: Request) -> JSONResponse:
    async with request.form() as fields:
        return JSONResponse(len(fields))


async def parts(request: Request) -> JSONResponse:
    return JSONResponse([sum([len(chunk) async for chunk in part]) async for part in request.parts()])


async def ticks(request: Request) -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        await anyio.sleep(0.01)
        for _ in range(20):
            yield b"tick" * 500
            await anyio.sleep(0.002)

    return StreamingResponse(content())


async def blocking(request: Request) -> StreamingResponse:
    def content() -> Iterator[bytes]:
        for _ in range(20):
            yield b"tock" * 500

    return StreamingResponse(content())


async def events(request: Request) -> EventSourceResponse:
    async def content() -> AsyncIterator[Any]:
        await anyio.sleep(0.02)
        for number in range(10):
            yield {"number": number}
            await anyio.sleep(0.005)

    return EventSourceResponse(content(), heartbeat=0.004)


async def file(request: Request) -> FileResponse:
    return FileResponse(FOLDER / "large.bin")


app = App(
    routes=[
        *(Route(f"/{handler.__name__}", handler) for handler in (plain, slow, counted, ticks, blocking, events, file)),
        *(Route(f"/{handler.__name__}", handler, methods=["POST"]) for handler in (body, chunks, form, parts)),
        Mount("/static", StaticFiles(directory=FOLDER)),
    ],
    middleware=[
        Middleware(DrainMiddleware),
        Middleware(RequestIDMiddleware),
        Middleware(AccessLogMiddleware),
        Middleware(SecurityHeadersMiddleware),
        Middleware(TimeoutMiddleware, timeout=30, body_idle=10),
        Middleware(IdempotencyMiddleware, store=MemoryStore()),
        Middleware(CompressionMiddleware),
        Middleware(ConditionalMiddleware),
        Middleware(DecompressionMiddleware),
        Middleware(SessionMiddleware, secret_key="a secret of at least thirty-two bytes"),
    ],
)
