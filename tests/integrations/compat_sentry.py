"""sentry-sdk: its integrations patch Starlette and FastAPI in many places, by Starlette's names."""

from __future__ import annotations

import pytest
import sentry_sdk
from fastapi import FastAPI, HTTPException
from sentry_sdk.integrations.fastapi import FastApiIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from sentry_sdk.transport import Transport
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

items: list[dict] = []


class Kept(Transport):
    def capture_envelope(self, envelope):
        items.extend(item.payload.json for item in envelope.items if item.type in ("event", "transaction"))


@pytest.fixture(autouse=True)
def sentry(monkeypatch):
    items.clear()
    sentry_sdk.init(
        dsn="https://public@example.invalid/1",
        transport=Kept,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[StarletteIntegration(middleware_spans=True), FastApiIntegration(middleware_spans=True)],
        traces_sample_rate=1.0,
        send_client_reports=False,
    )
    yield
    sentry_sdk.get_client().close()


def of(kind):
    sentry_sdk.flush()
    return [item for item in items if (item.get("type") == "transaction") is (kind == "transaction")]


def test_errors_and_transactions_of_fastapi_are_reported():
    app = FastAPI()

    @app.get("/items/{number}")
    def item(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        if number == 3:
            raise HTTPException(503)
        return number

    client = TestClient(app, raise_server_exceptions=False)
    assert [client.get(f"/items/{number}").status_code for number in (1, 2, 3)] == [200, 500, 503]
    assert [event["exception"]["values"][0]["type"] for event in of("event")] == ["ValueError", "HTTPException"]
    assert [item["transaction"] for item in of("transaction")] == ["/items/{number}"] * 3


def test_errors_and_spans_of_starlette_are_reported():
    class Passing(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    def index(request):
        raise KeyError("one")

    def handler(request, exc):
        return PlainTextResponse("handled", 418)

    app = Starlette(
        routes=[Route("/{name}", index)],
        middleware=[Middleware(Passing)],
        exception_handlers={KeyError: handler},
    )
    assert TestClient(app).get("/a").text == "handled"
    (transaction,) = of("transaction")
    assert any(span["op"] == "middleware.starlette" for span in transaction["spans"])
