"""Measure requests for Prometheus: their number, duration and size, by route.

    from asgi_middleware.metrics import PrometheusMiddleware, metrics_app
    from asgi_routing import Mount, Router

    app = PrometheusMiddleware(Router([Mount("/metrics", metrics_app())]))

Every label has a bounded number of values, whatever clients send: unknown methods are `_OTHER`, and requests that no
route matches share one empty route. Needs prometheus-client: pip install asgi-middleware[prometheus]. With
PROMETHEUS_MULTIPROC_DIR in the environment the numbers of all workers are added up. Gauges of a killed worker stay
until its supervisor calls `prometheus_client.multiprocess.mark_process_dead(pid)`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ._configuration import application, check_function
from ._headers import first_value
from ._route import route_of
from ._scope import unread
from .types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["PrometheusMiddleware", "metrics_app"]

# A client may invent any number of methods, and each would be a new time series, which is kept in memory.
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BYTES = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_TRACE_KEY = "asgi_middleware.trace_context"


def _client() -> Any:
    try:
        import prometheus_client
    except ImportError as exc:
        raise ImportError("metrics need prometheus-client: pip install asgi-middleware[prometheus]") from exc
    return prometheus_client


class _Metrics:
    """The metrics of one registry, shared by all middlewares that use it: a registry refuses a name twice.

    Their children are kept, because prometheus_client takes a lock for each lookup.
    """

    def __init__(self, registry: Any, seconds: Sequence[float], sizes: Sequence[float]) -> None:
        client = _client()
        labels = ["method", "route", "status"]
        self.duration = client.Histogram(
            "http_request_duration_seconds", "Time to the last byte", labels, buckets=seconds, registry=registry
        )
        self.first_byte = client.Histogram(
            "http_response_start_seconds", "Time to the first byte", labels, buckets=seconds, registry=registry
        )
        self.size_in = client.Histogram(
            "http_request_size_bytes", "Bytes received", labels, buckets=sizes, registry=registry
        )
        self.size_out = client.Histogram(
            "http_response_size_bytes", "Bytes sent, before transfer codings", labels, buckets=sizes, registry=registry
        )
        self.in_progress = client.Gauge(
            "http_requests_in_progress", "Requests", ["method"], registry=registry, multiprocess_mode="livesum"
        )
        self.websockets = client.Gauge(
            "websockets_open", "WebSockets accepted and not closed", registry=registry, multiprocess_mode="livesum"
        )
        self.websocket_duration = client.Histogram(
            "websocket_duration_seconds", "Time open", ["route", "code"], buckets=seconds, registry=registry
        )
        self.running = {method: self.in_progress.labels(method) for method in (*_METHODS, "_OTHER")}
        self.children: dict[tuple[str, str, str], tuple[Any, Any, Any, Any]] = {}

    def of(self, labels: tuple[str, str, str]) -> tuple[Any, Any, Any, Any]:
        """Return the duration, the first byte and both sizes for a method, a route and a status."""
        found = self.children.get(labels)
        if found is None:
            metrics = (self.duration, self.first_byte, self.size_in, self.size_out)
            found = self.children[labels] = tuple(metric.labels(*labels) for metric in metrics)
        return found


_registries: WeakKeyDictionary[Any, _Metrics] = WeakKeyDictionary()


class PrometheusMiddleware:
    """Middleware that counts and times requests and WebSockets in a Prometheus registry.

    `route(scope)` returns the template of the route (see asgi_middleware.route_template for Django, Quart and Falcon);
    it must have a bounded number of values. `registry` defaults to prometheus_client's own. `buckets` are in seconds
    and `size_buckets` in bytes; the first middleware of a registry sets them. Durations have the trace id as an
    exemplar if an outer RequestIDMiddleware has found a sampled trace. Requests for which `exclude(scope)` is true are
    not measured. Raises ImportError without prometheus-client.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        registry: CollectorRegistry | None = None,
        route: Callable[[Scope], str | None] = route_of,
        exclude: Callable[[Scope], bool] | None = None,
        buckets: Sequence[float] = _SECONDS,
        size_buckets: Sequence[float] = _BYTES,
    ) -> None:
        check_function("route", route)
        if exclude is not None:
            check_function("exclude", exclude)
        registry = _client().REGISTRY if registry is None else registry
        if registry not in _registries:
            _registries[registry] = _Metrics(registry, buckets, size_buckets)
        self.app = application(app, self)
        self.route = route
        self.exclude = exclude
        self._metrics = _registries[registry]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket") or (self.exclude is not None and self.exclude(scope)):
            return await self.app(scope, receive, send)
        if kind == "websocket":
            return await self._measure_websocket(scope, receive, send)
        exchange = _Exchange(self, scope, receive, send)
        exchange.running.inc()  # decremented by `finish`, whatever happens: a gauge that leaks only ever rises
        try:
            return await self.app(scope, exchange.receive, exchange.send)
        finally:
            exchange.finish()

    async def _measure_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self._metrics
        began, code = 0.0, "1006"  # without a close frame, 1006 stands for it in APIs (RFC 6455 §7.4.1)

        async def count_receive() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = str(message.get("code", 1005))
            return message

        async def count_send(message: Message) -> None:
            nonlocal began, code
            if message["type"] == "websocket.accept":
                began = time.perf_counter()
                metrics.websockets.inc()
            elif message["type"] == "websocket.close":
                code = str(message.get("code", 1000))
            await send(message)

        try:
            return await self.app(scope, count_receive, count_send)
        finally:
            if began:
                metrics.websockets.dec()
                # A client chooses its code, so those for private use share one label (RFC 6455 §7.4.2).
                label = code if len(code) == 4 and code < "3000" else "_OTHER"
                route = self.route(scope) or ""
                metrics.websocket_duration.labels(route, label).observe(time.perf_counter() - began)


