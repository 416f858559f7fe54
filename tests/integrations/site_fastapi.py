"""A FastAPI application: what every site of this folder offers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Form, Request, Response, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse

features: dict[str, bool] = {}
events: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> Any:
    events.append("startup")
    yield
    events.append("shutdown")


def create() -> Any:
    events.clear()
    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def hello(name: str = "world") -> PlainTextResponse:
        return PlainTextResponse(f"hello {name}")

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/octet-stream")

    @app.post("/upload")
    async def upload(file: UploadFile, title: str = Form()) -> dict:
        return {"name": file.filename, "size": len(await file.read()), "title": title}

    @app.get("/redirect")
    def redirect() -> RedirectResponse:
        return RedirectResponse("/?name=redirected")

    @app.get("/cookies")
    def cookies(request: Request) -> PlainTextResponse:
        response = PlainTextResponse(request.cookies.get("seen", "no"))
        response.set_cookie("seen", "yes")
        return response

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> Any:
            for number in range(3):
                yield f"chunk {number}\n"

        return StreamingResponse(chunks(), media_type="text/plain")

    @app.get("/sse")
    async def sse() -> StreamingResponse:
        async def ticks() -> Any:
            try:
                while True:
                    yield "data: tick\n\n"
                    await asyncio.sleep(0.001)
            finally:
                events.append("sse ended")

        return StreamingResponse(ticks(), media_type="text/event-stream")

    @app.get("/error")
    async def error() -> None:
        raise ValueError("broken page")

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        async def work() -> None:
            await asyncio.sleep(0.01)
            events.append("background")

        tasks.add_task(work)
        return "ok"

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol="chat" if "chat" in offered else None)
        try:
            while True:
                text = await websocket.receive_text()
                if text == "close":
                    await websocket.close(4001)
                    return
                await websocket.send_text(text)
        except WebSocketDisconnect:
            return

    @app.websocket("/ws-denied")
    async def denied(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("no", status_code=403))

    return app
