"""One scope around other frameworks: their routes name our spans, our sessions are read in them, cookies do not collide."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import pytest

from asgi_middleware.authentication import AuthCredentials, AuthenticationMiddleware, SimpleUser
from asgi_middleware.sessions import SessionMiddleware, SessionWarning
from raw_asgi import Reply, body_messages, http_scope, run

pytest.importorskip("itsdangerous")


async def get(app: Any, path: str = "/", cookie: bytes = b"", **scope: Any) -> Reply:
    headers = [(b"host", b"testserver"), *([(b"cookie", cookie)] if cookie else [])]
    disconnect = {"type": "http.disconnect"}
    return await run(app, http_scope("GET", path, headers=headers, **scope), [*body_messages(b""), disconnect])


def cookies(reply: Reply) -> bytes:
    """The Cookie header of a browser that keeps the last cookie of each name."""
    pairs = [value.split(";")[0].partition("=") for value in reply.all("set-cookie")]
    return "; ".join(f"{name}={value}" for name, (_, _, value) in {pair[0]: pair for pair in pairs}.items()).encode()


@pytest.fixture
def quart() -> Any:
    """A Quart application with a session of its own, that counts in it and in ours."""
    module = pytest.importorskip("quart")
    app = module.Quart("shop")
    app.secret_key = "quart's own"

    @app.get("/")
    async def count() -> str:
        ours = module.request.scope["session"]
        ours["n"] = ours.get("n", 0) + 1
        module.session["n"] = module.session.get("n", 0) + 1
        return f"{ours['n']} {module.session['n']}"

    return app


async def test_two_sessions_with_one_cookie_name_are_warned_of(quart: Any) -> None:
    app = SessionMiddleware(quart.asgi_app, "secret")
    with pytest.warns(SessionWarning, match="also sets a cookie named 'session'"):
        await get(app)


async def test_two_sessions_with_two_names_are_two_sessions(quart: Any) -> None:
    app = SessionMiddleware(quart.asgi_app, "secret", session_cookie="ours")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SessionWarning)
        reply = await get(app)
        for n in (2, 3):
            reply = await get(app, cookie=cookies(reply))
            assert reply.text == f"{n} {n}"


@pytest.mark.parametrize("name", ["starlette", "fastapi", "litestar"])
async def test_a_session_and_a_user_are_read_by_the_request_of_another_framework(name: str) -> None:
    app = SITES[name]()

    class Backend:
        async def authenticate(self, conn: Any) -> Any:
            return AuthCredentials(["read"]), SimpleUser("ada")

    wrapped = SessionMiddleware(AuthenticationMiddleware(app, Backend()), "secret")
    reply = await get(wrapped, "/who")
    assert reply.text.strip('"') == "ada {'n': 1}"
    assert cookies(reply).startswith(b"session=")
    assert reply.header("vary") == "Cookie"


async def test_a_c_encoder_sees_the_session_of_a_request() -> None:
    msgspec = pytest.importorskip("msgspec")
    module = pytest.importorskip("asgi_framework")
    first = SessionMiddleware(writing, "secret")

    def endpoint(request: Any) -> Any:
        return module.Response(msgspec.json.encode(request.session), media_type="application/json")

    app = SessionMiddleware(module.App(routes=[module.Route("/", endpoint)]), "secret")
    assert (await get(app, cookie=cookies(await get(first)))).text == '{"n":1}'


async def writing(scope: Any, receive: Any, send: Any) -> None:
    scope["session"]["n"] = 1
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def starlette() -> Any:
    routing = pytest.importorskip("starlette.routing")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse

    async def item(request: Any) -> Any:
        return PlainTextResponse("item")

    async def who(request: Any) -> Any:
        request.session["n"] = 1
        return PlainTextResponse(f"{request.user.display_name} {dict(request.session)}")

    items = [routing.Route("/items/{id:int}", item)]
    return Starlette(
        routes=[
            routing.Route("/who", who),
            *items,
            routing.Mount("/v2", routes=items),
            routing.Mount("/t/{tenant}", routes=[routing.Mount("/v1", routes=items)]),
            routing.Mount("/raw", app=PlainTextResponse("raw")),
        ]
    )


def fastapi() -> Any:
    module = pytest.importorskip("fastapi")
    app, inner = module.FastAPI(), module.FastAPI()

    async def item(id: int) -> dict[str, Any]:
        return {}

    async def who(request: module.Request) -> str:
        request.session["n"] = 1
        return f"{request.user.display_name} {dict(request.session)}"

    who.__annotations__["request"] = module.Request
    item.__annotations__["id"] = int
    app.get("/who")(who)
    for each in (app, inner):
        each.get("/items/{id}")(item)
    app.mount("/v2", inner)
    tenants = module.FastAPI()
    tenants.mount("/v1", inner)
    app.mount("/t/{tenant}", tenants)
    return app


def litestar() -> Any:
    module = pytest.importorskip("litestar")

    async def item(request: Any) -> str:
        return "item"

    async def who(request: Any) -> str:
        request.scope["session"]["n"] = 1
        return f"{request.scope['user'].display_name} {dict(request.scope['session'])}"

    for function in (item, who):
        function.__annotations__.update({"request": module.Request, "return": str})
    return module.Litestar([module.get("/items/{id:int}")(item), module.get("/who")(who)])


def ours() -> Any:
    module = import_module("asgi_framework")

    async def item(request: Any) -> Any:
        return module.PlainTextResponse("item")

    items = [module.Route("/items/{id:int}", item)]
    return module.App(
        routes=[
            *items,
            module.Mount("/v2", routes=items),
            module.Mount("/t/{tenant}", routes=[module.Mount("/v1", routes=items)]),
            module.Mount("/raw", app=module.PlainTextResponse("raw")),
        ]
    )


SITES = {"starlette": starlette, "fastapi": fastapi, "litestar": litestar, "ours": ours}
TEMPLATES = [
    ("/items/1", "/items/{id}", ("starlette", "fastapi", "litestar", "ours")),
    ("/v2/items/1", "/v2/items/{id}", ("starlette", "fastapi", "ours")),
    ("/t/acme/v1/items/1", "/t/{tenant}/v1/items/{id}", ("starlette", "fastapi", "ours")),
    ("/raw/x", "/raw", ("starlette", "ours")),
    ("/v2/missing", "/v2", ("starlette", "ours")),
]


@pytest.mark.parametrize(
    ("name", "path", "template"),
    [(name, path, template) for path, template, names in TEMPLATES for name in names],
)
@pytest.mark.parametrize("root_path", ["", "/srv"])
async def test_a_span_is_named_by_the_whole_template(name: str, path: str, template: str, root_path: str) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from asgi_middleware.opentelemetry import OpenTelemetryMiddleware

    exporter, tracers = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    app = OpenTelemetryMiddleware(SITES[name](), tracer_provider=tracers)
    path = path if name == "litestar" else root_path + path  # it takes the path without the root
    await get(app, path, root_path=root_path)
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["http.route"] == root_path + template
    assert span.name == f"GET {root_path}{template}"
