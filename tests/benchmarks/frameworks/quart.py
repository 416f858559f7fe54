"""Quart: Flask's interface."""

from materials import HELLO, SECRET, TEXT, chunks, folder, noop_layers, route_paths


def application(case: str):
    from quart import Quart, Response, abort, jsonify, request, send_file, session, websocket

    if case in ("cors", "gzip", "gzip_encoded"):
        return None
    app = Quart(__name__, static_folder=folder(), static_url_path="/files")
    app.secret_key = SECRET

    def plain(content):
        return Response(content, mimetype="text/plain")

    async def plaintext():
        return plain(HELLO)

    if (paths := route_paths(case)) is not None:

        async def dynamic(id):
            return plain(HELLO)

        for number, path in enumerate(paths):
            function = dynamic if "{" in path else plaintext
            app.add_url_rule(path.replace("{id:int}", "<int:id>"), f"route{number}", function, methods=["GET"])
        return app

    app.get("/plaintext")(plaintext)

    @app.get("/json")
    async def small_json():
        return jsonify(message="hello, world")

    @app.get("/users/<int:id>")
    async def param(id):
        return plain(str(id))

    @app.post("/echo")
    async def post_json():
        return jsonify(await request.get_json())

    @app.get("/inputs")
    async def inputs():
        query, headers, cookies = request.args, request.headers, request.cookies
        return {
            "q": [query["a"], query["b"]],
            "h": [headers["x-one"], headers["x-two"]],
            "c": [cookies["first"], cookies["second"]],
        }

    @app.get("/missing")
    async def missing():
        abort(404)

    @app.get("/sync")
    def sync():
        return plain(HELLO)

    @app.get("/session")
    async def count():
        session["count"] = session.get("count", 0) + 1
        return plain(str(session["count"]))

    @app.get("/text")
    async def text():
        return plain(TEXT)

    @app.get("/stream")
    async def stream():
        return chunks()

    @app.post("/form")
    async def form():
        return plain(str(len(await request.form)))

    @app.post("/upload")
    async def upload():
        files = await request.files
        return plain(str(files["file"].stream.seek(0, 2)))

    @app.get("/file")
    async def file():
        return await send_file(folder() / "file.bin", conditional=True)

    @app.websocket("/ws")
    async def echo():
        await websocket.accept()
        for _ in range(10):
            await websocket.send(await websocket.receive())
        await websocket.close(1000)

    if case == "mw_native":

        @app.before_request
        async def before():
            pass

        @app.after_request
        async def after(response):
            return response

    for layer in noop_layers(case):
        app = layer(app)
    return app
