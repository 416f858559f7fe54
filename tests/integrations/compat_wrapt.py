"""Methods and functions that agents wrap with wrapt, by Starlette's names: the wrappers are called as they are there."""

from __future__ import annotations

import importlib
from collections import Counter

import pytest
import wrapt
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

calls: Counter[str] = Counter()


class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


class Endpoint(HTTPEndpoint):
    def get(self, request):
        return PlainTextResponse("endpoint")


async def index(request: Request):
    return JSONResponse({}, background=BackgroundTask(len, "a"))


def sync(request):
    return PlainTextResponse("sync")


async def stream(request):
    async def chunks():
        yield b"chunk"

    return StreamingResponse(chunks())


async def file(request):
    return FileResponse(__file__)


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


async def gone(request, exc):
    return PlainTextResponse("gone", 410)


def create():
    return Starlette(
        routes=[
            Route("/", index),
            Route("/sync", sync),
            Route("/stream", stream),
            Route("/file", file),
            Route("/endpoint", Endpoint),
            Mount("/sub", routes=[Route("/{name}", index)]),
            Mount("/static", StaticFiles(packages=[("asgi_framework", ".")])),
            Host("{sub}.example.org", Mount("/", routes=[Route("/hosted", index)])),
            WebSocketRoute("/ws", echo),
        ],
        middleware=[Middleware(Passing), Middleware(CORSMiddleware)],
        exception_handlers={404: gone},
    )


def visit(app):
    client = TestClient(app)
    for path in ("/", "/sync", "/stream", "/file", "/endpoint", "/sub/x", "/static/py.typed"):
        assert client.get(path).status_code == 200, path
    assert client.get("/nowhere").status_code == 410
    assert TestClient(app, base_url="http://a.example.org").get("/hosted").status_code == 200
    with client.websocket_connect("/ws") as session:
        session.send_text("hello")
        assert session.receive_text() == "hello"


def wrap(monkeypatch, module, name):
    """Wrap as `wrapt.wrap_function_wrapper` does, for one test."""
    owner, attribute, original = wrapt.resolve_path(module, name)

    def counted(wrapped, instance, args, kwargs):
        calls[name] += 1
        return wrapped(*args, **kwargs)

    wrapper = wrapt.FunctionWrapper(original, counted)
    monkeypatch.setattr(owner, attribute, wrapper)


# How often Starlette calls each for one visit: wrapped before the application is made, before its first request, after.
# After it, routes that are not looked at for the first time are found in a table, without their `matches`.
SEAMS = """
applications Starlette.__init__ 1 0 0
applications Starlette.build_middleware_stack 1 1 0
applications Starlette.__call__ 10 10 10
middleware Middleware.__init__ 4 2 0
middleware.errors ServerErrorMiddleware.__init__ 1 1 0
middleware.errors ServerErrorMiddleware.__call__ 10 10 10
middleware.exceptions ExceptionMiddleware.__init__ 1 1 0
middleware.exceptions ExceptionMiddleware.__call__ 10 10 10
middleware.exceptions ExceptionMiddleware.add_exception_handler 1 1 0
middleware.base BaseHTTPMiddleware.__init__ 1 1 0
middleware.base BaseHTTPMiddleware.__call__ 10 10 10
middleware.cors CORSMiddleware.__call__ 10 10 10
routing Router.__init__ 3 0 0
routing Router.__call__ 12 12 12
routing Router.app 12 0 0
routing Router.not_found 1 0 0
routing Router.lifespan 0 0 0
routing Route.__init__ 7 0 0
routing Route.matches 47 47 0
routing Route.handle 7 7 7
routing Mount.matches 12 12 0
routing Mount.handle 3 3 3
routing Host.handle 1 1 1
routing WebSocketRoute.handle 1 1 1
routing request_response 6 0 0
routing websocket_session 1 0 0
responses Response.__init__ 6 6 6
responses Response.__call__ 6 6 6
responses Response.render 3 3 3
responses JSONResponse.render 3 3 3
responses StreamingResponse.__call__ 1 1 1
responses StreamingResponse.stream_response 1 1 1
responses FileResponse.__call__ 2 2 2
websockets WebSocket.accept 1 1 1
websockets WebSocket.receive 2 2 2
websockets WebSocket.receive_text 1 1 1
background BackgroundTask.__init__ 3 3 3
background BackgroundTask.__call__ 3 3 3
staticfiles StaticFiles.__call__ 1 1 1
staticfiles StaticFiles.get_response 1 1 1
staticfiles StaticFiles.lookup_path 1 1 1
endpoints HTTPEndpoint.__init__ 1 1 1
endpoints HTTPEndpoint.dispatch 1 1 1
routing run_in_threadpool 1 0 0
endpoints run_in_threadpool 1 1 1
background run_in_threadpool 3 3 3
"""


@pytest.fixture(autouse=True)
def no_calls():
    calls.clear()


@pytest.mark.parametrize("seam", SEAMS.strip().splitlines(), ids=lambda seam: seam.split()[1])
@pytest.mark.parametrize("when", [0, 1, 2], ids=["before-all", "before-requests", "after-a-request"])
def test_a_wrapper_is_called_as_often_as_by_starlette(monkeypatch, seam, when):
    module, name, *counts = seam.split()
    module = f"starlette.{module}"
    importlib.import_module(module)
    if when == 0:
        wrap(monkeypatch, module, name)
    app = create()
    if when == 1:
        wrap(monkeypatch, module, name)
    if when == 2:
        visit(app)
        wrap(monkeypatch, module, name)
    visit(app)
    assert calls[name] >= int(counts[when])
