"""One span and one measurement for every request, in the words of OpenTelemetry's stable HTTP conventions.

    app = OpenTelemetryMiddleware(app, excluded_urls="healthz,metrics")

Spans are named by the route (`GET /users/{id}`), which routing leaves in the scope. Where they go is for the
providers to say, by default the global ones. Needs opentelemetry-api: `pip install asgi-middleware[opentelemetry]`.
"""

from __future__ import annotations

from ._middleware import OpenTelemetryMiddleware

__all__ = ["OpenTelemetryMiddleware"]
