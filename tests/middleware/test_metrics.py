"""Metrics of requests and WebSockets, whose labels no client can multiply."""

from __future__ import annotations

import re
import subprocess
import sys
from uuid import uuid4

import pytest

from asgi_middleware.metrics import PrometheusMiddleware, metrics_app
from raw_asgi import body_messages, http_scope, request, run, websocket_scope

prometheus_client = pytest.importorskip("prometheus_client", reason="pip install prometheus-client")


class Route:
    path_format = "/users/{id}"


async def page(scope, receive, send):
    """Answers by path: /200, /404 ..., with a route where it begins with /users."""
    if scope["path"].startswith("/users"):
        scope["route"] = Route()
    while (await receive()).get("more_body"):
        pass
    status = int(scope["path"].rpartition("/")[2]) if scope["path"][-3:].isdigit() else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"hel", "more_body": True})
    await send({"type": "http.response.body", "body": b"lo"})


@pytest.fixture
def registry():
    return prometheus_client.CollectorRegistry()


@pytest.fixture
def value(registry):
    def value(name, **labels):
        return registry.get_sample_value(name, labels)

    return value


async def test_a_request_is_counted_timed_and_measured(registry, value):
    middleware = PrometheusMiddleware(page, registry=registry)
    await request(middleware, "POST", "/users/7", body=[b"1234", b"56"])
    labels = {"method": "POST", "route": "/users/{id}", "status": "200"}
    assert value("http_request_duration_seconds_count", **labels) == 1
    assert value("http_response_start_seconds_count", **labels) == 1
    assert value("http_request_size_bytes_sum", **labels) == 6
    assert value("http_response_size_bytes_sum", **labels) == 5
    assert value("http_requests_in_progress", method="POST") == 0
    first, last = (value(f"http_{name}_seconds_sum", **labels) for name in ("response_start", "request_duration"))
    assert 0 < first <= last


async def test_no_byte_of_a_body_is_sent_to_head(registry, value):
    await request(PrometheusMiddleware(page, registry=registry), "HEAD")
    assert value("http_response_size_bytes_sum", method="HEAD", route="", status="200") == 0


async def test_made_up_methods_and_paths_make_no_series(registry):
    middleware = PrometheusMiddleware(page, registry=registry)
    for number in range(300):
        await request(middleware, f"METHOD{number}", f"/x{number}/404")
        await request(middleware, "GET", f"/users/x{number}x")
    series = {
        tuple(sorted(sample.labels.items()))
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "http_request_duration_seconds_count"
    }
    assert series == {
        (("method", "GET"), ("route", "/users/{id}"), ("status", "200")),
        (("method", "_OTHER"), ("route", ""), ("status", "404")),
    }


MOUNTS = {
    "/n/{n:int}": ["/n/1", "/n/01", "/n/001", "/n/0001"],
    "/1/{n:int}": ["/1/1", "/1/01", "/1/001", "/1/0001"],
    "/{n:int}/{m:int}": ["/1/1", "/01/001", "/1/0001", "/00001/1"],
    "/v{n:int}": ["/v1", "/v01", "/v001", "/v0001"],
    "/f/{x:float}": ["/f/1.5", "/f/1.50", "/f/01.5", "/f/1.500"],
    "/u/{id:uuid}": [f"/u/{uuid}" for uuid in (str(uuid4()), str(uuid4()).upper(), str(uuid4()).title(), str(uuid4()))],
    "/v1/n-{n:int}": ["/v1/n-1", "/v1/n-01", "/v1/n-001", "/v1/n-2"],
    "/u/{number}": ["/u/1", "/u/2", "/u/3", "/u/4"],
    "/{name}": ["/a", "/b", "/%7Bname%7D", "/ä"],
    "/p-{a}-{b}": ["/p-x-y", "/p-x-z", "/p-zz-x", "/p-{b}-q"],
}


SHOWN = [(template, inner, False) for template in MOUNTS for inner in ("id", "number")]
HIDDEN = [(template, inner, True) for template, inner, _ in SHOWN if f"{{{inner}" not in template]


@pytest.mark.parametrize(("template", "inner", "wrapped"), SHOWN + HIDDEN)
async def test_however_a_value_of_a_mount_is_written_it_makes_no_series(template, inner, wrapped, registry):
    pytest.importorskip("starlette", reason="pip install starlette")
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Mount, Route

    async def endpoint(request):
        return Response()

    app = Starlette(routes=[Mount(template, routes=[Route(f"/x/{{{inner}:int}}", endpoint)])])
    if wrapped:  # a router that does not show its routes

        async def without_router(scope, receive, send):
            scope["router"] = None
            await app(scope, receive, send)

    middleware = PrometheusMiddleware(without_router if wrapped else app, registry=registry)
    for path in MOUNTS[template]:
        for number in ("/x/1", "/x/01"):
            assert (await request(middleware, path=path + number)).status == 200
    (metric,) = [one for one in registry.collect() if one.name == "http_request_duration_seconds"]
    routes = {sample.labels["route"] for sample in metric.samples}
    if wrapped:
        assert all(route.endswith(f"/x/{{{inner}}}") for route in routes)
        assert len(routes) <= 2, routes
    else:
        assert routes == {re.sub(":[a-z]+", "", template) + f"/x/{{{inner}}}"}


