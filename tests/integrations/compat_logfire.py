"""Logfire: its instrumentations of Starlette, FastAPI and ASGI."""

from __future__ import annotations

import logfire
import pytest
from fastapi import FastAPI
from logfire.testing import TestExporter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

exporter = TestExporter()
logfire.configure(
    send_to_logfire=False,
    console=False,
    additional_span_processors=[SimpleSpanProcessor(exporter)],
    inspect_arguments=False,
)


@pytest.fixture(autouse=True)
def no_spans():
    exporter.clear()


def names():
    return sorted(span["name"] for span in exporter.exported_spans_as_dict() if not span["parent"])


async def index(request):
    return PlainTextResponse("hello")


async def chat(websocket):
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def test_starlette():
    app = Starlette(routes=[Route("/users/{id}", index), WebSocketRoute("/ws", chat)])
    logfire.instrument_starlette(app)
    client = TestClient(app)
    assert client.get("/users/1").text == "hello"
    with client.websocket_connect("/ws") as session:
        assert session.receive_text() == "hello"
    assert {"GET /users/{id}", "/ws"} <= set(names())


def test_fastapi():
    app = FastAPI()

    @app.get("/items/{id}")
    def item(id: int) -> int:
        return id

    logfire.instrument_fastapi(app)
    client = TestClient(app)
    assert client.get("/items/3").json() == 3
    assert client.get("/items/x").status_code == 422
    assert "GET /items/{id}" in names()
