"""The route of a request, asked of the routers of frameworks that leave nothing in the scope."""

from __future__ import annotations

import pytest

from asgi_middleware import route_template
from raw_asgi import http_scope, run


def test_what_a_router_leaves_in_the_scope_is_the_default():
    route = type("Route", (), {"path_format": "/users/{id}"})()
    assert route_template.from_scope(http_scope(route=route)) == "/users/{id}"
    assert route_template.from_scope(http_scope()) is None


NESTED = {
    "/other/x": "/other/x",
    "/a/7/b/007/x/1": "/a/{tenant}/b/{id}/x/{id}",
    "/a/7/files/x": "/a/{tenant}/files",
    "/a/7/wrapped/9/x/1": "/a/{tenant}/wrapped/{number}/x/{id}",
}


@pytest.mark.parametrize("path", NESTED)
async def test_starlette_is_read_mount_by_mount(path):
    pytest.importorskip("starlette", reason="pip install starlette")
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Host, Mount, Route, Router

    async def endpoint(request):
        return Response()

    async def files(scope, receive, send):
        await Response()(scope, receive, send)

    numbers = [Route("/x/{id:int}", endpoint)]
    hidden = Router([Mount("/{number}", routes=numbers)])

    async def wrapped(scope, receive, send):
        await hidden(scope, receive, send)

    below = [Mount("/b/{id:int}", routes=numbers), Mount("/files", files), Mount("/wrapped", wrapped)]
    host = Host("{tenant}.example", app=Router([Mount("/a/{tenant}", routes=below)]))
    app = Starlette(routes=[Route("/{one}", endpoint), Mount("/other", routes=[Route("/x", endpoint)]), host])
    scope = http_scope(path=path, headers=[(b"host", b"acme.example")])
    assert (await run(app, scope)).status == 200
    assert route_template.from_scope(scope) == NESTED[path]


def test_django_is_asked():
    pytest.importorskip("django", reason="pip install django")
    from integrations import site_django

    site_django.create()
    assert route_template.from_django(http_scope(path="/echo")) == "/echo"
    assert route_template.from_django(http_scope(path="/root/echo", root_path="/root")) == "/echo"
    assert route_template.from_django(http_scope(path="/nowhere/at/all")) is None


def test_quart_is_asked():
    quart = pytest.importorskip("quart", reason="pip install quart")
    app = quart.Quart(__name__)

    @app.get("/users/<int:id>")
    async def user(id):
        return ""

    route = route_template.from_quart(app)
    assert route(http_scope(path="/users/7")) == "/users/<int:id>"
    assert route(http_scope(path="/users/ada")) is None
    assert route(http_scope("DELETE", "/users/7")) is None


def test_falcon_is_asked():
    falcon_asgi = pytest.importorskip("falcon.asgi", reason="pip install falcon")

    class User:
        async def on_get(self, request, response, id):
            return None

    app = falcon_asgi.App()
    app.add_route("/users/{id:int}", User())
    route = route_template.from_falcon(app)
    assert route(http_scope(path="/users/7")) == "/users/{id:int}"
    assert route(http_scope(path="/nowhere")) is None