async def test_requests_in_progress_are_counted_until_the_last_byte(registry, value):
    seen = []

    async def app(scope, receive, send):
        seen.append(value("http_requests_in_progress", method="GET"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        seen.append(value("http_requests_in_progress", method="GET"))

    await request(PrometheusMiddleware(app, registry=registry))
    assert seen == [1, 0]


async def test_other_messages_pass(registry):
    messages = [{"type": "http.response.early_hint", "links": []}, {"type": "websocket.send", "text": "hi"}]

    async def app(scope, receive, send):
        await send(messages[scope["type"] == "websocket"])
        await receive()

    middleware = PrometheusMiddleware(app, registry=registry)
    assert (await run(middleware, http_scope(), [{"type": "http.request"}])).messages == messages[:1]
    assert (await run(middleware, websocket_scope(), [{"type": "websocket.connect"}])).messages == messages[1:]


async def test_a_failure_counts_as_500_and_an_early_leaver_as_499(registry, value):
    async def app(scope, receive, send):
        if (await receive())["type"] == "http.request":
            raise ValueError("boom")

    middleware = PrometheusMiddleware(app, registry=registry)
    with pytest.raises(ValueError, match="^boom$"):
        await request(middleware)
    await run(middleware, http_scope(), [{"type": "http.disconnect"}])
    for status in ("500", "499"):
        labels = {"method": "GET", "route": "", "status": status}
        assert value("http_request_duration_seconds_count", **labels) == 1
        assert value("http_response_start_seconds_count", **labels) == 0
    assert value("http_requests_in_progress", method="GET") == 0


async def test_a_client_that_leaves_a_stream_does_not_change_its_status(registry, value):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await receive()

    await run(PrometheusMiddleware(app, registry=registry), http_scope(), [{"type": "http.disconnect"}])
    assert value("http_request_duration_seconds_count", method="GET", route="", status="200") == 1


@pytest.mark.parametrize(
    ("last", "label"),
    [
        ({"type": "websocket.disconnect", "code": 1001}, "1001"),
        ({"type": "websocket.disconnect"}, "1005"),
        ({"type": "websocket.disconnect", "code": 4711}, "_OTHER"),
        ({"type": "websocket.receive", "text": "close"}, "1000"),
    ],
)
async def test_websockets_are_counted_while_open_and_timed(registry, value, last, label):
    async def app(scope, receive, send):
        scope["route"] = Route()
        await receive()
        await send({"type": "websocket.accept"})
        assert value("websockets_open") == 1
        if (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.close"})

    await run(PrometheusMiddleware(app, registry=registry), websocket_scope(), [{"type": "websocket.connect"}, last])
    assert value("websockets_open") == 0
    assert value("websocket_duration_seconds_count", route="/users/{id}", code=label) == 1


async def test_a_refused_websocket_was_never_open(registry):
    async def app(scope, receive, send):
        await send({"type": "websocket.close", "code": 1008})

    await run(PrometheusMiddleware(app, registry=registry), websocket_scope())
    assert registry.get_sample_value("websockets_open") == 0


async def test_what_is_excluded_and_lifespans_pass(registry, value):
    middleware = PrometheusMiddleware(page, registry=registry, exclude=lambda scope: scope["path"] == "/metrics")
    await request(middleware, path="/metrics")
    assert value("http_request_duration_seconds_count", method="GET", route="", status="200") is None

    async def app(scope, receive, send):
        seen.append(scope["type"])

    seen = []
    await run(PrometheusMiddleware(app, registry=registry), {"type": "lifespan"})
    assert seen == ["lifespan"]


async def test_two_middlewares_share_a_registry_and_the_route_is_yours_to_name(registry, value):
    for _ in range(2):
        await request(PrometheusMiddleware(page, registry=registry, route=lambda scope: "mine"))
    assert value("http_request_duration_seconds_count", method="GET", route="mine", status="200") == 2


async def test_the_registry_is_shown_in_the_format_that_is_accepted(registry):
    await request(PrometheusMiddleware(page, registry=registry))
    shown = metrics_app(registry)
    reply = await request(shown)
    assert reply.header("content-type").startswith("text/plain")
    assert 'http_requests_in_progress{method="GET"} 0.0' in reply.text
    reply = await request(shown, headers=[(b"accept", b"application/openmetrics-text; version=1.0.0")])
    assert reply.header("content-type").startswith("application/openmetrics-text")
    assert reply.text.endswith("# EOF\n")
    head = await request(shown, "HEAD")
    assert (head.body, int(head.header("content-length")) > 100) == (b"", True)
    assert (await run(shown, websocket_scope())).messages == []


async def test_the_own_registry_of_the_client_is_the_default():
    assert (await request(metrics_app())).status == 200


@pytest.mark.parametrize("sampled", [True, False])
async def test_a_sampled_trace_is_an_exemplar(registry, sampled):
    from asgi_middleware.request_id import RequestIDMiddleware

    app = RequestIDMiddleware(PrometheusMiddleware(page, registry=registry))
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0" + (b"1" if sampled else b"0")
    await run(app, http_scope(headers=[(b"traceparent", parent)]), body_messages(b""))
    reply = await request(metrics_app(registry), headers=[(b"accept", b"application/openmetrics-text; version=1.0.0")])
    assert ('trace_id="0af7651916cd43dd8448eb211c80319c"' in reply.text) is sampled


WORKER = """
import asyncio, sys
from asgi_middleware.metrics import PrometheusMiddleware

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def send(message):
    pass

for _ in range(3):
    asyncio.run(PrometheusMiddleware(app)({"type": "http", "method": "GET", "path": "/"}, None, send))
"""


async def test_workers_are_added_up(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WORKER], check=True)
    reply = await request(metrics_app())
    assert 'http_request_duration_seconds_count{method="GET",route="",status="200"} 6.0' in reply.text


def test_without_the_client_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ImportError, match=r"pip install asgi-middleware\[prometheus\]"):
        PrometheusMiddleware(page)
