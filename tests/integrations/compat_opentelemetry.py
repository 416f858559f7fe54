"""OpenTelemetry's instrumentations of Starlette and FastAPI: applications of their own, or those that are made later."""

from __future__ import annotations

import fastapi
import pytest
import starlette.applications
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))


@pytest.fixture(autouse=True)
def no_spans():
    exporter.clear()


def index(request):
    return PlainTextResponse("hello")


def failing(request):
    raise ValueError("failing")


async def chat(websocket):
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def routes():
    return [
        Route("/users/{id}", index),
        Route("/failing", failing),
        Mount("/sub", routes=[Route("/{name}", index)]),
        WebSocketRoute("/ws", chat),
    ]


def names():
    return sorted(span.name for span in exporter.get_finished_spans() if span.kind.name == "SERVER")


def visit(app):
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/users/1").text == client.get("/sub/a").text == "hello"
    assert client.get("/nowhere").status_code == 404
    assert client.get("/failing").status_code == 500
    with client.websocket_connect("/ws") as session:
        assert session.receive_text() == "hello"


SPANS = ["/ws", "GET", "GET /failing", "GET /sub", "GET /users/{id}"]


def test_an_application_is_instrumented():
    app = Starlette(routes=routes(), middleware=[Middleware(GZipMiddleware)])
    StarletteInstrumentor.instrument_app(app, tracer_provider=provider)
    visit(app)
    assert names() == SPANS
    failed = next(span for span in exporter.get_finished_spans() if span.name == "GET /failing")
    assert failed.status.status_code.name == "ERROR"
    assert failed.attributes["http.route"] == "/failing"
    StarletteInstrumentor.uninstrument_app(app)


def test_applications_made_later_are_instrumented():
    original = starlette.applications.Starlette
    StarletteInstrumentor().instrument(tracer_provider=provider)
    try:
        assert starlette.applications.Starlette is not original
        visit(starlette.applications.Starlette(routes=routes()))
        assert names() == SPANS
    finally:
        StarletteInstrumentor().uninstrument()
    assert starlette.applications.Starlette is original


def test_applications_of_fastapi_are_instrumented():
    FastAPIInstrumentor().instrument(tracer_provider=provider)
    try:
        app = fastapi.FastAPI(routes=routes())

        @app.get("/items/{id}")
        def item(id: int) -> int:
            return id

        assert TestClient(app).get("/items/3").json() == 3
        visit(app)
        assert names() == sorted([*SPANS[1:], "GET /items/{id}", "HTTP /ws"])
    finally:
        FastAPIInstrumentor().uninstrument()
