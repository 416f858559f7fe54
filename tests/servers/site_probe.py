"""An application that answers with what a server gave it, and keeps a log of what happened to it, for `/log`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from asgi_framework import (
    App,
    BackgroundTask,
    ClientDisconnect,
    FileResponse,
    HTTPException,
    JSONResponse,
    Mount,
    PlainTextResponse,
    Request,
    Response,
    Route,
    StaticFiles,
    StreamingResponse,
    WebSocket,
    WebSocketDisconnect,
    WebSocketRoute,
)

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOG: list[str] = []


@contextlib.asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, object]]:
    tell = sys.stderr.write
    tell("probe: started\n")
    yield {"opened": True}
    tell("probe: stopped\n")


async def log(request: Request) -> Response:
    """Answer with what happened to the exchange of that name."""
    name = request.path_params["name"] + " "
    return JSONResponse([line.removeprefix(name) for line in LOG if line.startswith(name)])


async def scope(request: Request) -> Response:
    return JSONResponse(
        {
            "asgi": request.scope["asgi"],
            "http_version": request.scope["http_version"],
            "extensions": sorted(request.scope.get("extensions") or ()),
            "state": "state" in request.scope,
            "opened": getattr(request.state, "opened", False),
            "path": request.url.path,
            "query": request.url.query,
            "pid": os.getpid(),
        }
    )


async def plain(request: Request) -> Response:
    return PlainTextResponse(f"at {request.url.path}", headers={"x-probe": "1"})


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/octet-stream")


async def largest(request: Request) -> Response:
    return PlainTextResponse(str(max(len(value) for value in request.headers.values())))


async def refuse(request: Request) -> Response:
    """Answers without a look at the body."""
    return PlainTextResponse("no, thank you", 403, {"connection": "close"})


async def upload(request: Request) -> Response:
    name, total = request.path_params["name"], 0
    try:
        async for chunk in request.stream():
            if not total:
                LOG.append(f"{name} began")
            total += len(chunk)
    except ClientDisconnect:
        LOG.append(f"{name} left")
        raise
    finally:
        LOG.append(f"{name} over")
    return JSONResponse(total)


async def after(name: str) -> None:
    LOG.append(f"{name} background")


async def ticks(request: Request) -> Response:
    """Never ends of itself; `/ticks/NAME?wait=forever` sends one piece and falls silent."""
    name, silent = request.path_params["name"], "wait" in request.query_params

    async def stream() -> AsyncIterator[bytes]:
        LOG.append(f"{name} began")
        try:
            yield b"data: tick\n\n"
            while True:
                await (anyio.sleep_forever() if silent else anyio.sleep(0.01))
                yield b"data: tick\n\n"
        finally:
            LOG.append(f"{name} closed")

    return StreamingResponse(stream(), media_type="text/event-stream", background=BackgroundTask(after, name))


async def pieces(request: Request) -> Response:
    async def stream() -> AsyncIterator[str]:
        for piece in ("one ", "two ", "three"):
            yield piece

    return StreamingResponse(stream(), media_type="text/plain")


async def hinted(request: Request) -> Response:
    await request.send_early_hints("</style.css>; rel=preload; as=style")
    return PlainTextResponse("hinted")


async def trailed(request: Request) -> Response:
    sent: list[str] = []

    async def stream() -> AsyncIterator[str]:
        for number in range(3):
            sent.append(str(number))
            yield sent[-1]

    return StreamingResponse(stream()).with_trailers({"X-Count": lambda: str(len(sent))})


class ThisFile:
    """Sends this file, and logs by what kinds of messages."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_log(message: Message) -> None:
            LOG.append(f"file {message['type']}")
            await send(message)

        await FileResponse(__file__, filename="probe.py")(scope, receive, send_and_log)


async def slowly(request: Request) -> Response:
    async def stream() -> AsyncIterator[str]:
        for number in range(20):
            yield f"{number} "
            await anyio.sleep(0.02)

    return StreamingResponse(stream(), media_type="text/plain")


async def fails(request: Request) -> Response:
    raise RuntimeError("as planned")


async def fails_late(request: Request) -> Response:
    async def stream() -> AsyncIterator[bytes]:
        yield b"half of "
        raise RuntimeError("as planned, late")

    return StreamingResponse(stream())


async def talk(websocket: WebSocket) -> None:
    """Echoes; `close CODE REASON` makes it close; the log keeps how the client left."""
    name = websocket.path_params["name"]
    wanted = next((offer for offer in websocket.scope["subprotocols"] if offer.startswith("v")), None)
    await websocket.accept(wanted, headers=[(b"x-greeting", b"hello")])
    LOG.append(f"{name} began")
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
            text = message.get("text")
            if text is None:
                await websocket.send_bytes(message["bytes"])
            elif text.startswith("close "):
                _, code, reason = text.split(" ", 2)
                return await websocket.close(int(code), reason)
            else:
                await websocket.send_text(text)
    except WebSocketDisconnect as left:
        LOG.append(f"{name} {left.code} {left.reason or ''}".rstrip())
    finally:
        LOG.append(f"{name} over")


async def deny(websocket: WebSocket) -> None:
    raise HTTPException(401, "who are you?", {"www-authenticate": "Bearer"})


async def hang_up(websocket: WebSocket) -> None:
    await websocket.close(4003)


app = App(
    lifespan=lifespan,
    max_body_size=8_000_000,
    routes=[
        Route("/", plain),
        Route("/log/{name}", log),
        Route("/scope", scope),
        Route("/plain/{rest:path}", plain),
        Route("/echo", echo, methods=["POST"]),
        Route("/largest", largest),
        Route("/refuse", refuse, methods=["POST"]),
        Route("/upload/{name}", upload, methods=["POST"]),
        Route("/ticks/{name}", ticks),
        Route("/pieces", pieces),
        Route("/hinted", hinted),
        Route("/trailed", trailed),
        Route("/file", ThisFile()),
        Route("/slowly", slowly),
        Route("/fails", fails),
        Route("/fails-late", fails_late),
        WebSocketRoute("/talk/{name}", talk),
        WebSocketRoute("/deny", deny),
        WebSocketRoute("/hang-up", hang_up),
        Mount("/static", StaticFiles(directory=Path(__file__).parent)),
    ],
)
