"""FasterAPI: FastAPI's interface on msgspec. It answers neither HEAD nor 405, and calls plain functions in the loop."""

from materials import HELLO, chunks, folder, noop_layers, route_paths

MISSING = (
    *("sync", "session", "gzip", "gzip_encoded", "file_range", "static", "static_304", "mw_native"),
    "ws10",  # its first receive_text returns the connect, as an empty text
)


def application(case: str):
    from FasterAPI import (
        CORSMiddleware,
        Faster,
        FileResponse,
        HTTPException,
        PlainTextResponse,
        Request,
        StreamingResponse,
    )

    if case in MISSING or case.endswith("_405"):
        return None
    app = Faster(openapi_url=None, docs_url=None, redoc_url=None)

    async def plaintext():
        return PlainTextResponse(HELLO.decode())

    if (paths := route_paths(case)) is not None:

        async def dynamic(id: int):
            return PlainTextResponse(HELLO.decode())

        for path in paths:
            app.get(path.replace(":int", ""))(dynamic if "{" in path else plaintext)
        return app

    app.get("/plaintext")(plaintext)

    @app.get("/json")
    async def small_json():
        return {"message": "hello, world"}

    @app.get("/users/{id}")
    async def param(id: int):
        return PlainTextResponse(str(id))

    @app.post("/echo")
    async def post_json(request: Request):
        return await request.json()

    @app.get("/inputs")
    async def inputs(request: Request):
        query, headers, cookies = request.query_params, request.headers, request.cookies
        return {
            "q": [query["a"], query["b"]],
            "h": [headers["x-one"], headers["x-two"]],
            "c": [cookies["first"], cookies["second"]],
        }

    @app.get("/missing")
    async def missing():
        raise HTTPException(404)

    @app.get("/stream")
    async def stream():
        return StreamingResponse(chunks())

    @app.get("/file")
    async def file():
        return FileResponse(str(folder() / "file.bin"))

    @app.post("/form")
    async def form(request: Request):
        return PlainTextResponse(str(len(await request.form())))

    @app.post("/upload")
    async def upload(request: Request):
        uploaded = (await request.form())["file"]
        return PlainTextResponse(str(len(await uploaded.read())))

    if case == "cors":
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    for layer in noop_layers(case):
        app = layer(app)
    return app
