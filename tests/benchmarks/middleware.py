"""The cost that each middleware adds to a plaintext request in front of a bare application, in microseconds of CPU time.

    python tests/benchmarks/middleware.py [NAME ...]

The bare application and the wrapped one are measured in turn, in short slices; the least difference counts, since
whatever else the machine does can only add to it. Incumbents that are installed stand beside ours.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

ROUNDS, REQUESTS = 10, 2000
HEADERS = [(b"host", b"testserver"), (b"user-agent", b"bench"), (b"accept", b"*/*"), (b"accept-encoding", b"identity")]
PROXIED = [*HEADERS, (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")]
HEAD = [(b"content-length", b"13"), (b"content-type", b"text/plain; charset=utf-8")]
START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"Hello, world!"}
SECRET = "a secret of some length"


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send({**START, "headers": [*HEAD]})  # a new one: some incumbents write into the list
    await send({**BODY})


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    pass


def scope(method: str = "GET", headers: Any = HEADERS) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def made(path: str, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
    """A function that wraps an application in the class of that path."""
    module, _, name = path.rpartition(".")
    return lambda app: getattr(import_module(module), name)(app, *arguments, **options)


def secweb(app: Any) -> Any:
    """The middleware that SecWeb adds to a Starlette application."""
    added: list[Any] = []

    class Application:
        def add_middleware(self, cls: Any, **options: Any) -> None:
            added.append(cls(app, **options))

    import_module("Secweb").SecWeb(Application())
    return added[0]


def instrumentator(app: Any) -> Any:
    """The middleware of prometheus-fastapi-instrumentator, below a Starlette application with one route."""
    routing = import_module("starlette.routing")
    cls = import_module("prometheus_fastapi_instrumentator.middleware").PrometheusInstrumentatorMiddleware
    router = import_module("starlette.applications").Starlette(routes=[routing.Route("/", len)])
    wrapped = cls(app, registry=import_module("prometheus_client").CollectorRegistry())

    async def with_application(scope: Any, receive: Any, send: Any) -> None:
        await wrapped({**scope, "app": router}, receive, send)

    return with_application


# Name, goal in microseconds where there is one, middleware, the scope of its requests, incumbents.
ROWS: list[tuple[str, float | None, Callable[[Any], Any], dict[str, Any], dict[str, Callable[[Any], Any]]]] = [
    ("drain", None, made("asgi_middleware.drain.DrainMiddleware"), {}, {}),
    ("health", None, made("asgi_middleware.health.HealthMiddleware"), {}, {}),
    ("timeout", None, made("asgi_middleware.timeout.TimeoutMiddleware"), {}, {}),
    ("concurrency", None, made("asgi_middleware.concurrency.ConcurrencyLimitMiddleware", 100), {}, {}),
    ("disconnect", None, made("asgi_middleware.disconnect.CancelOnDisconnectMiddleware"), {}, {}),
    (
        "proxy_headers",
        5,
        made("asgi_middleware.proxy_headers.ProxyHeadersMiddleware"),
        {"headers": PROXIED},
        {"uvicorn": made("uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware", "127.0.0.1")},
    ),
    (
        "csrf",
        2,
        made("asgi_middleware.csrf.CSRFMiddleware"),
        {"method": "POST"},
        {
            "starlette-csrf": made("starlette_csrf.CSRFMiddleware", SECRET),
            "asgi-cross-origin-protection": made("asgi_cross_origin_protection.CrossOriginProtection"),
        },
    ),
    (
        "security_headers",
        2,
        made("asgi_middleware.security_headers.SecurityHeadersMiddleware"),
        {},
        {"secure": made("secure.middleware.SecureASGIMiddleware"), "secweb": secweb},
    ),
    (
        "request_id",
        5,
        made("asgi_middleware.request_id.RequestIDMiddleware"),
        {},
        {"asgi-correlation-id": made("asgi_correlation_id.CorrelationIdMiddleware")},
    ),
    (
        "access_log",
        10,
        made("asgi_middleware.access_log.AccessLogMiddleware", background=False),
        {},
        {"asgi-logger": made("asgi_logger.AccessLoggerMiddleware")},
    ),
    (
        "metrics",
        None,
        made("asgi_middleware.metrics.PrometheusMiddleware"),
        {},
        {"prometheus-fastapi-instrumentator": instrumentator},
    ),
    ("server_timing", None, made("asgi_middleware.server_timing.ServerTimingMiddleware"), {}, {}),
    ("bearer, optional", None, made("asgi_middleware.bearer.BearerAuthMiddleware", len, optional=True), {}, {}),
    ("problems", None, made("asgi_middleware.problems.ProblemDetailsMiddleware"), {}, {}),
    ("rate_limit, memory", 8, made("asgi_middleware.rate_limit.RateLimitMiddleware", "9999999/second"), {}, {}),
    ("decompression", None, made("asgi_middleware.decompression.DecompressionMiddleware"), {}, {}),
    ("conditional", None, made("asgi_middleware.conditional.ConditionalMiddleware"), {}, {}),
    (
        "cors",
        None,
        made("asgi_middleware.cors.CORSMiddleware", allow_origins=["https://a.example"]),
        {"headers": [*HEADERS, (b"origin", b"https://a.example")]},
        {"starlette": made("starlette.middleware.cors.CORSMiddleware", allow_origins=["https://a.example"])},
    ),
    (
        "gzip, small answer",
        None,
        made("asgi_middleware.gzip.GZipMiddleware"),
        {"headers": [*HEADERS[:3], (b"accept-encoding", b"gzip, deflate")]},
        {"starlette": made("starlette.middleware.gzip.GZipMiddleware")},
    ),
    (
        "compression, small answer",
        None,
        made("asgi_middleware.compression.CompressionMiddleware"),
        {"headers": [*HEADERS[:3], (b"accept-encoding", b"gzip, deflate, br, zstd")]},
        {
            "starlette-compress": made("starlette_compress.CompressMiddleware"),
            "brotli-asgi": made("brotli_asgi.BrotliMiddleware"),
        },
    ),
    ("sessions, unused", None, made("asgi_middleware.sessions.SessionMiddleware", SECRET), {}, {}),
    ("trustedhost", None, made("asgi_middleware.trustedhost.TrustedHostMiddleware", ["testserver"]), {}, {}),
]


async def slice_of(app: Any, changes: dict[str, Any]) -> float:
    """Microseconds of CPU time for one request, the mean of a slice."""
    began = time.process_time()
    for _ in range(REQUESTS):
        await app(scope(**changes), receive, send)
    return (time.process_time() - began) / REQUESTS * 1e6


async def adds(app: Any, changes: dict[str, Any]) -> float:
    return min([await slice_of(app, changes) - await slice_of(bare, changes) for _ in range(ROUNDS)])


class Formatting(logging.Handler):
    """A handler that makes the line and drops it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


async def main(names: list[str]) -> None:
    access = logging.getLogger("asgi_middleware.access")
    access.setLevel(logging.INFO)
    access.propagate = False
    access.addHandler(Formatting())
    print("| middleware | adds, us | goal | incumbents |\n|---|---:|---:|---|")
    for name, goal, make, changes, incumbents in ROWS:
        if names and not any(name.startswith(wanted) for wanted in names):
            continue
        ours = await adds(make(bare), changes)
        beside = []
        for theirs, make_theirs in incumbents.items():
            try:
                beside.append(f"{theirs} {await adds(make_theirs(bare), changes):.2f}")
            except ImportError:
                beside.append(f"{theirs} is not installed")
        print(f"| {name} | {ours:.2f} | {goal or ''} | {', '.join(beside)} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
