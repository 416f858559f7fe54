"""Trace and measure every request by OpenTelemetry's stable semantic conventions for HTTP.

    from asgi_middleware.opentelemetry import OpenTelemetryMiddleware

    app = OpenTelemetryMiddleware(app, excluded_urls="healthz,metrics")

Spans are named by the route (`GET /users/{id}`), which the router writes into the scope. The providers decide where
they are exported, by default the global ones. Needs opentelemetry-api: `pip install asgi-middleware[opentelemetry]`.
"""

from __future__ import annotations

from ._middleware import OpenTelemetryMiddleware

__all__ = ["OpenTelemetryMiddleware"]
