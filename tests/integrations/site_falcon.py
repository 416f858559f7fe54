"""A Falcon application: what every site of this folder offers."""

from __future__ import annotations

import asyncio
from typing import Any

import falcon
import falcon.asgi
from falcon import WebSocketDisconnected

features: dict[str, bool] = {"raises": False}
events: list[str] = []


class Page:
    def __init__(self, **responders: Any) -> None:
        for name, responder in responders.items():
            setattr(self, f"on_{name}", responder)


async def hello(req: Any, resp: Any) -> None:
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = f"hello {req.get_param('name') or 'world'}"


async def echo(req: Any, resp: Any) -> None:
    resp.content_type = "application/octet-stream"
    resp.data = await req.stream.read()


async def upload(req: Any, resp: Any) -> None:
    form = {}
    async for part in await req.get_media():
        form[part.name] = (part.filename, await part.stream.read())
    name, content = form["file"]
    resp.media = {"name": name, "size": len(content), "title": form["title"][1].decode()}


async def redirect(req: Any, resp: Any) -> None:
    raise falcon.HTTPFound("/?name=redirected")


async def cookies(req: Any, resp: Any) -> None:
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = req.cookies.get("seen", "no")
    resp.set_cookie("seen", "yes", secure=False)


async def stream(req: Any, resp: Any) -> None:
    async def chunks() -> Any:
        for number in range(3):
            yield f"chunk {number}\n".encode()

    resp.content_type = falcon.MEDIA_TEXT
    resp.stream = chunks()


async def sse(req: Any, resp: Any) -> None:
    async def ticks() -> Any:
        try:
            while True:
                yield falcon.asgi.SSEvent(data=b"tick")
                await asyncio.sleep(0.001)
        finally:
            events.append("sse ended")

    resp.sse = ticks()


async def error(req: Any, resp: Any) -> None:
    raise ValueError("broken page")


async def background(req: Any, resp: Any) -> None:
    async def work() -> None:
        await asyncio.sleep(0.01)
        events.append("background")

    resp.schedule(work)
    resp.text = "ok"


async def ws(req: Any, socket: Any) -> None:
    await socket.accept(subprotocol="chat" if "chat" in socket.subprotocols else None)
    try:
        while True:
            text = await socket.receive_text()
            if text == "close":
                await socket.close(4001)
                return
            await socket.send_text(text)
    except WebSocketDisconnected:
        return


async def denied(req: Any, socket: Any) -> None:
    await socket.close(4003)


class Lifespan:
    async def process_startup(self, scope: Any, event: Any) -> None:
        events.append("startup")

    async def process_shutdown(self, scope: Any, event: Any) -> None:
        events.append("shutdown")


def create() -> Any:
    events.clear()
    app = falcon.asgi.App(middleware=[Lifespan()])
    app.add_route("/", Page(get=hello))
    app.add_route("/echo", Page(post=echo))
    app.add_route("/upload", Page(post=upload))
    app.add_route("/redirect", Page(get=redirect))
    app.add_route("/cookies", Page(get=cookies))
    app.add_route("/stream", Page(get=stream))
    app.add_route("/sse", Page(get=sse))
    app.add_route("/error", Page(get=error))
    app.add_route("/background", Page(get=background))
    app.add_route("/ws", Page(websocket=ws))
    app.add_route("/ws-denied", Page(websocket=denied))
    return app
