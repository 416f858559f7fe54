"""Bare ASGI: a callable written by hand for each case, with nothing around it. What it costs is all there is to reach."""

from __future__ import annotations

import gzip
import json
import os
from base64 import b64decode, b64encode
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl

import msgspec
from materials import CHUNK, GZIP_LEVEL, HELLO, SECRET, TEXT, folder, noop_layers, route_paths

TEXT_PLAIN = (b"content-type", b"text/plain; charset=utf-8")
APPLICATION_JSON = (b"content-type", b"application/json")
encode_by_msgspec = msgspec.json.Encoder().encode


async def reply(send, status, content, *headers):
    head = [(b"content-length", b"%d" % len(content)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content})


async def read(receive):
    parts = []
    while True:
        message = await receive()
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def plaintext(scope, receive, send):
    await reply(send, 200, HELLO, TEXT_PLAIN)


async def small_json(scope, receive, send):
    content = json.dumps({"message": "hello, world"}, separators=(",", ":")).encode()
    await reply(send, 200, content, APPLICATION_JSON)


async def json_msgspec(scope, receive, send):
    await reply(send, 200, encode_by_msgspec({"message": "hello, world"}), APPLICATION_JSON)


async def param(scope, receive, send):
    await reply(send, 200, str(int(scope["path"].rpartition("/")[2])).encode(), TEXT_PLAIN)


async def post_json(scope, receive, send):
    content = json.dumps(json.loads(await read(receive)), separators=(",", ":"), ensure_ascii=False).encode()
    await reply(send, 200, content, APPLICATION_JSON)


async def post_json_msgspec(scope, receive, send):
    await reply(send, 200, encode_by_msgspec(msgspec.json.decode(await read(receive))), APPLICATION_JSON)


async def inputs(scope, receive, send):
    query = dict(parse_qsl(scope["query_string"].decode()))
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    cookies = dict(part.strip().split("=", 1) for part in headers["cookie"].split(";"))
    found = {
        "q": [query["a"], query["b"]],
        "h": [headers["x-one"], headers["x-two"]],
        "c": [cookies["first"], cookies["second"]],
    }
    await reply(send, 200, json.dumps(found, separators=(",", ":")).encode(), APPLICATION_JSON)


async def missing(scope, receive, send):
    await reply(send, 404, b"Not Found", TEXT_PLAIN)


async def sync(scope, receive, send):
    import asyncio

    content = await asyncio.get_running_loop().run_in_executor(None, lambda: HELLO)
    await reply(send, 200, content, TEXT_PLAIN)


async def session(scope, receive, send):
    import itsdangerous

    signer = itsdangerous.TimestampSigner(SECRET)
    state = {"count": 0}
    cookies = SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode())
    if "session" in cookies:
        state = json.loads(b64decode(signer.unsign(cookies["session"].value, max_age=1209600)))
    state["count"] += 1
    signed = signer.sign(b64encode(json.dumps(state).encode()))
    await reply(
        send, 200, str(state["count"]).encode(), TEXT_PLAIN, (b"set-cookie", b"session=" + signed + b"; path=/")
    )


async def compressed(scope, receive, send):
    await reply(send, 200, gzip.compress(TEXT, GZIP_LEVEL, mtime=0), TEXT_PLAIN, (b"content-encoding", b"gzip"))


async def encoded(scope, receive, send):
    await reply(send, 200, TEXT, TEXT_PLAIN, (b"content-encoding", b"br"))


