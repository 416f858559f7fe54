"""asgi-tools: an application of functions, whose router is compiled with Cython."""

from materials import HELLO, TEXT, chunks, noop_layers, route_paths

MISSING = ("sync", "cors", "session", "gzip", "gzip_encoded", "file", "file_range", "static", "static_304")


def application(case: str):
    from asgi_tools import App, ResponseError, ResponseStream, ResponseText, ResponseWebSocket

    if case in MISSING:
        return None
    app = App()

    async def plaintext(request):
        return ResponseText(HELLO)

    if (paths := route_paths(case)) is not None:
        for path in paths:
            app.route(path, methods=["GET"])(plaintext)
        return app

    app.route("/plaintext")(plaintext)

    @app.route("/json")
    async def small_json(request):
        return {"message": "hello, world"}

    @app.route("/users/{id:int}")
    async def param(request):
        return ResponseText(str(request.path_params["id"]))

    @app.route("/echo", methods=["POST"])
    async def post_json(request):
        return await request.json()

    @app.route("/inputs")
    async def inputs(request):
        query, headers, cookies = request.query, request.headers, request.cookies
        return {
            "q": [query["a"], query["b"]],
            "h": [headers["x-one"], headers["x-two"]],
            "c": [cookies["first"], cookies["second"]],
        }

    @app.route("/missing")
    async def missing(request):
        raise ResponseError.NOT_FOUND()

    @app.route("/text")
    async def text(request):
        return ResponseText(TEXT)

    @app.route("/stream")
    async def stream(request):
        return ResponseStream(chunks())

    @app.route("/form", methods=["POST"])
    async def form(request):
        return ResponseText(str(len(await request.form())))

    @app.route("/upload", methods=["POST"])
    async def upload(request):
        form = await request.form(max_size=20 << 20)
        return ResponseText(str(form["file"].seek(0, 2)))

    @app.route("/ws")
    async def echo(request):
        async with ResponseWebSocket(request) as websocket:
            for _ in range(10):
                await websocket.send(await websocket.receive())
            return websocket

    if case == "mw_native":

        @app.middleware
        async def native(handler, request, *args):
            return await handler(request, *args)

    for layer in noop_layers(case):
        app = layer(app)
    return app
