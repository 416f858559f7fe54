"""The cases for frameworks that have Starlette's names: Starlette, and ours."""

from __future__ import annotations

from types import SimpleNamespace

from materials import HELLO, SECRET, TEXT, chunks, folder, gzip_level, noop_layers, route_paths

from . import _alone


def application(case: str, ns: SimpleNamespace):
    """The application for a case, with the default stack and one route, or as many as the case says."""
    if case.startswith("alone_"):
        return _alone.application(case.removeprefix("alone_"), ns)
    if (paths := route_paths(case)) is not None:
        plaintext = endpoints(ns)["plaintext"][1]
        return ns.App(routes=[ns.Route(path, plaintext) for path in paths])
    if case in ("static", "static_304"):
        return ns.App(routes=[ns.Mount("/files", ns.StaticFiles(directory=folder()))])
    if case == "ws10":
        return ns.App(routes=[ns.WebSocketRoute("/ws", websocket)])
    path, endpoint, *methods = endpoints(ns).get(case) or endpoints(ns)["plaintext"]
    routes = [ns.Route(path, endpoint, methods=methods or ["GET"])]
    return ns.App(routes=routes, middleware=layers(case, ns), **ns.options)


def layers(case: str, ns) -> list:
    """The middleware of a case."""
    if level := gzip_level(case):
        return [ns.Middleware(ns.GZipMiddleware, compresslevel=level)]
    return {
        "mw5": [ns.Middleware(layer) for layer in noop_layers(case)],
        "mw_native": [ns.Middleware(ns.Native)],
        "cors": [ns.Middleware(ns.CORSMiddleware, allow_origins=["*"])],
        "session": [ns.Middleware(ns.SessionMiddleware, secret_key=SECRET)],
    }.get(case, [])


async def websocket(websocket):
    """Ten echoes."""
    await websocket.accept()
    for _ in range(10):
        await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def endpoints(ns) -> dict[str, tuple]:
    """The path, the endpoint and the method of each case that has one route."""

    async def plaintext(request):
        return ns.PlainTextResponse(HELLO)

    async def small_json(request):
        return ns.JSONResponse({"message": "hello, world"})

    async def param(request):
        return ns.PlainTextResponse(str(request.path_params["id"]))

    async def post_json(request):
        return ns.JSONResponse(await request.json())

    async def inputs(request):
        query, headers, cookies = request.query_params, request.headers, request.cookies
        return ns.JSONResponse(
            {
                "q": [query["a"], query["b"]],
                "h": [headers["x-one"], headers["x-two"]],
                "c": [cookies["first"], cookies["second"]],
            }
        )

    async def missing(request):
        raise ns.HTTPException(404)

    def sync(request):
        return ns.PlainTextResponse(HELLO)

    async def session(request):
        request.session["count"] = count = request.session.get("count", 0) + 1
        return ns.PlainTextResponse(str(count))

    async def text(request):
        return ns.PlainTextResponse(TEXT)

    async def encoded(request):
        return ns.Response(TEXT, headers={"content-encoding": "br"}, media_type="text/plain")

    async def stream(request):
        return ns.StreamingResponse(chunks())

    async def form(request):
        return ns.PlainTextResponse(str(len(await request.form())))

    async def upload(request):
        async with request.form() as form:
            return ns.PlainTextResponse(str(form["file"].size))

    async def upload_parts(request):
        async for part in request.parts():
            size = 0
            async for chunk in part:
                size += len(chunk)
        return ns.PlainTextResponse(str(size))

    async def file(request):
        return ns.FileResponse(folder() / "file.bin")

    return {
        "plaintext": ("/plaintext", plaintext),
        "json": ("/json", small_json),
        "json_msgspec": ("/json", small_json),
        "param": ("/users/{id:int}", param),
        "post_json": ("/echo", post_json, "POST"),
        "post_json_msgspec": ("/echo", post_json, "POST"),
        "inputs": ("/inputs", inputs),
        "exc404": ("/missing", missing),
        "sync": ("/sync", sync),
        "session": ("/session", session),
        "gzip": ("/text", text),
        "gzip_encoded": ("/encoded", encoded),
        "stream": ("/stream", stream),
        "form20": ("/form", form, "POST"),
        "form20_multipart": ("/form", form, "POST"),
        "upload": ("/upload", upload, "POST"),
        "upload_kept": ("/upload", upload, "POST"),
        "upload_parts": ("/upload", upload_parts, "POST"),
        "file": ("/file", file),
        "file_range": ("/file", file),
    }
