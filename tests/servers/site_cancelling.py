"""Work that is cancelled when its client leaves, and logs it."""

from __future__ import annotations

import time

import anyio

from asgi_framework import App, PlainTextResponse, Request, Route
from asgi_middleware import Middleware
from asgi_middleware.disconnect import CancelOnDisconnectMiddleware


async def work(request: Request) -> PlainTextResponse:
    body = await request.body()
    print(f"work: begun with {len(body)} bytes", flush=True)
    try:
        await anyio.sleep(600)
    finally:
        print(f"work: ended {time.time()!r}", flush=True)
    return PlainTextResponse("done")


app = App(routes=[Route("/work", work, methods=["POST"])], middleware=[Middleware(CancelOnDisconnectMiddleware)])