async def stream(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(16):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def form(scope, receive, send):
    fields = parse_qsl((await read(receive)).decode(), keep_blank_values=True)
    await reply(send, 200, str(len(fields)).encode(), TEXT_PLAIN)


async def form_parts(scope, receive, send):
    boundary = dict(scope["headers"])[b"content-type"].partition(b"boundary=")[2]
    fields = []
    for part in (b"\r\n" + await read(receive)).split(b"\r\n--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        fields.append((head.partition(b'name="')[2].partition(b'"')[0].decode(), value.decode()))
    await reply(send, 200, str(len(fields)).encode(), TEXT_PLAIN)


async def upload(scope, receive, send):
    from tempfile import SpooledTemporaryFile

    from python_multipart.multipart import MultipartParser

    with SpooledTemporaryFile(1 << 20) as file:
        boundary = dict(scope["headers"])[b"content-type"].partition(b"boundary=")[2]
        parser = MultipartParser(boundary, {"on_part_data": lambda data, start, end: file.write(data[start:end])})
        while True:
            message = await receive()
            parser.write(message["body"])
            if not message["more_body"]:
                break
        size = file.tell()
    await reply(send, 200, str(size).encode(), TEXT_PLAIN)


async def upload_parts(scope, receive, send):
    from python_multipart.multipart import MultipartParser

    size = 0

    def count(data, start, end):
        nonlocal size
        size += len(data[start:end])

    boundary = dict(scope["headers"])[b"content-type"].partition(b"boundary=")[2]
    parser = MultipartParser(boundary, {"on_part_data": count})
    while True:
        message = await receive()
        parser.write(message["body"])
        if not message["more_body"]:
            break
    await reply(send, 200, str(size).encode(), TEXT_PLAIN)


async def file(scope, receive, send):
    with (folder() / "file.bin").open("rb") as opened:
        os.fstat(opened.fileno())
        await reply(send, 200, opened.read(), (b"content-type", b"application/octet-stream"))


async def file_range(scope, receive, send):
    with (folder() / "file.bin").open("rb") as opened:
        os.fstat(opened.fileno())
        opened.seek(1024)
        await reply(send, 206, opened.read(1024), (b"content-range", b"bytes 1024-2047/102400"))


async def not_modified(scope, receive, send):
    os.stat(folder() / "file.bin")
    await reply(send, 304, b"")


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    for _ in range(10):
        await send({"type": "websocket.send", "text": (await receive())["text"]})
    await send({"type": "websocket.close"})


async def nothing(scope, receive, send):
    pass


async def read_json(scope, receive, send):
    found = json.loads(await read(receive))
    await reply(send, 200, str(len(found)).encode(), TEXT_PLAIN)


def routed(paths):
    table = {path: plaintext for path in paths if "{" not in path}
    dynamic = {path.rpartition("/")[0] for path in paths if "{" in path}

    async def router(scope, receive, send):
        path = scope["path"]
        endpoint = table.get(path)
        if endpoint is None:
            prefix, _, value = path.rpartition("/")
            if prefix not in dynamic or not value.isdigit():
                return await missing(scope, receive, send)
            scope["path_params"] = {"id": int(value)}
            endpoint = plaintext
        if scope["method"] != "GET":
            return await reply(send, 405, b"Method Not Allowed", (b"allow", b"GET"))
        await endpoint(scope, receive, send)

    return router


def application(case: str):
    if case.startswith("alone_router"):
        return nothing
    if (paths := route_paths(case)) is not None:
        return routed(paths)
    app = APPLICATIONS[case.removeprefix("alone_")]
    for layer in noop_layers(case):
        app = layer(app)
    return app


APPLICATIONS = {
    "plaintext": plaintext,
    "response": plaintext,
    "json": small_json,
    "json_msgspec": json_msgspec,
    "param": param,
    "post_json": post_json,
    "post_json_msgspec": post_json_msgspec,
    "read_json": read_json,
    "inputs": inputs,
    "exc404": missing,
    "sync": sync,
    "mw5": plaintext,
    "mw_native": plaintext,
    "cors": plaintext,
    "session": session,
    "gzip": compressed,
    "gzip_encoded": encoded,
    "stream": stream,
    "form20": form,
    "form20_multipart": form_parts,
    "upload": upload,
    "upload_kept": upload,
    "upload_parts": upload_parts,
    "file": file,
    "file_range": file_range,
    "static": file,
    "static_304": not_modified,
    "ws10": echo,
}
