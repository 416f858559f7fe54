"""Requests, responses and routers with no framework around them, under Starlette's names."""

from __future__ import annotations

from types import SimpleNamespace

from materials import HELLO, chunks, folder, route_paths


class Nothing:
    """An ASGI application that does nothing, so that what is measured is the router."""

    async def __call__(self, scope, receive, send):
        pass


def application(name: str, ns: SimpleNamespace):
    """An ASGI application made of one or two classes."""
    if (paths := route_paths(name)) is not None:
        return ns.Router(routes=[ns.Route(path, Nothing(), methods=["GET"]) for path in paths])
    if name in ("static", "static_304"):
        return under_files(ns.StaticFiles(directory=folder()))
    return applications(ns)[name]


def under_files(app):
    """A mounted application's scope, made as a mount would."""

    async def mounted(scope, receive, send):
        scope["root_path"] = "/files"
        await app(scope, receive, send)

    return mounted


def applications(ns) -> dict:
    """The applications of the cases by name."""

    async def response(scope, receive, send):
        await ns.PlainTextResponse(HELLO)(scope, receive, send)

    async def small_json(scope, receive, send):
        await ns.JSONResponse({"message": "hello, world"})(scope, receive, send)

    async def inputs(scope, receive, send):
        request = ns.Request(scope, receive)
        query, headers, cookies = request.query_params, request.headers, request.cookies
        found = {
            "q": [query["a"], query["b"]],
            "h": [headers["x-one"], headers["x-two"]],
            "c": [cookies["first"], cookies["second"]],
        }
        await ns.JSONResponse(found)(scope, receive, send)

    async def read_json(scope, receive, send):
        found = await ns.Request(scope, receive).json()
        await ns.PlainTextResponse(str(len(found)))(scope, receive, send)

    async def form20(scope, receive, send):
        form = await ns.Request(scope, receive).form()
        await ns.PlainTextResponse(str(len(form)))(scope, receive, send)

    async def upload(scope, receive, send):
        async with ns.Request(scope, receive).form() as form:
            await ns.PlainTextResponse(str(form["file"].size))(scope, receive, send)

    async def file(scope, receive, send):
        await ns.FileResponse(folder() / "file.bin")(scope, receive, send)

    async def stream(scope, receive, send):
        await ns.StreamingResponse(chunks())(scope, receive, send)

    async def ws10(scope, receive, send):
        websocket = ns.WebSocket(scope, receive, send)
        await websocket.accept()
        for _ in range(10):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    return {
        "response": response,
        "json": small_json,
        "inputs": inputs,
        "read_json": read_json,
        "form20": form20,
        "upload": upload,
        "file": file,
        "file_range": file,
        "stream": stream,
        "ws10": ws10,
    }
