"""laminite: pure Python that compiles a function for each route at its start, and msgspec; needs Python 3.12."""

from materials import HELLO, noop_layers, route_paths

MISSING = (
    *("cors", "session", "gzip", "gzip_encoded", "stream", "form20", "form20_multipart", "upload"),
    *("file", "file_range", "static", "static_304", "ws10", "mw_native"),
)


def application(case: str):
    try:
        from laminite import HTTPException, Laminite, Request, Response
    except ImportError:
        return None
    if case in MISSING:
        return None
    app = Laminite()

    async def plaintext():
        return HELLO.decode()

    if (paths := route_paths(case)) is not None:

        async def dynamic(id: int):
            return HELLO.decode()

        for path in paths:
            app.get(path.replace(":int", ""))(dynamic if "{" in path else plaintext)
        return app

    app.get("/plaintext")(plaintext)

    @app.get("/json")
    async def small_json():
        return {"message": "hello, world"}

    @app.get("/users/{id}")
    async def param(id: int):
        return str(id)

    @app.post("/echo")
    async def post_json(request: Request):
        return await request.json()

    @app.get("/inputs")
    async def inputs(request: Request):
        query, headers = request.query_params, request.headers
        cookies = dict(pair.split("=", 1) for pair in headers["cookie"].split("; "))  # it has no cookies of its own
        return {
            "q": [query["a"], query["b"]],
            "h": [headers["x-one"], headers["x-two"]],
            "c": [cookies["first"], cookies["second"]],
        }

    @app.get("/missing")
    async def missing():
        raise HTTPException(404)

    @app.get("/sync", offload=True)
    def sync():
        return Response(HELLO, media_type="text/plain; charset=utf-8")

    for layer in noop_layers(case):
        app = layer(app)
    return app