class _Exchange:
    """One request, measured until its last byte."""

    __slots__ = ("_began", "_bytes_in", "_bytes_out", "_first", "_method", "_middleware", "_receive", "_scope", "_send",
                 "_status", "running")  # fmt: skip

    def __init__(self, middleware: PrometheusMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope.get("method", "GET")
        self._method = method if method in _METHODS else "_OTHER"
        self._middleware: PrometheusMiddleware | None = middleware
        self._scope = scope
        self._receive = unread(scope, receive)
        self._send = send
        self._bytes_in = self._bytes_out = 0
        self._status = "500"  # servers answer so if the application fails before its response begins
        self._first = 0.0
        self.running = middleware._metrics.running[self._method]
        self._began = time.perf_counter()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes_in += len(message.get("body", b""))
        elif message["type"] == "http.disconnect" and not self._first:
            self._status = "499"
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        await self._send(message)
        if kind == "http.response.start":
            self._status = str(message["status"])
        elif kind == "http.response.body":
            if not self._first:
                self._first = time.perf_counter() - self._began
            self._bytes_out += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.finish()

    def finish(self) -> None:
        """Record the measurements, once: at the last byte, or when the application ends without one."""
        middleware, self._middleware = self._middleware, None
        if middleware is None:
            return
        self.running.dec()
        labels = (self._method, middleware.route(self._scope) or "", self._status)
        duration, first_byte, size_in, size_out = middleware._metrics.of(labels)
        trace = self._scope.get(_TRACE_KEY)
        exemplar = {"trace_id": trace.trace_id} if trace is not None and trace.sampled else None
        duration.observe(time.perf_counter() - self._began, exemplar)
        if self._first:
            first_byte.observe(self._first, exemplar)
        size_in.observe(self._bytes_in)
        size_out.observe(0 if self._method == "HEAD" else self._bytes_out)  # servers drop the body for HEAD


def metrics_app(registry: CollectorRegistry | None = None) -> ASGIApp:
    """Return an application that serves the metrics of a registry, in the format that the scraper accepts.

    With PROMETHEUS_MULTIPROC_DIR the numbers of all workers are added up. Raises ImportError without prometheus-client.
    """
    client = _client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        shown = client.REGISTRY if registry is None else registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            from prometheus_client import multiprocess

            # A new registry for each scrape, as prometheus_client documents: it reads the files of all workers.
            shown = client.CollectorRegistry()
            multiprocess.MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
        accept = first_value(scope.get("headers", ()), b"accept") or b""
        encode, content_type = client.exposition.choose_encoder(accept.decode("latin-1"))
        body = encode(shown)
        headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", content_type.encode("latin-1")),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})

    return app
