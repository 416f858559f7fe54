from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from asgi_framework import (
    App,
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    AuthenticationMiddleware,
    JSONResponse,
    Middleware,
    PlainTextResponse,
    Route,
    SimpleUser,
    WebSocketRoute,
    requires,
)
from asgi_framework.authentication import has_required_scope
from raw_asgi import request, run, websocket_scope

ADA = [(b"host", b"example.org"), (b"authorization", b"ada")]
ANYBODY = [(b"host", b"evil.example")]


class Backend(AuthenticationBackend):
    async def authenticate(self, conn):
        name = conn.headers.get("authorization")
        if name == "bad":
            raise AuthenticationError("bad credentials")
        return (AuthCredentials(["known"]), SimpleUser(name)) if name else None


@requires("known")
async def page(request):
    return PlainTextResponse(request.user.display_name)


@requires(["known", "admin"], status_code=404)
def admin(request):
    return PlainTextResponse("admin")


@requires("known")
def sync(request):
    return PlainTextResponse("sync")


@requires("known", redirect="login")
async def private(request):
    return PlainTextResponse("private")


class Pages:
    @requires("known")
    async def page(self, request):
        return PlainTextResponse(str(has_required_scope(request, ["known"])))


@requires("known")
async def chat(websocket):
    await websocket.accept()
    await websocket.close()


async def login(request):
    return PlainTextResponse("log in")


@pytest.fixture
def app():
    return App(
        routes=[
            Route("/page", page),
            Route("/admin", admin),
            Route("/sync", sync),
            Route("/private", private),
            Route("/method", Pages().page),
            Route("/login", login, name="login"),
            WebSocketRoute("/chat", chat),
        ],
        middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
    )


@pytest.mark.parametrize(
    ("path", "known", "unknown"),
    [("/page", 200, 403), ("/admin", 404, 404), ("/sync", 200, 403), ("/method", 200, 403)],
)
async def test_a_page_is_for_those_who_have_its_scopes(app, path, known, unknown):
    assert (await request(app, "GET", path, headers=ADA)).status == known
    assert (await request(app, "GET", path, headers=ANYBODY)).status == unknown


async def test_the_redirect_carries_the_url_that_was_requested(app):
    reply = await request(app, "GET", "/private", query=b"x=1", headers=[(b"host", b"shop.example")])
    assert reply.status == 303
    target = "http://shop.example/login?next=http%3A%2F%2Fshop.example%2Fprivate%3Fx%3D1"
    assert reply.header("location") == target
    assert (await request(app, "GET", "/private", headers=ADA)).body == b"private"


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example/x", "/\\/evil.example/x", "///evil.example"])
@pytest.mark.parametrize("named", [True, False], ids=["with a host", "without"])
async def test_the_redirect_never_carries_what_a_browser_reads_as_another_site(path, named):
    app = App(
        routes=[Route("/login", login, name="login"), Route("/{path:path}", private)],
        middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
    )
    headers = [(b"host", b"shop.example")] if named else []
    reply = await request(app, "GET", path, headers=headers, server=None)
    (asked_for,) = parse_qs(urlsplit(reply.header("location")).query)["next"]
    assert urlsplit(asked_for.replace("\\", "/")).netloc == ("shop.example" if named else "")


@pytest.mark.parametrize(("headers", "last"), [(ADA, "websocket.close"), (ANYBODY, "websocket.close")])
async def test_a_websocket_is_closed_to_those_who_have_not(app, headers, last):
    reply = await run(app, websocket_scope("/chat", headers=headers), [{"type": "websocket.connect"}])
    assert reply.types[-1] == last
    assert ("websocket.accept" in reply.types) == (headers is ADA)


async def test_bad_credentials_are_answered_by_the_middleware(app):
    reply = await request(app, "GET", "/page", headers=[(b"authorization", b"bad")])
    assert (reply.status, reply.body) == (400, b"bad credentials")


async def test_on_error_returns_a_response():
    def on_error(conn, exc):
        return JSONResponse({"error": str(exc), "path": conn.url.path}, 401)

    app = App(middleware=[Middleware(AuthenticationMiddleware, backend=Backend(), on_error=on_error)])
    reply = await request(app, "GET", "/x", headers=[(b"authorization", b"bad")])
    assert (reply.status, reply.body) == (401, b'{"error":"bad credentials","path":"/x"}')


async def test_arguments_may_be_named(app):
    from asgi_framework import Request
    from raw_asgi import http_scope

    scope = http_scope() | {"auth": AuthCredentials(["known"]), "user": SimpleUser("ada")}
    assert (await page(request=Request(scope))).body == b"ada"


def test_a_function_without_a_connection_is_refused():
    with pytest.raises(TypeError, match='No "request" or "websocket" argument on function'):
        requires("known")(lambda other: None)
