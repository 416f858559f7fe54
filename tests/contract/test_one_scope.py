"""One scope for everybody: what routing, sessions and authentication write is read outside, in every arrangement."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asgi_framework import (
    App,
    BackgroundTask,
    BaseHTTPMiddleware,
    JSONResponse,
    Mount,
    PlainTextResponse,
    Request,
    Route,
)
from asgi_middleware import Middleware
from asgi_middleware.around import Stack, When, around_http
from asgi_middleware.authentication import AuthCredentials, AuthenticationMiddleware, SimpleUser
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.gzip import GZipMiddleware
from asgi_middleware.opentelemetry import OpenTelemetryMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_routing import Host, Router
from raw_asgi import Reply, body_messages, http_scope, request, run

pytest.importorskip("itsdangerous")


async def item(request: Request) -> JSONResponse:
    request.session["user"] = "ada"
    request.state.seen = 1
    return JSONResponse(request.path_params)


async def broken(request: Request) -> PlainTextResponse:
    request.session["user"] = "ada"
    request.state.seen = 1
    await request.body()
    raise ValueError("no")


class Backend:
    async def authenticate(self, conn: Any) -> Any:
        return AuthCredentials(["read"]), SimpleUser("ada")


@around_http
async def passing(scope: Any) -> Any:
    yield
    yield


@around_http
def passing_plainly(scope: Any) -> Any:
    yield
    yield


async def dispatch(request: Any, call_next: Any) -> Any:
    return await call_next(request)


SESSIONS = Middleware(SessionMiddleware, "secret")
AUTHENTICATION = Middleware(AuthenticationMiddleware, Backend())
BETWEEN: dict[str, list[Any]] = {
    "nothing": [],
    "around_http": [Middleware(passing)],
    "plain around_http": [Middleware(passing_plainly)],
    "when": [Middleware(When(lambda scope: True, passing))],
    "stack": [Middleware(Stack(passing, passing_plainly))],
    "cors": [Middleware(CORSMiddleware, ["*"])],
    "gzip": [Middleware(GZipMiddleware, minimum_size=1)],
    "limit": [Middleware(RequestBodyLimitMiddleware, 1000)],
    "telemetry": [Middleware(OpenTelemetryMiddleware)],
    "dispatch": [Middleware(BaseHTTPMiddleware, dispatch)],
}
ROUTES = [Route("/items/{id:int}", item, methods=["GET", "POST"]), Route("/broken/{id:int}", broken, methods=["POST"])]
MOUNTS: dict[str, tuple[list[Any], str, str]] = {
    "flat": (ROUTES, "", ""),
    "mount": ([Mount("/api", routes=ROUTES)], "/api", "/api"),
    "mounts": ([Mount("/t/{tenant}", routes=[Mount("/v1", routes=ROUTES)])], "/t/acme/v1", "/t/{tenant}/v1"),
    "host": ([Host("testserver", app=Router(ROUTES))], "", ""),
    "app": ([Mount("/sub", app=App(routes=ROUTES))], "/sub", "/sub"),
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize(("routes", "path", "template"), MOUNTS.values(), ids=MOUNTS)
async def test_metrics_by_route_see_the_template_the_user_and_the_session(
    between: list[Any], routes: list[Any], path: str, template: str
) -> None:
    seen: list[Any] = []

    @around_http
    async def metrics(scope: Any) -> Any:
        yield
        seen.append(read(scope))
        yield
        seen.append(read(scope))

    def read(scope: Any) -> Any:
        user, session = scope["user"].display_name, dict(scope["session"])
        return scope["route"].path_format, scope["path_params"]["id"], user, session, scope["state"]["seen"]

    app = App(routes=routes, middleware=[Middleware(metrics), *between, SESSIONS, AUTHENTICATION])
    scope = http_scope("GET", f"{path}/items/1", headers=[(b"host", b"testserver")])
    del scope["state"]  # as httpx.ASGITransport and daphne
    reply = await run(app, scope, [{"type": "http.request", "body": b"", "more_body": False}])
    assert reply.status == 200
    assert seen == [(f"{template}/items/{{id}}", 1, "ada", {"user": "ada"}, 1)] * 2
    assert read(scope) == seen[0]


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize(("routes", "path", "template"), list(MOUNTS.values())[:4], ids=list(MOUNTS)[:4])
async def test_the_handler_of_exception_reads_everything_and_the_body(
    between: list[Any], routes: list[Any], path: str, template: str
) -> None:
    def handler(request: Request, exc: Exception) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            body = await request.body()
            page = {
                "route": request.scope["route"].path_format,
                "user": request.user.display_name,
                "session": request.session,
                "state": request.state.seen,
                "body": body.decode(),
                "error": str(exc),
            }
            await JSONResponse(page, 500)(scope, receive, send)

        return answer

    app = App(routes=routes, middleware=[*between, SESSIONS, AUTHENTICATION], exception_handlers={Exception: handler})
    reply = Reply()
    scope = http_scope("POST", f"{path}/broken/1", headers=[(b"host", b"testserver")])
    with pytest.raises(ValueError, match="no"):
        await run(app, scope, body_messages(b"sent"), reply=reply)
    assert json.loads(reply.body) == {
        "route": f"{template}/broken/{{id}}",
        "user": "ada",
        "session": {"user": "ada"},
        "state": 1,
        "body": "sent",
        "error": "no",
    }


@pytest.mark.parametrize("first", ["sessions", "mount", "none"])
async def test_two_applications_may_be_tried_in_turn_with_one_scope(first: str) -> None:
    """A router that matches nothing leaves the scope as it found it, and each application keeps its own session."""

    class Missing(Exception):
        pass

    async def missing(scope: Any, receive: Any, send: Any) -> None:
        raise Missing

    router: Any = Router([Mount("/t", app=Router([], default=missing))], default=missing)
    one = {"sessions": SessionMiddleware(router, "secret"), "mount": router, "none": missing}[first]
    two = App(routes=[Mount("/t", routes=ROUTES)], middleware=[SESSIONS])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await one(scope, receive, send)
        except Missing:
            await two(scope, receive, send)

    reply = await request(app, path="/t/items/1")
    assert (reply.status, reply.text) == (200, '{"id":1}')
    assert (reply.header("set-cookie") or "").startswith("session=")


async def test_telemetry_among_the_middleware_of_an_application_records_unhandled_errors_and_ends_in_time() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, tracers = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    ended: list[int] = []

    async def later() -> None:
        ended.append(len(exporter.get_finished_spans()))

    async def endpoint(request: Request) -> PlainTextResponse:
        if request.path_params["id"]:
            raise ValueError("no")
        return PlainTextResponse("yes", background=BackgroundTask(later))

    app = App(
        routes=[Route("/items/{id:int}", endpoint)],
        middleware=[Middleware(OpenTelemetryMiddleware, tracer_provider=tracers)],
    )
    reply = Reply()
    with pytest.raises(ValueError, match="no"):
        await run(app, http_scope("GET", "/items/1"), body_messages(b""), reply=reply)
    await request(app, path="/items/0")
    failed, answered = exporter.get_finished_spans()
    assert (reply.status, dict(failed.attributes or {})["http.response.status_code"]) == (500, 500)
    assert (dict(failed.attributes or {})["error.type"], failed.name) == ("ValueError", "GET /items/{id}")
    assert dict(answered.attributes or {})["http.response.status_code"] == 200
    assert ended == [2]


class Log:
    """A middleware that reads the body before its application does, as those that sign or log requests do."""

    def __init__(self, app: Any, how: str) -> None:
        self.app = app
        self.how = how

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            outer = Request(scope, receive)
            await (outer.body() if self.how == "body" else outer.is_disconnected())
        await self.app(scope, receive, send)


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.mark.parametrize("how", ["body", "is_disconnected"])
@pytest.mark.parametrize("size", [10, 3000])
@pytest.mark.parametrize("pieces", [1, 10])
@pytest.mark.parametrize(
    "limited",
    [
        lambda how: App(
            routes=[Route("/", length, methods=["POST"], max_body_size=10)], middleware=[Middleware(Log, how)]
        ),
        lambda how: App(
            routes=[Mount("/", routes=[Route("/", length, methods=["POST"])], max_body_size=10)],
            middleware=[Middleware(Log, how)],
        ),
        lambda how: Log(App(routes=[Route("/", length, methods=["POST"])], max_body_size=10), how),
        lambda how: Log(RequestBodyLimitMiddleware(App(routes=[Route("/", length, methods=["POST"])]), 10), how),
        lambda how: App(
            routes=[Route("/", length, methods=["POST"], max_body_size=10)],
            middleware=[Middleware(Log, how)],
            max_body_size=10_000,
        ),
        lambda how: App(
            routes=[Route("/", length, methods=["POST"], max_body_size=10)],
            middleware=[Middleware(Log, how), Middleware(BaseHTTPMiddleware, dispatch)],
        ),
    ],
    ids=["route", "mount", "app", "middleware", "both", "dispatch between"],
)
async def test_a_body_limit_holds_whoever_reads_first(how: str, size: int, pieces: int, limited: Any) -> None:
    """Without Content-Length, as a chunked body or one of HTTP/2."""
    chunks = [b"x" * (size // pieces)] * pieces
    reply = await request(limited(how), "POST", body=chunks)
    assert (reply.status, reply.text) == ((200, "10") if size == 10 else (413, "Content Too Large"))
