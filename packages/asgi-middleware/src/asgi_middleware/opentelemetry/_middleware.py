"""The middleware: it decides which requests are traced; `_telemetry` makes the spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._configuration import application
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._attributes import url_of
from ._telemetry import Telemetry

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_KEY = "asgi_middleware.opentelemetry"


class OpenTelemetryMiddleware:
    """Middleware that traces and measures requests: a server span each, their duration, and how many are active.

    `excluded_urls` are regular expressions, as a list or separated by commas, searched in the whole URL. If several
    instances surround one request the outermost decides: it traces the request, or excludes its URL for all. With
    `websockets` each WebSocket is one span of its whole life. Raises ImportError without opentelemetry-api.

    Around an application it sees every response. As one of the application's middlewares it is inside the one that
    answers unhandled exceptions, and records status 500 for them; handlers of Exception run after the span.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        excluded_urls: str | Sequence[str] = (),
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        websockets: bool = False,
    ) -> None:
        patterns = excluded_urls.split(",") if isinstance(excluded_urls, str) else excluded_urls
        patterns = [pattern.strip() for pattern in patterns if pattern.strip()]
        self.app = application(app, self)
        self._types = ("http", "websocket") if websockets else ("http",)
        self._excluded = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None
        self._telemetry = Telemetry(tracer_provider, meter_provider)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in self._types or _KEY in scope:
            return await self.app(scope, receive, send)
        request_headers(scope)
        scope[_KEY] = True
        try:
            if self._excluded is not None and self._excluded.search(url_of(scope)):
                await self.app(scope, receive, send)
            else:
                await self._telemetry.trace(self.app, scope, receive, send)
        finally:
            scope.pop(_KEY, None)
        return None
