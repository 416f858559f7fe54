"""A Sanic application: what every site of this folder offers."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

from sanic import Sanic, response
from sanic.exceptions import SanicException

features: dict[str, bool] = {"needs_lifespan": True, "raises": False, "denied": False, "disconnect": False}
events: list[str] = []
numbers = count()


def create() -> Any:
    events.clear()
    app = Sanic(f"site{next(numbers)}", configure_logging=False)
    app.config.TOUCHUP = False  # it rewrites Sanic's own methods, which works for the first application of a process

    @app.before_server_start
    async def startup(*args: Any) -> None:
        events.append("startup")

    @app.after_server_stop
    async def shutdown(*args: Any) -> None:
        events.append("shutdown")

    @app.get("/")
    async def hello(request: Any) -> Any:
        return response.text(f"hello {request.args.get('name', 'world')}")

    @app.post("/echo")
    async def echo(request: Any) -> Any:
        return response.raw(request.body)

    @app.post("/upload")
    async def upload(request: Any) -> Any:
        file = request.files.get("file")
        return response.json({"name": file.name, "size": len(file.body), "title": request.form.get("title")})

    @app.get("/redirect")
    async def redirect(request: Any) -> Any:
        return response.redirect("/?name=redirected")

    @app.get("/cookies")
    async def cookies(request: Any) -> Any:
        reply = response.text(request.cookies.get("seen", "no"))
        reply.add_cookie("seen", "yes", secure=False)
        return reply

    @app.get("/stream")
    async def stream(request: Any) -> None:
        reply = await request.respond(content_type="text/plain")
        for number in range(3):
            await reply.send(f"chunk {number}\n")
        await reply.eof()

    @app.get("/sse")
    async def sse(request: Any) -> None:
        reply = await request.respond(content_type="text/event-stream")
        try:
            while True:
                await reply.send("data: tick\n\n")
                await asyncio.sleep(0.001)
        finally:
            events.append("sse ended")

    @app.get("/error")
    async def error(request: Any) -> Any:
        raise ValueError("broken page")

    @app.get("/background")
    async def background(request: Any) -> Any:
        async def work() -> None:
            await asyncio.sleep(0.01)
            events.append("background")

        request.app.add_task(work())
        return response.text("ok")

    @app.websocket("/ws", subprotocols=["chat"])
    async def ws(request: Any, socket: Any) -> None:
        while True:
            text = await socket.recv()
            if text is None:
                return
            if text == "close":
                await socket.close(4001)
                return
            await socket.send(text)

    @app.websocket("/ws-denied")
    async def denied(request: Any, socket: Any) -> None:
        raise SanicException("no", status_code=403)

    return app
