"""BlackSheep: bound handlers, compiled with Cython. It needs to be started, and it calls plain functions in the loop."""

from materials import HELLO, SECRET, TEXT, chunks, folder, gzip_level, noop_layers, route_paths


async def application(case: str):
    from blacksheep import (
        Application,
        Content,
        FromCookie,
        FromHeader,
        FromQuery,
        Request,
        Response,
        StreamedContent,
        WebSocket,
        json,
        text,
    )
    from blacksheep.exceptions import NotFound
    from blacksheep.server.compression import GzipMiddleware, use_gzip_compression
    from blacksheep.server.files import DefaultFileOptions

    if case in ("sync", "upload", "file", "file_range", "gzip_encoded", "static_304") or case.endswith("_405"):
        return None
    if case.endswith("_msgspec"):
        import msgspec
        from blacksheep.settings.json import json_settings

        json_settings.use(msgspec.json.decode, lambda content: msgspec.json.encode(content).decode())
    app = Application(show_error_details=False)
    router = app.router

    async def plaintext():
        return text(HELLO.decode())

    if (paths := route_paths(case)) is not None:

        async def dynamic(id: int):
            return text(HELLO.decode())

        for path in paths:
            router.add_get(path.replace(":int", ""), dynamic if "{" in path else plaintext)
        await app.start()
        return app

    class XOne(FromHeader[str]):
        name = "x-one"

    class XTwo(FromHeader[str]):
        name = "x-two"

    class First(FromCookie[str]):
        name = "first"

    class Second(FromCookie[str]):
        name = "second"

    async def small_json():
        return json({"message": "hello, world"})

    async def param(id: int):
        return text(str(id))

    async def post_json(request: Request):
        return json(await request.json())

    async def inputs(a: FromQuery[str], b: FromQuery[str], one: XOne, two: XTwo, first: First, second: Second):
        return json(
            {"q": [a.value, b.value], "h": [one.value, two.value], "c": [first.value, second.value]},
        )

    async def missing():
        raise NotFound

    async def session(request: Request):
        request.session["count"] = count = request.session.get("count", 0) + 1
        return text(str(count))

    async def long_text():
        return Response(200, content=Content(b"text/plain", TEXT))

    async def stream():
        return Response(200, content=StreamedContent(b"application/octet-stream", chunks))

    async def form(request: Request):
        return text(str(len(await request.form())))

    async def echo(websocket: WebSocket):
        await websocket.accept()
        for _ in range(10):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    router.add_get("/plaintext", plaintext)
    router.add_get("/json", small_json)
    router.add_get("/users/{id}", param)
    router.add_post("/echo", post_json)
    router.add_get("/inputs", inputs)
    router.add_get("/missing", missing)
    router.add_get("/session", session)
    router.add_get("/text", long_text)
    router.add_get("/stream", stream)
    router.add_post("/form", form)
    router.add_ws("/ws", echo)
    if case == "cors":
        app.use_cors(allow_methods="*", allow_origins="*", allow_headers="*")
    elif case == "session":
        app.use_sessions(SECRET)
    elif level := gzip_level(case):
        use_gzip_compression(app, GzipMiddleware(comp_level=level))
    elif case == "mw_native":

        async def native(request, handler):
            return await handler(request)

        app.middlewares.append(native)
    elif case.startswith("static"):
        app.serve_files(folder(), root_path="files", extensions={".bin"}, default_file_options=DefaultFileOptions())
    await app.start()
    for layer in noop_layers(case):
        app = layer(app)
    return app
