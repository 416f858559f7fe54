"""The cases for frameworks that have Starlette's names: Starlette, and ours."""

from __future__ import annotations

from types import SimpleNamespace

from cases import CHUNK, HELLO, SECRET, TEXT, folder, paths


class NoOp:
    """A pure ASGI middleware that does nothing."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def application(case: str, ns: SimpleNamespace):
    """The application for a case, with the default stack and one route, or as many as the case says."""
    if case.startswith("routes"):
        return ns.App(
            routes=[ns.Route(path, endpoints(ns)["plaintext"][1]) for path in paths(int(case[6:].split("_")[0]))]
        )
    if case == "static" or case == "static_304":
        return ns.App(routes=[ns.Mount("/files", ns.StaticFiles(directory=folder()))])
    if case == "ws10":
        return ns.App(routes=[ns.WebSocketRoute("/ws", websocket(ns))])
    middleware = {
        "mw5": [ns.Middleware(NoOp)] * 5,
        "mw_native": [ns.Middleware(ns.Native)],
        "cors": [ns.Middleware(ns.CORSMiddleware, allow_origins=["*"])],
        "session": [ns.Middleware(ns.SessionMiddleware, secret_key=SECRET)],
        "gzip": [ns.Middleware(ns.GZipMiddleware)],
    }.get(case, [])
    path, endpoint, *methods = endpoints(ns)[case if case not in ("mw5", "mw_native", "cors") else "plaintext"]
    return ns.App(routes=[ns.Route(path, endpoint, methods=methods or ["GET"])], middleware=middleware)


def websocket(ns):
    async def echo(websocket):
        await websocket.accept()
        for _ in range(10):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    return echo


def endpoints(ns) -> dict[str, tuple]:
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
        request.session["count"] += 1
        return ns.PlainTextResponse(str(request.session["count"]))

    async def text(request):
        return ns.PlainTextResponse(TEXT)

    async def stream(request):
        async def chunks():
            for _ in range(16):
                yield CHUNK

        return ns.StreamingResponse(chunks())

    async def form(request):
        return ns.PlainTextResponse(str(len(await request.form())))

    async def upload(request):
        async with request.form() as form:
            return ns.PlainTextResponse(str(form["file"].size))

    async def file(request):
        return ns.FileResponse(folder() / "file.bin")

    return {
        "plaintext": ("/plaintext", plaintext),
        "json": ("/json", small_json),
        "param": ("/users/{id:int}", param),
        "post_json": ("/echo", post_json, "POST"),
        "inputs": ("/inputs", inputs),
        "exc404": ("/missing", missing),
        "sync": ("/sync", sync),
        "session": ("/session", session),
        "gzip": ("/text", text),
        "stream": ("/stream", stream),
        "form20": ("/form", form, "POST"),
        "upload": ("/upload", upload, "POST"),
        "file": ("/file", file),
        "file_range": ("/file", file),
    }
