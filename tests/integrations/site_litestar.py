"""A Litestar application: what every site of this folder offers."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Redirect, Stream

features: dict[str, bool] = {"raises": False}
events: list[str] = []


@get("/", media_type=MediaType.TEXT)
async def hello(request: Request) -> str:
    return f"hello {request.query_params.get('name', 'world')}"


@post("/echo", status_code=200)
async def echo(request: Request) -> Response[bytes]:
    return Response(await request.body(), media_type="application/octet-stream")


@post("/upload", status_code=200)
async def upload(request: Request) -> dict[str, Any]:
    form = await request.form()
    return {"name": form["file"].filename, "size": len(await form["file"].read()), "title": form["title"]}


@get("/redirect")
async def redirect() -> Redirect:
    return Redirect("/?name=redirected")


@get("/cookies", media_type=MediaType.TEXT)
async def cookies(request: Request) -> Response[str]:
    response = Response(request.cookies.get("seen", "no"), media_type=MediaType.TEXT)
    response.set_cookie("seen", "yes")
    return response


@get("/stream")
async def stream() -> Stream:
    async def chunks() -> Any:
        for number in range(3):
            yield f"chunk {number}\n"

    return Stream(chunks(), media_type="text/plain")


@get("/sse")
async def sse() -> Stream:
    async def ticks() -> Any:
        try:
            while True:
                yield "data: tick\n\n"
                await asyncio.sleep(0.001)
        finally:
            events.append("sse ended")

    return Stream(ticks(), media_type="text/event-stream")


@get("/error")
async def error() -> None:
    raise ValueError("broken page")


@get("/background")
async def background() -> Response[str]:
    async def work() -> None:
        await asyncio.sleep(0.01)
        events.append("background")

    return Response("ok", background=BackgroundTask(work))


@websocket("/ws")
async def ws(socket: WebSocket) -> None:
    offered = socket.scope["subprotocols"]
    await socket.accept(subprotocols="chat" if "chat" in offered else None)
    try:
        while True:
            text = await socket.receive_text()
            if text == "close":
                await socket.close(code=4001)
                return
            await socket.send_text(text)
    except WebSocketDisconnect:
        return


@websocket("/ws-denied")
async def denied(socket: WebSocket) -> None:
    await socket.close(code=4003)


def create() -> Any:
    events.clear()
    return Litestar(
        [hello, echo, upload, redirect, cookies, stream, sse, error, background, ws, denied],
        on_startup=[lambda: events.append("startup")],
        on_shutdown=[lambda: events.append("shutdown")],
        openapi_config=None,
        logging_config=None,
    )
