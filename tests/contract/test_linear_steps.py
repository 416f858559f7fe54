"""Texts of clients are read in linear time: counted in instructions, at n, 2n, 4n and 8n.

An instruction that the interpreter hands to C (a search, a join) counts as one, so that loops are compared and not the
speed of C; regular expressions, which are C alone, are looked at in test_linear_parsers.py.
"""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest

from asgi_framework import App, Config, Middleware, Route, requires
from asgi_framework.middleware import AuthenticationMiddleware
from asgi_middleware.around import around_http
from asgi_middleware.authentication import AuthenticationBackend
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.errors import ServerErrorMiddleware
from asgi_middleware.gzip import GZipMiddleware
from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware
from asgi_middleware.opentelemetry import OpenTelemetryMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_middleware.trustedhost import TrustedHostMiddleware
from asgi_requests import (
    URL,
    CacheControl,
    CommaSeparatedStrings,
    FormData,
    HTTPConnection,
    HTTPException,
    MalformedRangeHeader,
    MultiDict,
    MutableHeaders,
    PartLimits,
    PlainTextResponse,
    QueryParams,
    RangeNotSatisfiable,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    UploadFile,
    WebSocket,
    negotiate,
    negotiate_language,
)
from asgi_requests.cookies import cookie_parser
from asgi_requests.files.conditional import evaluate_preconditions
from asgi_requests.files.ranges import parse_range_header
from asgi_routing import Host, Mount
from asgi_routing import Route as PlainRoute
from asgi_routing import Router as PlainRouter
from raw_asgi import body_messages, http_scope, run, websocket_scope
from steps import finish, steps

SMALLEST = 60
MOST_GROWTH = 2.3
"""For twice the input: a bounded table of what recurs may be full at some size. What is quadratic comes near 4."""

Build = Callable[[int], Callable[[], object]]
CASES: dict[str, Build] = {}


def texts(target: str, *pieces: str) -> Callable[[Callable[[str], object]], Callable[[str], object]]:
    """Cases: a function of a text, for each piece repeated n times; `[`, `]` before and behind what is not repeated."""

    def register(function: Callable[[str], object]) -> Callable[[str], object]:
        for piece in pieces:
            begin, middle, end = piece.split("~") if "~" in piece else ("", piece, "")
            CASES[f"{target} {piece!r}"] = lambda n, b=begin, m=middle, e=end: lambda: function(b + m * n + e)
        return function

    return register


def case(name: str) -> Callable[[Build], Build]:
    """A case of its own: a function that prepares for n and returns the call to count."""

    def register(build: Build) -> Build:
        CASES[name] = build
        return build

    return register


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"a" * 600})


async def reading(scope: Any, receive: Any, send: Any) -> None:
    await Request(scope, receive).body()
    await nothing(scope, receive, send)


async def failing(scope: Any, receive: Any, send: Any) -> None:
    text = bytes(scope["headers"][0][1]).decode("latin-1")
    raise ValueError(text)


