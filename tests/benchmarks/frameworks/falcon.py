"""Falcon: resources and responders, compiled with Cython."""

from tempfile import SpooledTemporaryFile

from materials import HELLO, TEXT, chunks, folder, noop_layers, route_paths


def application(case: str):
    import falcon
    import falcon.asgi

    if case in ("session", "gzip", "gzip_encoded", "file", "file_range"):
        return None

    class Native:
        async def process_request(self, req, resp):
            pass

        async def process_response(self, req, resp, resource, req_succeeded):
            pass

    app = falcon.asgi.App(cors_enable=case == "cors", middleware=[Native()] if case == "mw_native" else None)

    if case.endswith("_msgspec"):
        import msgspec

        handler = falcon.media.JSONHandler(msgspec.json.encode, msgspec.json.decode)
        for options in (app.req_options, app.resp_options):
            options.media_handlers[falcon.MEDIA_JSON] = handler

    class Resource:
        async def on_get(self, req, resp, **params):
            resp.content_type = falcon.MEDIA_TEXT
            resp.data = HELLO

    if (paths := route_paths(case)) is not None:
        for path in paths:
            app.add_route(path, Resource())
        return app

    class JSON:
        async def on_get(self, req, resp):
            resp.media = {"message": "hello, world"}

    class Param:
        async def on_get(self, req, resp, id):
            resp.content_type = falcon.MEDIA_TEXT
            resp.text = str(id)

    class Echo:
        async def on_post(self, req, resp):
            resp.media = await req.get_media()

    class Inputs:
        async def on_get(self, req, resp):
            resp.media = {
                "q": [req.get_param("a"), req.get_param("b")],
                "h": [req.get_header("x-one"), req.get_header("x-two")],
                "c": [req.get_cookie_values("first")[0], req.get_cookie_values("second")[0]],
            }

    class Missing:
        async def on_get(self, req, resp):
            raise falcon.HTTPNotFound

    class Sync:
        async def on_get(self, req, resp):
            resp.content_type = falcon.MEDIA_TEXT
            resp.data = await falcon.sync_to_async(lambda: HELLO)

    class Text:
        async def on_get(self, req, resp):
            resp.content_type = falcon.MEDIA_TEXT
            resp.data = TEXT

    class Stream:
        async def on_get(self, req, resp):
            resp.stream = chunks()

    class Form:
        async def on_post(self, req, resp):
            resp.content_type = falcon.MEDIA_TEXT
            resp.text = str(len(await req.get_media()))

    class FormParts:
        async def on_post(self, req, resp):
            resp.content_type = falcon.MEDIA_TEXT
            resp.text = str(len({part.name: await part.get_text() async for part in await req.get_media()}))

    class Upload:
        async def on_post(self, req, resp):
            resp.content_type = falcon.MEDIA_TEXT
            async for part in await req.get_media():
                size = 0
                async for chunk in part.stream:
                    size += len(chunk)
                resp.text = str(size)

    class KeptUpload:
        """Keeps a part as ours does: in memory up to 1 MiB, then on disk, written in a thread 1 MiB at a time."""

        async def on_post(self, req, resp):
            resp.content_type = falcon.MEDIA_TEXT
            async for part in await req.get_media():
                with SpooledTemporaryFile(1 << 20) as file:
                    held, size = [], 0
                    async for chunk in part.stream:
                        held.append(chunk)
                        size += len(chunk)
                        if size > 1 << 20:
                            await falcon.sync_to_async(file.write, b"".join(held))
                            held, size = [], 0
                    if file.tell():
                        await falcon.sync_to_async(file.write, b"".join(held))
                    else:
                        file.write(b"".join(held))
                    resp.text = str(file.tell())

    class WebSocket:
        async def on_websocket(self, req, ws):
            await ws.accept()
            for _ in range(10):
                await ws.send_text(await ws.receive_text())
            await ws.close()

    app.add_route("/plaintext", Resource())
    app.add_route("/json", JSON())
    app.add_route("/users/{id:int}", Param())
    app.add_route("/echo", Echo())
    app.add_route("/inputs", Inputs())
    app.add_route("/missing", Missing())
    app.add_route("/sync", Sync())
    app.add_route("/text", Text())
    app.add_route("/stream", Stream())
    app.add_route("/form", FormParts() if case == "form20_multipart" else Form())
    app.add_route("/upload", KeptUpload() if case == "upload_kept" else Upload())
    app.add_route("/ws", WebSocket())
    app.add_static_route("/files", folder())
    for layer in noop_layers(case):
        app = layer(app)
    return app
