"""starsessions: sessions in a store of the server."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starsessions import (
    CookieStore,
    InMemoryStore,
    SessionAutoloadMiddleware,
    SessionMiddleware,
    get_session_id,
    regenerate_session_id,
)


async def visit(request: Request) -> JSONResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse(request.session)


async def rotate(request: Request) -> JSONResponse:
    before = get_session_id(request)
    regenerate_session_id(request)
    return JSONResponse({"changed": before != get_session_id(request)})


async def leave(request: Request) -> JSONResponse:
    request.session.clear()
    return JSONResponse(request.session)


def client_of(store):
    middleware = [
        Middleware(SessionMiddleware, store=store, cookie_https_only=False),
        Middleware(SessionAutoloadMiddleware),
    ]
    routes = [Route("/", visit), Route("/rotate", rotate), Route("/leave", leave)]
    return TestClient(Starlette(routes=routes, middleware=middleware))


def test_sessions_live_on_the_server():
    store = InMemoryStore()
    client = client_of(store)
    assert client.get("/").json() == {"visits": 1}
    first = client.cookies["session"]
    assert client.get("/").json() == {"visits": 2}
    assert client.get("/rotate").json() == {"changed": True}
    assert client.cookies["session"] != first
    assert client.get("/leave").json() == {}
    assert "session" not in client.cookies


def test_sessions_live_in_the_cookie():
    client = client_of(CookieStore(secret_key="secret" * 8))
    client.get("/")
    assert client.get("/").json() == {"visits": 2}
