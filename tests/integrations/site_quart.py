"""A Quart application: what every site of this folder offers."""

from __future__ import annotations

import asyncio
from typing import Any

from quart import Quart, Response, abort, redirect, request, websocket

features: dict[str, bool] = {"raises": False}
events: list[str] = []


def create() -> Any:
    events.clear()
    app = Quart(__name__)
    app.before_serving(lambda: events.append("startup"))
    app.after_serving(lambda: events.append("shutdown"))

    @app.get("/")
    async def hello() -> Any:
        return Response(f"hello {request.args.get('name', 'world')}", content_type="text/plain")

    @app.post("/echo")
    async def echo() -> Any:
        return Response(await request.get_data(), content_type="application/octet-stream")

    @app.post("/upload")
    async def upload() -> Any:
        file = (await request.files)["file"]
        return {"name": file.filename, "size": len(file.read()), "title": (await request.form)["title"]}

    @app.get("/redirect")
    async def away() -> Any:
        return redirect("/?name=redirected")

    @app.get("/cookies")
    async def cookies() -> Any:
        response = Response(request.cookies.get("seen", "no"), content_type="text/plain")
        response.set_cookie("seen", "yes")
        return response

    @app.get("/stream")
    async def stream() -> Any:
        async def chunks() -> Any:
            for number in range(3):
                yield f"chunk {number}\n".encode()

        return chunks(), {"content-type": "text/plain"}

    @app.get("/sse")
    async def sse() -> Any:
        async def ticks() -> Any:
            try:
                while True:
                    yield b"data: tick\n\n"
                    await asyncio.sleep(0.001)
            finally:
                events.append("sse ended")

        response = Response(ticks(), content_type="text/event-stream")
        response.timeout = None
        return response

    @app.get("/error")
    async def error() -> Any:
        raise ValueError("broken page")

    @app.get("/background")
    async def background() -> Any:
        async def work() -> None:
            await asyncio.sleep(0.01)
            events.append("background")

        app.add_background_task(work)
        return "ok"

    @app.websocket("/ws")
    async def ws() -> None:
        offered = websocket.requested_subprotocols
        await websocket.accept(subprotocol="chat" if "chat" in offered else None)
        while True:
            text = await websocket.receive()
            if text == "close":
                await websocket.close(4001)
                return
            await websocket.send(text)

    @app.websocket("/ws-denied")
    async def denied() -> None:
        abort(403)

    return app
