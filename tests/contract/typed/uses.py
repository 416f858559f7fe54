"""Any ASGI application, wherever one is taken: type checkers find nothing wrong here. This file is never run."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import falcon.asgi
from blacksheep import Application
from fastapi import FastAPI
from litestar import Litestar
from litestar.middleware import DefineMiddleware
from quart import Quart
from sanic import Sanic

import asgi_framework
import asgi_requests
import asgi_routing
import asgi_testclient
from asgi_framework import (
    App,
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationMiddleware,
    BaseHTTPMiddleware,
    BaseUser,
    CORSMiddleware,
    ExceptionMiddleware,
    GZipMiddleware,
    HTTPConnection,
    HTTPSRedirectMiddleware,
    JSONResponse,
    Middleware,
    Mount,
    PlainTextResponse,
    Request,
    RequestBodyLimitMiddleware,
    Response,
    Route,
    Router,
    ServerErrorMiddleware,
    SessionMiddleware,
    SimpleUser,
    Stack,
    TestClient,
    TrustedHostMiddleware,
    WebSocket,
    WebSocketRoute,
    When,
    around_http,
    negotiate,
    negotiate_language,
    requires,
)
from asgi_framework.types import ASGIApp, Message, Receive, Scope, Send
from asgi_middleware.around import Around, PlainAround


class DjangoHandler:
    """The signature that django-stubs gives django.core.handlers.asgi.ASGIHandler."""

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None: ...


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


def sync_home(request: Request) -> JSONResponse:
    return JSONResponse({})


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()


quart, fast, lite = Quart("q"), FastAPI(), Litestar()
django, falcons, black, fast_hedgehog = DjangoHandler(), falcon.asgi.App[Any, Any](), Application(), Sanic("s")

for wrapped in (
    CORSMiddleware(django),
    CORSMiddleware(quart.asgi_app),
    CORSMiddleware(quart),
    CORSMiddleware(fast),
    CORSMiddleware(lite),
    CORSMiddleware(falcons),
    CORSMiddleware(black),
    CORSMiddleware(fast_hedgehog),
    GZipMiddleware(django),
    SessionMiddleware(django, "secret"),
    TrustedHostMiddleware(falcons, ["example.org"]),
    HTTPSRedirectMiddleware(lite),
    RequestBodyLimitMiddleware(quart, 10),
    ServerErrorMiddleware(django),
    ExceptionMiddleware(lite),
    AuthenticationMiddleware(falcons, AuthenticationBackend()),
    BaseHTTPMiddleware(django),
):
    app: ASGIApp = wrapped

quart.asgi_app = CORSMiddleware(quart.asgi_app)  # type: ignore[method-assign]
fast.add_middleware(CORSMiddleware, allow_origins=["*"])
Litestar(middleware=[DefineMiddleware(CORSMiddleware, allow_origins=["*"])])

routes = [
    Mount("/django", django),
    Mount("/quart", app=quart),
    Mount("/fast", fast),
    Mount("/lite", lite),
    Mount("/falcon", falcons),
    asgi_routing.Mount("/django", django),
    asgi_routing.Mount("/falcon", falcons),
    asgi_routing.Host("example.org", lite),
    asgi_framework.Host("example.org", quart),
    Route("/", home),
    Route("/sync", sync_home),
    Route("/app", django),
    WebSocketRoute("/chat", chat),
]

for client in (TestClient(django), TestClient(quart), TestClient(lite), asgi_testclient.TestClient(falcons)):
    with client:
        print(client.get("/").status_code)


class Backend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        return AuthCredentials(["known"]), SimpleUser(conn.headers["x-user"])


class Structural:
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        return None


class Own:
    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            await send(message)

        await self.app(scope, receive, named)


def factory(app: ASGIApp, limit: int = 1) -> ASGIApp:
    return app


@around_http
async def timing(scope: Scope, *, header: str = "server-timing") -> Around:
    start = yield
    start.headers[header] = "1"
    yield


@around_http
def stamping(scope: Scope, value: str) -> PlainAround:
    start = yield
    start.headers["x-stamp"] = value


@around_http
async def maintenance(scope: Scope) -> Around:
    start = yield PlainTextResponse("closed", 503)
    start.headers["retry-after"] = "600"


async def on_conflict(request: Request, exc: KeyError) -> Response:
    return PlainTextResponse("conflict", 409)


def on_value(request: Request, exc: Exception) -> PlainTextResponse:
    return PlainTextResponse("value", 400)


async def on_websocket(websocket: WebSocket, exc: Exception) -> None:
    await websocket.close()


@contextlib.asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, int]]:
    yield {"pool": 1}


@requires("known", redirect="home")
async def private(request: Request) -> Response:
    return PlainTextResponse(str(request.user))


application = App(
    debug=True,
    routes=[*routes, Route("/private", private)],
    middleware=[
        Middleware(AuthenticationMiddleware, backend=Backend()),
        Middleware(AuthenticationMiddleware, Structural(), challenge="Basic"),
        Middleware(CORSMiddleware, allow_origins=["*"]),
        Middleware(SessionMiddleware, secret_key="secret"),
        Middleware(Own, name="x"),
        Middleware(factory, limit=2),
        Middleware(timing, header="x-timing"),
        Middleware(stamping, "1"),
        Middleware(When(lambda scope: True, Middleware(GZipMiddleware))),
        Middleware(Stack(Middleware(timing), CORSMiddleware)),
    ],
    exception_handlers={404: on_value, KeyError: on_conflict, Exception: on_value, 403: on_websocket},
    lifespan=lifespan,
    max_body_size=1_000,
    redirect_slashes=False,
    auto_options=True,
)
application.add_middleware(AuthenticationMiddleware, backend=Backend())
application.add_middleware(CORSMiddleware, allow_origins=["*"])
application.add_middleware(Own, name="x")
application.add_middleware(factory, 3)
application.add_middleware(timing, header="x")
application.add_exception_handler(KeyError, on_conflict)
application.mount("/lite", lite)
application.mount("/django", django)
application.host("example.org", falcons)
application.router.mount("/quart", quart)
Router(routes, default=django)
ServerErrorMiddleware(django, handler=on_value, debug=True)
ExceptionMiddleware(falcons, {KeyError: on_conflict})
asgi_requests.HTTPException(404)


@dataclasses.dataclass
class Order:
    title: str


def negotiated(request: Request, scope: Scope) -> Response:
    kind: Literal["text/html", "text/plain"] = negotiate(request, HTML_OR_TEXT)
    name: str = negotiate(scope, ["text/html"])
    respond: type[Response] = negotiate(request, {"text/html": Response})
    perhaps: str | None = negotiate_language(request, ["de", "en"], default=None)
    count: int = negotiate_language(scope, {"de": 1})
    return respond(f"{kind}{name}{perhaps}{count}").with_vary("Accept", "Accept-Language")


async def made_late() -> str:
    return "late"


HEADERS = asgi_framework.Headers()
priority: dict[str, tuple[Any, dict[str, Any]]] = HEADERS.structured("priority", "dictionary")
urgency: tuple[Any, dict[str, Any]] | None = HEADERS.structured("urgency", "item")
trailed: Response = PlainTextResponse("").with_trailers({"A": "b", "C": lambda: "d", "E": made_late})
PRIVATE = asgi_framework.CacheControl(private=["set-cookie"], max_age=datetime.timedelta(hours=1), s_maxage=5)
asgi_framework.StaticFiles(directory=".", cache_control={"*.html": PRIVATE, "*": "no-cache"})
asgi_framework.StaticFiles(directory=".", cache_control=asgi_framework.CacheControl.parse("no-cache"))

HTML_OR_TEXT: list[Literal["text/html", "text/plain"]] = ["text/html", "text/plain"]


async def typed(request: Request) -> Response:
    order: Order = await request.json(type=Order)
    orders: list[Order] = await request.json(type=list[Order])
    page: Order = request.query_params.as_type(Order)
    async with request.form(type=Order) as form:
        title: str = form.title
    form_again: Order = await request.form(type=Order, max_fields=3)
    plain: asgi_framework.FormData = await request.form(max_fields=3)
    raise asgi_framework.UnprocessableContent([{"detail": f"{order}{orders}{page}{title}{form_again}{plain}"}])
