"""A BlackSheep application: what every site of this folder offers."""

from __future__ import annotations

import asyncio
from typing import Any

from blacksheep import Application, Content, Cookie, Request, Response, StreamedContent, WebSocket, redirect, text
from blacksheep.server.responses import json
from blacksheep.server.routing import Router
from blacksheep.server.websocket import WebSocketDisconnectError

features: dict[str, bool] = {"needs_lifespan": True, "raises": False, "background": False, "disconnect": False}
events: list[str] = []


def create() -> Any:
    events.clear()
    app = Application(router=Router())

    @app.on_start
    async def startup(app: Application) -> None:
        events.append("startup")

    @app.on_stop
    async def shutdown(app: Application) -> None:
        events.append("shutdown")

    @app.router.get("/")
    async def hello(request: Request) -> Response:
        return text(f"hello {(request.query.get('name') or ['world'])[0]}")

    @app.router.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(200, content=Content(b"application/octet-stream", await request.read() or b""))

    @app.router.post("/upload")
    async def upload(request: Request) -> Response:
        (file,) = await request.files()
        form = await request.form()
        return json({"name": file.file_name.decode(), "size": len(file.data), "title": form["title"]})

    @app.router.get("/redirect")
    async def away() -> Response:
        return redirect("/?name=redirected")

    @app.router.get("/cookies")
    async def cookies(request: Request) -> Response:
        response = text(request.cookies.get("seen", "no"))
        response.set_cookie(Cookie("seen", "yes"))
        return response

    @app.router.get("/stream")
    async def stream() -> Response:
        async def chunks() -> Any:
            for number in range(3):
                yield f"chunk {number}\n".encode()

        return Response(200, content=StreamedContent(b"text/plain", chunks))

    @app.router.get("/sse")
    async def sse() -> Response:
        async def ticks() -> Any:
            try:
                while True:
                    yield b"data: tick\n\n"
                    await asyncio.sleep(0.001)
            finally:
                events.append("sse ended")

        return Response(200, content=StreamedContent(b"text/event-stream", ticks))

    @app.router.get("/error")
    async def error() -> Response:
        raise ValueError("broken page")

    @app.router.ws("/ws")
    async def ws(socket: WebSocket) -> None:
        offered = socket.scope["subprotocols"]
        await socket.accept(subprotocol="chat" if "chat" in offered else None)
        try:
            while True:
                message = await socket.receive_text()
                if message == "close":
                    await socket.close(4001)
                    return
                await socket.send_text(message)
        except WebSocketDisconnectError:
            return

    @app.router.ws("/ws-denied")
    async def denied(socket: WebSocket) -> None:
        await socket.close(4003)

    return app
