"""A site whose workers count their requests together: PROMETHEUS_MULTIPROC_DIR says where."""

from __future__ import annotations

import os

from asgi_middleware.metrics import PrometheusMiddleware, metrics_app

_metrics = metrics_app()


async def _site(scope, receive, send):
    if scope["path"] == "/metrics":
        return await _metrics(scope, receive, send)
    headers = [(b"content-length", b"0"), (b"x-worker", b"%d" % os.getpid())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    return await send({"type": "http.response.body", "body": b""})


_measured = PrometheusMiddleware(_site, exclude=lambda scope: scope["path"] == "/metrics")


async def app(scope, receive, send):
    if scope["type"] in ("http", "websocket"):
        await _measured(scope, receive, send)
