"""FastAPI: typed parameters, returned objects; Starlette's responses where there is nothing to type."""

from typing import Annotated, Any

from materials import HELLO, SECRET, TEXT, chunks, folder, gzip_level, noop_layers, route_paths


def application(case: str):
    from fastapi import Body, Cookie, FastAPI, Header, HTTPException, Request, UploadFile, WebSocket
    from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
    from fastapi.staticfiles import StaticFiles
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.cors import CORSMiddleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.middleware.sessions import SessionMiddleware

    app = FastAPI()

    async def plaintext():
        return PlainTextResponse(HELLO)

    if (paths := route_paths(case)) is not None:

        async def dynamic(id: int):
            return PlainTextResponse(HELLO)

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
    async def post_json(content: Annotated[dict[str, Any], Body()]):
        return content

    @app.get("/inputs")
    async def inputs(
        a: str,
        b: str,
        x_one: Annotated[str, Header()],
        x_two: Annotated[str, Header()],
        first: Annotated[str, Cookie()],
        second: Annotated[str, Cookie()],
    ):
        return {"q": [a, b], "h": [x_one, x_two], "c": [first, second]}

    @app.get("/missing")
    async def missing():
        raise HTTPException(404)

    @app.get("/sync")
    def sync():
        return PlainTextResponse(HELLO)

    @app.get("/session")
    async def session(request: Request):
        request.session["count"] = count = request.session.get("count", 0) + 1
        return PlainTextResponse(str(count))

    @app.get("/text")
    async def text():
        return PlainTextResponse(TEXT)

    @app.get("/encoded")
    async def encoded():
        return Response(TEXT, headers={"content-encoding": "br"}, media_type="text/plain")

    @app.get("/stream")
    async def stream():
        return StreamingResponse(chunks())

    @app.post("/form")
    async def form(request: Request):
        return PlainTextResponse(str(len(await request.form())))

    @app.post("/upload")
    async def upload(file: UploadFile):
        return PlainTextResponse(str(file.size))

    @app.get("/file")
    async def file():
        return FileResponse(folder() / "file.bin")

    @app.websocket("/ws")
    async def echo(websocket: WebSocket):
        await websocket.accept()
        for _ in range(10):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    app.mount("/files", StaticFiles(directory=folder()))
    if case == "mw_native":

        @app.middleware("http")
        async def native(request, call_next):
            return await call_next(request)

        assert app.user_middleware[0].cls is BaseHTTPMiddleware
    elif case == "cors":
        app.add_middleware(CORSMiddleware, allow_origins=["*"])
    elif case == "session":
        app.add_middleware(SessionMiddleware, secret_key=SECRET)
    elif level := gzip_level(case):
        app.add_middleware(GZipMiddleware, compresslevel=level)
    for layer in noop_layers(case):
        app.add_middleware(layer)
    return app
