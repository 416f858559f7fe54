"""However many methods and paths clients make up, the metrics of a site have the series of its routes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Any

import pytest

from asgi_middleware import route_template
from asgi_middleware.metrics import PrometheusMiddleware
from integrations.with_middleware import SITES, call_bare
from raw_asgi import http_scope

prometheus_client = pytest.importorskip("prometheus_client", reason="pip install prometheus-client")
PAGES = ["/", "/missing", "/stream", "/redirect", "/cookies", "/echo", "/upload"]
REQUESTS = [200, pytest.param(10_000, marks=pytest.mark.whole)]


def route_of(name: str, site: Any) -> Callable[[Any], str | None]:
    """Return the function that finds the route of a request in a site."""
    asked = {
        "django": lambda: route_template.from_django,
        "quart": lambda: route_template.from_quart(site),
        "falcon": lambda: route_template.from_falcon(site),
    }
    return asked.get(name, lambda: route_template.from_scope)()


@pytest.mark.parametrize("number", REQUESTS)
@pytest.mark.parametrize("name", SITES)
async def test_made_up_requests_make_no_series(name, number):
    pytest.importorskip(name, reason=f"pip install {SITES[name]}")
    site = import_module(f"integrations.site_{name}").create()
    registry = prometheus_client.CollectorRegistry()
    middleware = PrometheusMiddleware(site, registry=registry, route=route_of(name, site))
    random = Random(number)
    for index in range(number):
        path = random.choice(PAGES) if index % 2 else f"/{random.randrange(10**9):x}/{index}"
        method = random.choice(["GET", "HEAD", f"X{index}", f"get{index}", "QUERY"])
        await call_bare(middleware, http_scope(method, path))
    series = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"])
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "http_request_duration_seconds_count"
    }
    assert {method for method, _, _ in series} <= {"GET", "HEAD", "QUERY", "_OTHER"}
    routes = {route for _, route, _ in series}
    assert routes <= {"", *PAGES}
    assert len(routes) > 3, routes
