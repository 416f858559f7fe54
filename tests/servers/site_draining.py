"""A site with an event stream, a WebSocket and a slow answer behind DrainMiddleware, in several ways of writing them."""

from __future__ import annotations

import os
from typing import Any

import anyio

from asgi_framework import App, Mount, PlainTextResponse, Request, Route, StreamingResponse, WebSocket, WebSocketRoute
from asgi_middleware import Middleware
from asgi_middleware.drain import DrainMiddleware


async def events(request: Request) -> StreamingResponse:
    async def ticks() -> Any:
        while True:
            yield b"data: tick\n\n"
            await anyio.sleep(0.05)

    return StreamingResponse(ticks(), media_type="text/event-stream")


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """An event stream that never asks whether its client is still there."""
    headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        await send({"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True})
        await anyio.sleep(0.05)


async def slow(request: Request) -> PlainTextResponse:
    body = await request.body()
    print("slow: begun", flush=True)
    await anyio.sleep(1)
    return PlainTextResponse(f"took {len(body)} bytes")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def chatter(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text("tick")
        await anyio.sleep(0.05)


async def pid(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()))


app = App(
    routes=[
        Route("/events", events),
        Mount("/raw", raw),
        Route("/slow", slow, methods=["POST"]),
        Route("/pid", pid),
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/chatter", chatter),
    ],
    middleware=[Middleware(DrainMiddleware, farewell=b"event: bye\ndata:\n\n")],
)
