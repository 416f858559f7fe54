"""The cases that are measured: the requests that are sent, and the right answers.

Every framework does the same work for a case, and every answer is checked before it is timed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from materials import CHUNK, HELLO, KIB, ORIGIN, TEXT, table

BOUNDARY = b"----boundary7MA4YWxkTrZu0gW"


@dataclass
class Exchange:
    """One connection: a scope, what the client sends, and the status and body that must come back."""

    scope: dict
    messages: list[dict] = field(default_factory=list)
    status: int = 200
    body: bytes | Callable[[bytes], bool] | None = None
    cookie_first: bool = False
    """True if the cookie of the request is the one that a first answer sets."""


@dataclass(frozen=True)
class Case:
    """A named row of the table."""

    name: str
    title: str
    exchanges: Callable[[], list[Exchange]]
    quick: bool = False


CASES: dict[str, Case] = {}


def case(name: str, title: str, *, quick: bool = False) -> Callable:
    def add(function: Callable[[], list[Exchange] | Exchange]) -> Callable:
        def exchanges() -> list[Exchange]:
            made = function()
            return made if isinstance(made, list) else [made]

        CASES[name] = Case(name, title, exchanges, quick)
        return function

    return add


def http(method: str = "GET", path: str = "/", *, query: bytes = b"", headers: tuple = (), **extra: object) -> dict:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1:8000"),
            (b"user-agent", b"bench"),
            (b"accept", b"*/*"),
            *headers,
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
        "state": {},
        **extra,
    }


def body(content: bytes, size: int = 65536) -> list[dict]:
    chunks = [content[i : i + size] for i in range(0, len(content), size)] or [b""]
    return [{"type": "http.request", "body": c, "more_body": i < len(chunks) - 1} for i, c in enumerate(chunks)]


def posted(path: str, content: bytes, content_type: bytes) -> dict:
    return http("POST", path, headers=((b"content-type", content_type), (b"content-length", b"%d" % len(content))))


@case("plaintext", "`Hello, World!` through one route", quick=True)
def plaintext() -> Exchange:
    return Exchange(http(path="/plaintext"), body(b""), 200, HELLO)


@case("json", '`{"message": "hello, world"}`', quick=True)
def small_json() -> Exchange:
    return Exchange(http(path="/json"), body(b""), 200, lambda b: json.loads(b) == {"message": "hello, world"})


case("json_msgspec", "the same, encoded by msgspec in every framework", quick=True)(small_json)


@case("param", "`/users/{id:int}`", quick=True)
def param() -> Exchange:
    return Exchange(http(path="/users/42"), body(b""), 200, b"42")


@case("param_many", "the same, 8,192 ids in turn")
def param_many() -> list[Exchange]:
    scope = http(path="/users/0")
    paths = [f"/users/{i}" for i in range(8192)]
    return [Exchange({**scope, "path": path, "raw_path": path.encode()}, body(b"")) for path in paths]


@case("post_json", "1 KiB of JSON in, the same out")
def post_json() -> Exchange:
    content = json.dumps(KIB, separators=(",", ":")).encode()
    return Exchange(posted("/echo", content, b"application/json"), body(content), 200, lambda b: json.loads(b) == KIB)


case("post_json_msgspec", "the same, decoded and encoded by msgspec in every framework")(post_json)


@case("inputs", "two query parameters, two headers, two cookies", quick=True)
def inputs() -> Exchange:
    headers = ((b"x-one", b"1"), (b"x-two", b"two"), (b"cookie", b"first=1; second=two"))
    expected = {"q": ["1", "two words"], "h": ["1", "two"], "c": ["1", "two"]}
    return Exchange(
        http(path="/inputs", query=b"a=1&b=two+words", headers=headers),
        body(b""),
        200,
        lambda b: json.loads(b) == expected,
    )


@case("exc404", "the handler raises the framework's 404", quick=True)
def exc404() -> Exchange:
    return Exchange(http(path="/missing"), body(b""), 404)


@case("sync", "a plain `def` handler")
def sync() -> Exchange:
    return Exchange(http(path="/sync"), body(b""), 200, HELLO)


def routed(path: str, status: int = 200, method: str = "GET") -> Exchange:
    """A request to one of many routes."""
    return Exchange(http(method, path=path.replace("{id:int}", "7")), body(b""), status)


def miss() -> Exchange:
    return routed("/static/none/page", 404)


for _count in (10, 100, 1000):

    @case(f"routes{_count}_static", f"the last static one of {_count} routes")
    def last_static(count: int = _count) -> Exchange:
        return routed(table(count)[-2])

    @case(f"routes{_count}_last", f"the last of {_count} routes, which has a parameter", quick=_count == 1000)
    def last(count: int = _count) -> Exchange:
        return routed(table(count)[-1])

    @case(f"routes{_count}_random", f"any of {_count} routes", quick=_count == 1000)
    def any_route(count: int = _count) -> list[Exchange]:
        return [routed(path) for path in random.Random(1).choices(table(count), k=50)]

    case(f"routes{_count}_miss", f"none of {_count} routes", quick=_count == 1000)(miss)

    @case(f"routes{_count}_405", f"one of {_count} routes, with a wrong method")
    def wrong_method(count: int = _count) -> Exchange:
        return routed(table(count)[-1], 405, "DELETE")


@case("mw5", "five no-op pure ASGI middlewares")
def mw5() -> Exchange:
    return Exchange(http(path="/plaintext"), body(b""), 200, HELLO)


@case("mw_native", "one no-op middleware of the request/response kind")
def mw_native() -> Exchange:
    return Exchange(http(path="/plaintext"), body(b""), 200, HELLO)


@case("cors", "a simple CORS request")
def cors() -> Exchange:
    return Exchange(http(path="/plaintext", headers=((b"origin", ORIGIN.encode()),)), body(b""), 200, HELLO)


@case("session", "a counter read, changed and written")
def session() -> Exchange:
    return Exchange(http(path="/session"), body(b""), 200, b"2", cookie_first=True)


@case("gzip", "10 KiB of text compressed")
def gzip() -> Exchange:
    import zlib

    return Exchange(
        http(path="/text", headers=((b"accept-encoding", b"gzip"),)),
        body(b""),
        200,
        lambda b: zlib.decompress(b, wbits=31) == TEXT,
    )


@case("gzip_encoded", "the same text, encoded already, passed through")
def gzip_encoded() -> Exchange:
    return Exchange(http(path="/encoded", headers=((b"accept-encoding", b"gzip"),)), body(b""), 200, TEXT)


@case("stream", "1 MiB in 64 KiB chunks")
def stream() -> Exchange:
    return Exchange(http(path="/stream"), body(b""), 200, CHUNK * 16)


@case("form20", "20 urlencoded fields")
def form20() -> Exchange:
    content = "&".join(f"field{i}=value+number+{i}" for i in range(20)).encode()
    return Exchange(posted("/form", content, b"application/x-www-form-urlencoded"), body(content), 200, b"20")


@case("form20_multipart", "the same fields as a multipart form")
def form20_multipart() -> Exchange:
    disposition = b'--%b\r\nContent-Disposition: form-data; name="field%d"\r\n\r\nvalue number %d\r\n'
    content = b"".join(disposition % (BOUNDARY, i, i) for i in range(20)) + b"--" + BOUNDARY + b"--\r\n"
    return Exchange(posted("/form", content, b"multipart/form-data; boundary=" + BOUNDARY), body(content), 200, b"20")


@case("upload", "a 10 MiB file part in 64 KiB chunks")
def upload() -> Exchange:
    head = b'Content-Disposition: form-data; name="file"; filename="f.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
    # Bytes as a compressed file has them: a search for the boundary in one repeated byte takes two to three times as long.
    file = random.Random(1).randbytes(10 << 20)
    content = b"--" + BOUNDARY + b"\r\n" + head + file + b"\r\n--" + BOUNDARY + b"--\r\n"
    return Exchange(
        posted("/upload", content, b"multipart/form-data; boundary=" + BOUNDARY), body(content), 200, b"%d" % (10 << 20)
    )


case("upload_kept", "the same, kept in a temporary file by all: for `upload`, Falcon counts the bytes")(upload)
case("upload_parts", "the same, streamed part by part")(upload)


@case("file", "a file response of 100 KiB")
def file() -> Exchange:
    return Exchange(http(path="/file"), body(b""), 200, lambda b: len(b) == 102400)


@case("file_range", "1 KiB of it")
def file_range() -> Exchange:
    return Exchange(
        http(path="/file", headers=((b"range", b"bytes=1024-2047"),)), body(b""), 206, lambda b: len(b) == 1024
    )


@case("static", "a static file of 100 KiB")
def static() -> Exchange:
    return Exchange(http(path="/files/file.bin"), body(b""), 200, lambda b: len(b) == 102400)


@case("static_304", "the same, not modified")
def static_304() -> Exchange:
    modified = (b"if-modified-since", b"Tue, 14 Nov 2023 22:13:20 GMT")
    return Exchange(http(path="/files/file.bin", headers=(modified,)), body(b""), 304, b"")


@case("ws10", "accept, ten echoes, close")
def ws10() -> Exchange:
    scope = http(path="/ws") | {"type": "websocket", "scheme": "ws", "subprotocols": []}
    del scope["method"]
    texts = [{"type": "websocket.receive", "text": "hello"} for _ in range(10)]
    return Exchange(scope, [{"type": "websocket.connect"}, *texts], 0)


def read_json() -> Exchange:
    exchange = post_json()
    exchange.body = b"2"
    return exchange


ALONE = {
    "response": plaintext,
    "json": small_json,
    "inputs": inputs,
    "read_json": read_json,
    "form20": form20,
    "upload": upload,
    "file": file,
    "file_range": file_range,
    "static": static,
    "static_304": static_304,
    "stream": stream,
    "ws10": ws10,
}
for _name, _exchange in ALONE.items():
    case(f"alone_{_name}", f"{_name} with the request and response classes alone")(_exchange)

for _count in (10, 1000):

    @case(f"alone_router{_count}_last", f"a router of {_count} routes alone: the last")
    def alone_last(count: int = _count) -> Exchange:
        return routed(table(count)[-1], 0)

    @case(f"alone_router{_count}_random", f"a router of {_count} routes alone: any")
    def alone_random(count: int = _count) -> list[Exchange]:
        return [routed(path, 0) for path in random.Random(1).choices(table(count), k=50)]
