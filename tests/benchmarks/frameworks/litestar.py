"""Litestar: typed handlers, its own stores and configurations, no OpenAPI."""

from typing import Annotated, Any

from materials import HELLO, TEXT, chunks, folder, gzip_level, noop_layers, route_paths


def application(case: str):
    from litestar import Litestar, MediaType, WebSocket, get, post, websocket
    from litestar.config.compression import CompressionConfig
    from litestar.config.cors import CORSConfig
    from litestar.datastructures import UploadFile
    from litestar.enums import RequestEncodingType
    from litestar.exceptions import NotFoundException
    from litestar.middleware import ASGIMiddleware
    from litestar.params import Body, Parameter
    from litestar.response import File, Stream
    from litestar.static_files import create_static_files_router

    if case in ("session", "gzip_encoded", "file_range", "static_304"):
        return None

    options: dict[str, Any] = {"openapi_config": None, "logging_config": None, "request_max_body_size": None}
    if (paths := route_paths(case)) is not None:

        @get([path for path in paths if "{" not in path], media_type=MediaType.TEXT)
        async def static() -> str:
            return HELLO.decode()

        @get([path for path in paths if "{" in path], media_type=MediaType.TEXT)
        async def dynamic(id: int) -> str:
            return HELLO.decode()

        return Litestar([static, dynamic], **options)

    @get("/plaintext", media_type=MediaType.TEXT)
    async def plaintext() -> str:
        return HELLO.decode()

    @get("/json")
    async def small_json() -> dict[str, str]:
        return {"message": "hello, world"}

    @get("/users/{id:int}", media_type=MediaType.TEXT)
    async def param(id: int) -> str:
        return str(id)

    @post("/echo", status_code=200)
    async def post_json(data: dict[str, Any]) -> dict[str, Any]:
        return data

    @get("/inputs")
    async def inputs(
        a: str,
        b: str,
        one: Annotated[str, Parameter(header="x-one")],
        two: Annotated[str, Parameter(header="x-two")],
        first: Annotated[str, Parameter(cookie="first")],
        second: Annotated[str, Parameter(cookie="second")],
    ) -> dict[str, list[str]]:
        return {"q": [a, b], "h": [one, two], "c": [first, second]}

    @get("/missing")
    async def missing() -> None:
        raise NotFoundException

    @get("/sync", media_type=MediaType.TEXT, sync_to_thread=True)
    def sync() -> str:
        return HELLO.decode()

    @get("/text", media_type=MediaType.TEXT)
    async def text() -> bytes:
        return TEXT

    @get("/stream")
    async def stream() -> Stream:
        return Stream(chunks())

    @post("/form", status_code=200, media_type=MediaType.TEXT)
    async def form(data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]) -> str:
        return str(len(data))

    @post("/form", status_code=200, media_type=MediaType.TEXT)
    async def form_parts(data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.MULTI_PART)]) -> str:
        return str(len(data))

    @post("/upload", status_code=200, media_type=MediaType.TEXT)
    async def upload(data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)]) -> str:
        file = data["file"].file
        return str(file.seek(0, 2))

    @get("/file")
    async def file() -> File:
        return File(folder() / "file.bin")

    @websocket("/ws")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        for _ in range(10):
            await socket.send_text(await socket.receive_text())
        await socket.close()

    class Native(ASGIMiddleware):
        async def handle(self, scope, receive, send, next_app):
            await next_app(scope, receive, send)

    handlers = {
        "json": small_json,
        "json_msgspec": small_json,
        "param": param,
        "post_json": post_json,
        "post_json_msgspec": post_json,
        "inputs": inputs,
        "exc404": missing,
        "sync": sync,
        "gzip": text,
        "stream": stream,
        "form20": form,
        "form20_multipart": form_parts,
        "upload": upload,
        "file": file,
        "ws10": echo,
    }
    if case == "static":
        return Litestar([create_static_files_router("/files", directories=[folder()])], **options)
    if case == "cors":
        options["cors_config"] = CORSConfig(allow_origins=["*"])
    elif level := gzip_level(case):
        options["compression_config"] = CompressionConfig(backend="gzip", gzip_compress_level=level)
    elif case == "mw_native":
        options["middleware"] = [Native()]
    else:
        options["middleware"] = noop_layers(case)
    return Litestar([handlers.get(case, plaintext)], **options)
