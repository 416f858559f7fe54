"""Lilya: Starlette's shape, with dependencies and permissions."""

from materials import HELLO, SECRET, TEXT, chunks, folder, gzip_level, noop_layers, route_paths


def application(case: str):
    from lilya.apps import Lilya
    from lilya.exceptions import NotFound
    from lilya.middleware import DefineMiddleware
    from lilya.middleware.compression import GZipMiddleware
    from lilya.middleware.cors import CORSMiddleware
    from lilya.middleware.sessions import SessionMiddleware
    from lilya.requests import Request
    from lilya.responses import FileResponse, JSONResponse, PlainText, Response, StreamingResponse
    from lilya.routing import Include, Path, WebSocketPath
    from lilya.staticfiles import StaticFiles
    from lilya.websockets import WebSocket

    if case == "mw_native":
        return None

    async def plaintext():
        return PlainText(HELLO)

    if (paths := route_paths(case)) is not None:

        async def dynamic(id: int):
            return PlainText(HELLO)

        return Lilya(routes=[Path(path, dynamic if "{" in path else plaintext, methods=["GET"]) for path in paths])

    async def small_json():
        return JSONResponse({"message": "hello, world"})

    async def param(id: int):
        return PlainText(str(id))

    async def post_json(request: Request):
        return JSONResponse(await request.json())

    async def inputs(request: Request):
        query, headers, cookies = request.query_params, request.headers, request.cookies
        return JSONResponse(
            {
                "q": [query["a"], query["b"]],
                "h": [headers["x-one"], headers["x-two"]],
                "c": [cookies["first"], cookies["second"]],
            }
        )

    async def missing():
        raise NotFound

    def sync():
        return PlainText(HELLO)

    async def session(request: Request):
        request.session["count"] = count = request.session.get("count", 0) + 1
        return PlainText(str(count))

    async def text():
        return PlainText(TEXT)

    async def encoded():
        return Response(TEXT, headers={"content-encoding": "br"}, media_type="text/plain")

    async def stream():
        return StreamingResponse(chunks())

    async def form(request: Request):
        return PlainText(str(len(await request.form())))

    async def upload(request: Request):
        async with request.form() as form:
            return PlainText(str(form["file"].size))

    async def file():
        return FileResponse(folder() / "file.bin")

    async def echo(websocket: WebSocket):
        await websocket.accept()
        for _ in range(10):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    routes = {
        "json": Path("/json", small_json),
        "param": Path("/users/{id:int}", param),
        "post_json": Path("/echo", post_json, methods=["POST"]),
        "inputs": Path("/inputs", inputs),
        "exc404": Path("/missing", missing),
        "sync": Path("/sync", sync),
        "session": Path("/session", session),
        "gzip": Path("/text", text),
        "gzip_encoded": Path("/encoded", encoded),
        "stream": Path("/stream", stream),
        "form20": Path("/form", form, methods=["POST"]),
        "form20_multipart": Path("/form", form, methods=["POST"]),
        "upload": Path("/upload", upload, methods=["POST"]),
        "file": Path("/file", file),
        "file_range": Path("/file", file),
        "static": Include("/files", StaticFiles(directory=folder())),
        "static_304": Include("/files", StaticFiles(directory=folder())),
        "ws10": WebSocketPath("/ws", echo),
    }
    middleware = [DefineMiddleware(layer) for layer in noop_layers(case)]
    if case == "cors":
        middleware = [DefineMiddleware(CORSMiddleware, allow_origins=["*"])]
    elif case == "session":
        middleware = [DefineMiddleware(SessionMiddleware, secret_key=SECRET)]
    elif level := gzip_level(case):
        middleware = [DefineMiddleware(GZipMiddleware, compresslevel=level)]
    return Lilya(routes=[routes.get(case) or Path("/plaintext", plaintext)], middleware=middleware)
