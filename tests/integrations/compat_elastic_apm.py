"""Elastic APM: its middleware reads bodies, names transactions by routes, and reports errors."""

from __future__ import annotations

import pytest
from elasticapm.contrib.starlette import ElasticAPM, make_apm_client
from elasticapm.transport.base import Transport
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

events: list[tuple[str, dict]] = []


class Kept(Transport):
    def queue(self, event_type, data, flush=False):
        events.append((event_type, data))

    def start_thread(self, pid=None): ...

    def close(self): ...


async def length(request):
    return PlainTextResponse(str(len(await request.body())))


def failing(request):
    raise ValueError("failing")


@pytest.fixture
def client():
    events.clear()
    apm = make_apm_client(
        {
            "SERVICE_NAME": "shop",
            "CAPTURE_BODY": "all",
            "TRANSPORT_CLASS": f"{__name__}.Kept",
            "METRICS_INTERVAL": "0ms",
            "CENTRAL_CONFIG": False,
            "CLOUD_PROVIDER": False,
        }
    )
    app = Starlette(
        routes=[
            Route("/length/{name}", length, methods=["POST"]),
            Route("/failing", failing),
            Mount("/sub", routes=[Route("/{name}", length, methods=["POST"])]),
        ]
    )
    app.add_middleware(ElasticAPM, client=apm)
    app.add_middleware(GZipMiddleware)
    yield TestClient(app, raise_server_exceptions=False)
    apm.close()


def of(kind):
    return [data for event_type, data in events if event_type == kind]


def test_transactions_are_named_by_their_routes(client):
    assert client.post("/length/a", content=b"12345").text == "5"
    assert client.post("/sub/a", content=b"12").text == "2"
    assert client.get("/nowhere").status_code == 404
    names = [data["name"] for data in of("transaction")]
    assert names == ["POST /length/{name}", "POST /sub/{name}", "GET /nowhere"]
    assert [data["context"]["response"]["status_code"] for data in of("transaction")] == [200, 200, 404]


def test_what_it_logs_of_a_body_is_not_what_the_endpoint_reads(client):
    assert client.post("/length/a", content=b"a" * 50_000).text == "50000"


def test_errors_are_reported(client):
    assert client.get("/failing").status_code == 500
    (error,) = of("error")
    assert error["exception"]["type"] == "ValueError"