def call(app: Any, scope: dict[str, Any], chunks: Iterable[bytes] = ()) -> Any:
    """One call of an application; the body's last chunk says that it is the last."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request"})
    script = iter(messages)

    async def receive() -> Any:
        return next(script, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        pass

    return finish(app(scope, receive, send))


async def _serve(app: Any, scope: dict[str, Any]) -> None:
    """One call of an application that needs an event loop, without a body."""
    await run(app, scope, body_messages(b""))


def body_of(read: Callable[[Request[Any]], Awaitable[object]], kind: str, chunks: list[bytes]) -> object:
    scope = http_scope("POST", headers=[(b"content-type", kind.encode())])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await read(Request(scope, receive))

    return call(app, scope, chunks)


def headers(name: str, text: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), text.encode("latin-1"))]


URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"


# Negotiation


@texts("Accept", "a/b,", ",", ";", "a/b;c=d,", ";q=1", "a", '"', '"~\\"~', 'a/b;c="~,~",text/html', "*/*;q=0.1,")
def _accept(text: str) -> object:
    long = " " * 300 + text  # what is shorter is remembered
    return negotiate(http_scope(headers=headers("accept", long)), ["application/json", "text/html"], default=None)


@texts("Accept-Language", "de,", "de-CH,", "-de", "de~-ab~", "a-", "*,", "de;q=0,", ";", "*;q=0,~a,~*")
def _accept_language(text: str) -> object:
    long = " " * 300 + text
    return negotiate_language(http_scope(headers=headers("accept-language", long)), ["en", "de-CH"])


@texts("Cache-Control", "max-age=1,", ",", "a=b,", 'a="~,~"', '"', "=", "no-cache~ ~", 'private="~a,~"', "max-age=~9~")
def _cache_control(text: str) -> object:
    return str(CacheControl.parse(text))


@texts("structured field", "a,", "a;b=1,", "(a b),", ":YQ==:,", '"', "(", ";", "@1,", "1.1,", '"~\\"~"', "b=1,")
def _structured(text: str) -> object:
    fields = MutableHeaders(raw=headers("a", text))
    return [fields.structured("a", kind) for kind in ("item", "list", "dictionary")]


# Queries, forms, JSON and other bodies


@texts("query", "a=b&", "&", "=", "%41", "%", "+", "a=%F0%9F%98%80&", "a=b;", "%zz=")
def _query(text: str) -> object:
    return QueryParams(text).multi_items()


@texts("urlencoded form", "~a=b&~", "~&~", "~a=~b", "~a=%41&~", "~%~", "~+~=")
def _urlencoded(text: str) -> object:
    return body_of(lambda request: request.form(max_fields=10**6), URLENCODED, [text.encode()])  # type: ignore[arg-type]


@texts("urlencoded form, byte for byte", "a=b&", "%41", "a")
def _urlencoded_bytes(text: str) -> object:
    chunks = [bytes([byte]) for byte in text.encode()]
    return body_of(lambda request: request.form(max_fields=10**6), URLENCODED, chunks)  # type: ignore[arg-type]


PART = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n'
FILE = '--b\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nvalue\r\n'


@texts(
    "multipart form",
    f"~{PART}~--b--\r\n",
    f"~{FILE}~--b--\r\n",
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n~\r\n--a~\r\n--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="~a~"\r\n\r\nv\r\n--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="a"; ~x="y"; ~z=1\r\n\r\nv\r\n--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n~\r~\r\n--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n~-~\r\n--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="~\\\\~"\r\n\r\nv\r\n--b--\r\n',
)
def _multipart(text: str) -> object:
    return _quietly(lambda: body_of(_form, MULTIPART, [text.encode()]))


@case("multipart form, byte for byte")
def _multipart_bytes(n: int) -> Callable[[], object]:
    chunks = [bytes([byte]) for byte in f"{PART * (n // 15)}--b--\r\n".encode()]
    return lambda: body_of(_form, MULTIPART, chunks)


@case("multipart parts, streamed in small chunks")
def _streamed_parts(n: int) -> Callable[[], object]:
    content = "\r\n--a\r" * (n // 4)
    text = f"{PART * (n // 40)}{FILE.replace('value', content)}--b--\r\n".encode()
    chunks = [text[i : i + 7] for i in range(0, len(text), 7)]
    return lambda: body_of(_parts, MULTIPART, chunks)


async def _parts(request: Request[Any]) -> None:
    async for part in request.parts(limits=PartLimits(max_parts=10**6)):
        await part.read()


async def _form(request: Request[Any]) -> None:
    for _, value in (await request.form(max_fields=10**6, max_files=10**6)).multi_items():
        if isinstance(value, UploadFile):
            value.file.close()


def _quietly(read: Callable[[], object]) -> object:
    """Read a text that may be refused as malformed: only the time that it takes counts."""
    try:
        return read()
    except (ValueError, HTTPException, MalformedRangeHeader, RangeNotSatisfiable, RecursionError) as exc:
        return exc


@texts("json", "~[~", "[~1,~1]", '"~\\u0041~"', "~9~", '{~"a":1,~"b":2}', "~ ~1")
def _json(text: str) -> object:
    return _quietly(lambda: body_of(lambda request: request.json(), "application/json", [text.encode()]))


@case("body of one-byte chunks")
def _chunks(n: int) -> Callable[[], object]:
    return lambda: body_of(lambda request: request.body(), "text/plain", [b"a"] * n)


@case("body of empty chunks")
def _empty_chunks(n: int) -> Callable[[], object]:
    return lambda: body_of(lambda request: request.body(), "text/plain", [b""] * n)


@case("stream of one-byte chunks")
def _stream(n: int) -> Callable[[], object]:
    async def read(request: Request[Any]) -> None:
        async for _ in request.stream():
            pass

    return lambda: body_of(read, "text/plain", [b"a"] * n)


async def _read_lines(request: Request[Any]) -> None:
    async for _ in request.json_lines(max_line=10**6):
        pass


@texts("json lines", "1\n", "\n", " \r\n", '"~a~"', "~ ~1")
def _json_lines(text: str) -> object:
    return _quietly(lambda: body_of(_read_lines, "application/jsonl", [text.encode()]))


@case("json line of one-byte chunks")
def _json_line_chunks(n: int) -> Callable[[], object]:
    return lambda: body_of(_read_lines, "application/jsonl", [b" "] * n)


@case("limited body of one-byte chunks")
def _limited(n: int) -> Callable[[], object]:
    app = RequestBodyLimitMiddleware(reading, 10**6)
    return lambda: call(app, http_scope("POST"), [b"a"] * n)


@case("CSRF token in a form of one-byte chunks")
def _csrf(n: int) -> Callable[[], object]:
    app = CSRFMiddleware(reading, secret_key="s" * 32)
    scope = http_scope("POST", headers=[(b"content-type", URLENCODED.encode()), (b"cookie", b"__Host-csrf=a")])
    return lambda: call(app, dict(scope), [b"a=b&"] * n)


# Headers of requests


@texts("cookies", "a=b; ", ";", "=", '"', 'a="\\101"; ', "a=b;a=c;", " ", ",")
def _cookies(text: str) -> object:
    return cookie_parser(text)


@texts("range", "bytes=~0-0,~", "bytes=~ ~", "bytes=~-~", "bytes=~,~", "bytes=0-~9~", "bytes=~\t~-1")
def _range(text: str) -> object:
    return _quietly(lambda: parse_range_header(text, 1000))


@texts("etags", 'W/~"a",~', "~,~", '~"~', "~W/~", '~ "a" ,~"e"')
def _etags(text: str) -> object:
    scope = http_scope(headers=[*headers("if-none-match", text), *headers("if-modified-since", text)])
    return evaluate_preconditions(scope, etag='"e"', last_modified=1e9)


@case("repeated conditions")
def _conditions(n: int) -> Callable[[], object]:
    lines = [(b"if-none-match", b'"a"'), (b"range", b"bytes=0-1"), (b"if-match", b'"b"')] * n
    return lambda: evaluate_preconditions(http_scope(headers=lines), etag='"e"')


@case("one look-up for each header")
def _look_ups(n: int) -> Callable[[], object]:
    lines = [(b"x-%d" % i, b"a") for i in range(n)]

    def read() -> object:
        found = Request(http_scope(headers=lines)).headers
        return [found[name] for name in found]

    return read


@case("dict of headers")
def _dict_of_headers(n: int) -> Callable[[], object]:
    lines = [(b"x-%d" % i, b"a") for i in range(n)]
    return lambda: dict(Request(http_scope(headers=lines)).headers)


@case("repeated header")
def _repeated(n: int) -> Callable[[], object]:
    found = Request(http_scope(headers=[(b"x-a", b"a")] * n)).headers
    return lambda: [found.getlist("x-a"), found.items(), "x-b" in found]


@texts(
    "media type", "text/plain~;~", "text/plain~; charset=a~", "text/plain; charset=~ ~", "multipart/form-data; ~a=b;~"
)
def _media_type(text: str) -> object:
    return _quietly(lambda: body_of(lambda request: request.form(), text, [b""]))  # type: ignore[arg-type]


@texts("url of Host", "~a~", "~a.~", "~:~", "[~:~]", "~[~", "a:~0~80", "[v1.~a~]", "~%~")
def _url(text: str) -> object:
    return str(Request(http_scope(headers=headers("host", text))).url)


@texts("url", "https://~a~", "/~/~", "/?~a=b&~", "https://~a@~b", "https://h/#~x~", "https://h:~1~", "/~ü~")
def _parsed_url(text: str) -> object:
    url = URL(text)
    return _quietly(lambda: [url.hostname, url.path, str(url.include_query_params(a=1)), str(url.replace(path="/p"))])


@texts("path in a url", "/~%~", "/~ü~", "/~ ~", "/~//~", "/~\x00~", "/~?~")
def _path_in_url(text: str) -> object:
    connection = HTTPConnection(http_scope(path=text, raw_path=None))
    return [str(connection.url), str(connection.base_url)]


# Routing


ROUTES = PlainRouter(
    [
        Host("{sub}.example.org", PlainRouter([PlainRoute("/x", nothing)])),
        PlainRoute("/users/{id:int}", nothing),
        PlainRoute("/price/{x:float}", nothing),
        PlainRoute("/uuid/{x:uuid}", nothing),
        PlainRoute("/f/{name}.{ext}", nothing),
        PlainRoute("/g/{a}-{b}-{c}", nothing),
        PlainRoute("/j/{a}-{b}.json", nothing),
        PlainRoute("/i/{a:int}.{b:int}", nothing),
        PlainRoute("/p/{a:path}/edit/{b:path}/x", nothing),
        Mount("/m/{tenant}", PlainRouter([PlainRoute("/{a}/{b}", nothing)])),
        PlainRoute("/all/{rest:path}", nothing),
    ]
)


@texts(
    "route",
    *(
        "/users/~1~",
        "/users/~1~x",
        "/price/~1~",
        "/price/~1.~",
        "/uuid/~a~",
        "/uuid/~-~",
        "/f/~.~/",
        "/f/~.~",
        "/g/~-~",
    ),
    *("/g/~-~/", "/j/~-~", "/i/~1.~", "/i/~1~", "/p/~/edit/~", "/p/~/edit~/x", "/m/~a~/b", "/m/a~/~", "/all/~/~"),
    *("~/~", "~/a~", "/~%~", "/~\n~", "/users~/~"),
)
def _route(text: str) -> object:
    return call(ROUTES, http_scope(path=text))


@texts("host of a route", "~a~.example.org", "~a.~example.org", "~.~", "a.example.org:~0~", "[~:~]")
def _host_route(text: str) -> object:
    return call(ROUTES, http_scope(path="/x", headers=headers("host", text)))


@texts("reverse", "~a~", "~/~", "~%~", "~ ~")
def _reverse(text: str) -> object:
    router = PlainRouter([PlainRoute("/{a:path}", nothing, name="a")])
    return str(router.url_path_for("a", a=text).make_absolute_url("http://example.org"))


# Responses


@texts("set-cookie", "~a~", '~"~', "~;~", "~ü~", "~\\~")
def _set_cookie(text: str) -> object:
    return _quietly(lambda: Response().set_cookie("a", text, path="/", domain="example.org"))


@texts("location", "/~a~", "/~%~", "/~ ~", "/~\n~", "/~ü~", "~/~")
def _location(text: str) -> object:
    return RedirectResponse(text).raw_headers


@texts("file name", "~a~", "~../~", "~.~", "~ ~", "~\x00~", "~con.~", "~\ud800~")
def _file_name(text: str) -> object:
    return UploadFile(io.BytesIO(), filename=text).safe_filename


@case("headers set one by one")
def _set_headers(n: int) -> Callable[[], object]:
    def write() -> object:
        response = PlainTextResponse("", headers={f"x-{i}": "a" for i in range(n)})
        for _ in range(n):
            response.headers.append("set-cookie", "a=b")
        return MutableHeaders(raw=response.raw_headers).items()

    return write


@case("stream of a response")
def _streamed(n: int) -> Callable[[], object]:
    async def chunks() -> Any:
        for _ in range(n):
            yield b"a"

    return lambda: asyncio.run(_serve(StreamingResponse(chunks()), http_scope()))


@case("mappings")
def _mappings(n: int) -> Callable[[], object]:
    pairs = [(f"a{i % 7}", str(i)) for i in range(n)]

    def use() -> object:
        many = MultiDict(pairs)
        same = FormData(pairs) == FormData(reversed(pairs))  # type: ignore[arg-type]
        return [many.getlist("a1"), many.poplist("a2"), many.multi_items(), same, str(QueryParams(pairs))]

    return use


@texts("comma separated", "a,", '"', '"a",', "\\", " ")
def _commas(text: str) -> object:
    return _quietly(lambda: list(CommaSeparatedStrings(text)))


@case("file of settings")
def _settings(n: int) -> Callable[[], object]:
    def read() -> object:
        with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
            file.write("".join(f"A{i}='b' # c\n" for i in range(n)))
            file.flush()
            return Config(file.name, environ={})

    return read


# WebSockets


@texts("message", "~[~", '["~a~"]', "~9~", '["~\\ud800~"]')
def _message(text: str) -> object:
    async def receive() -> Any:
        return {"type": "websocket.receive", "text": text}

    async def send(message: Any) -> None:
        pass

    async def read() -> object:
        websocket = WebSocket(websocket_scope(), _connected(receive), send)
        await websocket.accept()
        return await websocket.receive_json()

    return _quietly(lambda: finish(read()))


def _connected(receive: Any) -> Any:
    first = iter([{"type": "websocket.connect"}])

    async def receiving() -> Any:
        return next(first, None) or await receive()

    return receiving


@case("messages of a WebSocket")
def _messages(n: int) -> Callable[[], object]:
    script = iter([{"type": "websocket.receive", "text": "a"}] * n)

    async def receive() -> Any:
        return next(script, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Any) -> None:
        pass

    async def read() -> None:
        websocket = WebSocket(websocket_scope(), _connected(receive), send)
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    return lambda: finish(read())


# Middleware


def middleware(name: str, app: Any, header: str, *pieces: str, **scope: Any) -> None:
    """Cases: a middleware that reads one header of the request."""

    @texts(name, *pieces)
    def run(text: str) -> object:
        more = scope.get("headers", [])
        return call(app, http_scope(**{**scope, "headers": [*headers(header, text), *more]}))


ORIGIN = (b"origin", b"https://a.example")
PREFLIGHT = {"method": "OPTIONS", "headers": [ORIGIN, (b"access-control-request-method", b"GET")]}
CORS = CORSMiddleware(nothing, ["https://a.example", "https://*.b.example"], ["*"], ["*"], allow_credentials=True)
middleware("Accept-Encoding", GZipMiddleware(nothing), "accept-encoding", "gzip,", ";;", " ", "a;q=1,", "gzip;q=0.~0~")
middleware("ETag behind gzip", GZipMiddleware(nothing), "if-none-match", '"a",', "W/", headers=headers("a", "b"))
middleware("Origin", CORS, "origin", "https://~a~", "https://~a.~b.example", "~:~", "https://~a,~")
middleware("requested headers", CORS, "access-control-request-headers", "x-a,", ",", " ", "x-a~ ~,b", **PREFLIGHT)
HOSTS = TrustedHostMiddleware(nothing, ["a.example", "*.b.example", "10.0.0.0/8"])
middleware("trusted host", HOSTS, "host", "a", "a.", "~a.~b.example", ":", "[~:~]", "10.0.0.1:~0~", "~.~b.example")
middleware("redirect to https", HTTPSRedirectMiddleware(nothing), "host", "a", "~a.~b", ":", "[~:~]", "a:~0~")
SESSIONS = SessionMiddleware(lambda scope, receive, send: _use_session(scope, receive, send), "secret" * 8)
middleware("session cookie", SESSIONS, "cookie", "session=~a~", "session=~.~", "~session=a; ~", "session=~=~", "~;~")
FORWARDED = ProxyHeadersMiddleware(nothing, trusted=["127.0.0.1", "10.0.0.0/8"])


def forwarded(scope: Any, receive: Any, send: Any) -> Any:
    FORWARDED._chain.cache_clear()  # a chain that was seen before is not read again
    return FORWARDED(scope, receive, send)


middleware("X-Forwarded-For", forwarded, "x-forwarded-for", "10.0.0.1,", ",", " ", "[", "~10.0.0.1, ~1.2.3.4")
FORWARDED_7239 = ProxyHeadersMiddleware(nothing, trusted=["127.0.0.1", "10.0.0.0/8"], family="forwarded")
middleware("Forwarded", FORWARDED_7239, "forwarded", "for=10.0.0.1,", ";", '"', '\\"', 'for="[::1]";', "for=~a~")
middleware("request id", RequestIDMiddleware(nothing), "x-request-id", "a", "-", " ")
middleware(
    "debug page", ServerErrorMiddleware(failing, debug=True), "x-text", "token=", "://a:", "<", "'", "password: a "
)
middleware(
    "Accept of an error", ServerErrorMiddleware(failing, debug=True), "accept", "text/html;q=0.1,", ";", ",", " "
)
TELEMETRY = OpenTelemetryMiddleware(nothing)
middleware("user agent in telemetry", TELEMETRY, "user-agent", "a", " ", "/")
middleware("host in telemetry", TELEMETRY, "host", "a.", ":", "[~:~]")


async def _use_session(scope: Any, receive: Any, send: Any) -> None:
    scope["session"]["a"] = 1
    await nothing(scope, receive, send)


@texts("query in telemetry", "sig=a&", "&", "sig=", "=")
def _telemetry_query(text: str) -> object:
    return call(TELEMETRY, http_scope(query=text.encode()))


@texts("redirect to https, path", "/~%~", "/~ü~", "/~/~", "@~a~", "/~\n~")
def _https_path(text: str) -> object:
    return call(HTTPSRedirectMiddleware(nothing), http_scope(path=text, raw_path=None, headers=headers("host", "a")))


@case("gzipped stream")
def _gzipped(n: int) -> Callable[[], object]:
    async def chunks() -> Any:
        for _ in range(n):
            yield b"abc" * 10

    app = GZipMiddleware(StreamingResponse(chunks(), media_type="text/plain"))
    return lambda: asyncio.run(_serve(app, http_scope(headers=headers("accept-encoding", "gzip"))))


@case("response headers behind five middlewares")
def _many_headers(n: int) -> Callable[[], object]:
    lines = [(b"x-%d" % i, b"a") for i in range(n)] + [(b"vary", b"a, b")] * n

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": b"a" * 600})

    @around_http
    def tagging(scope: Any) -> Any:
        start = yield
        start.headers["x-a"] = "b"
        start.headers.add_vary("c")
        yield

    stack = CORSMiddleware(GZipMiddleware(SessionMiddleware(tagging(app), "s" * 32)), ["*"], allow_credentials=True)
    return lambda: call(stack, http_scope(headers=[ORIGIN, (b"accept-encoding", b"gzip")]))


class _Nobody(AuthenticationBackend):
    async def authenticate(self, conn: Any) -> None:
        return None


@texts("requires, path", "/~a~", "/~/~", "/~%~", "/~ü~")
def _requires(text: str) -> object:
    @requires("authenticated", redirect="login")
    async def home(request: Any) -> Any:
        return PlainTextResponse("home")

    anyone = Middleware(AuthenticationMiddleware, backend=_Nobody())
    app = App(routes=[Route("/login", home, name="login"), Route("/{p:path}", home)], middleware=[anyone])
    return _quietly(lambda: call(app, http_scope(path=text)))


@case("chained exceptions on the debug page")
def _chain(n: int) -> Callable[[], object]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        error: Exception = ValueError("a")
        for _ in range(n):
            outer = ValueError("b")
            outer.__cause__ = error
            error = outer
        raise error

    debug = ServerErrorMiddleware(app, debug=True)
    return lambda: _quietly(lambda: call(debug, http_scope(headers=headers("accept", "text/html"))))


@pytest.mark.parametrize("name", CASES, ids=ascii)
def test_twice_the_input_takes_no_more_than_twice_the_instructions(name: str) -> None:
    build = CASES[name]
    _quietly(build(SMALLEST))  # what is imported or remembered at the first call
    counts = [steps(lambda call=build(SMALLEST * 2**i): _quietly(call)) for i in range(4)]
    assert all(now <= before * MOST_GROWTH for before, now in pairwise(counts)), counts


def test_a_quadratic_loop_is_known() -> None:
    def quadratic(n: int) -> object:
        return [j for i in range(n) for j in range(i)]

    counts = [steps(lambda n=SMALLEST * 2**i: quadratic(n)) for i in range(4)]
    assert counts[-1] > counts[-2] * MOST_GROWTH


def test_there_are_many_inputs() -> None:
    assert len(CASES) >= 80
    assert len({re.split(r"['\"]", name)[0] for name in CASES}) >= 40
