"""The span of each request, and the two instruments that measure them."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from functools import cached_property
from typing import TYPE_CHECKING

from .._headers import RawHeaders, all_values
from .._marked import marked_async
from .._route import route_of
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._attributes import error_type, method_of, request_attributes

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, MeterProvider, UpDownCounter
    from opentelemetry.propagators.textmap import Getter
    from opentelemetry.trace import Span, Tracer, TracerProvider

    _Getter = Getter[RawHeaders]
else:
    _Getter = object  # opentelemetry-api may not be installed, and extract() only needs the two methods

_NAME = "asgi_middleware"
_SCHEMA = "https://opentelemetry.io/schemas/1.36.0"
# The conventions recommend these boundaries; the SDK's own are meant for milliseconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class _HeaderGetter(_Getter):
    def get(self, carrier: RawHeaders, key: str) -> list[str] | None:
        values = [value.decode("latin-1") for value in all_values(carrier, key.lower().encode())]
        return values or None

    def keys(self, carrier: RawHeaders) -> list[str]:
        return [name.decode("latin-1").lower() for name, _ in carrier]


_GETTER = _HeaderGetter()


class Telemetry:
    """A tracer and two instruments, made at the first request, since providers may be set after the application.

    Raises ImportError without opentelemetry-api.
    """

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        try:
            from opentelemetry import context, metrics, propagate, trace
        except ImportError as exc:
            message = "tracing needs opentelemetry-api: pip install asgi-middleware[opentelemetry]"
            raise ImportError(message) from exc
        self._context, self._metrics, self._propagate, self._api = context, metrics, propagate, trace
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider

    @cached_property
    def _tracer(self) -> Tracer:
        return self._api.get_tracer(_NAME, tracer_provider=self._tracer_provider, schema_url=_SCHEMA)

    @cached_property
    def _instruments(self) -> tuple[Histogram, UpDownCounter]:
        meter = self._metrics.get_meter(_NAME, meter_provider=self._meter_provider, schema_url=_SCHEMA)
        durations = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        active = meter.create_up_down_counter(
            "http.server.active_requests", unit="{request}", description="Number of active HTTP server requests."
        )
        return durations, active

    async def trace(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application inside a span, in the same task; the span ends with the response."""
        # Not start_as_current_span, whose context manager would end the span only after background work.
        span = self._tracer.start_span(
            _span_name(scope, None),
            context=self._propagate.extract(scope.get("headers", ()), getter=_GETTER),
            kind=self._api.SpanKind.SERVER,
            attributes=request_attributes(scope),
        )
        response = _TracedResponse(span, scope, send, self._instruments if scope["type"] == "http" else None)
        token = self._context.attach(self._api.set_span_in_context(span))
        try:
            await app(scope, receive, response.send)
        except Exception as exc:
            response.fail(exc)
            raise
        finally:
            self._context.detach(token)
            response.end()


class _TracedResponse:
    """A `send` that notes the status of a response, and ends the span with its last message."""

    __slots__ = (
        "_common",
        "_ended",
        "_error",
        "_instruments",
        "_scope",
        "_send",
        "_span",
        "_started",
        "_status",
        "_with_trailers",
    )

    def __init__(
        self, span: Span, scope: Scope, send: Send, instruments: tuple[Histogram, UpDownCounter] | None
    ) -> None:
        self._span = span
        self._scope = scope
        self._send = send
        self._instruments = instruments
        self._common = {"http.request.method": method_of(scope), "url.scheme": scope.get("scheme", "http")}
        self._status: int | None = None
        self._error: str | None = None
        self._with_trailers = False
        self._ended = False
        self._started = time.perf_counter()
        if instruments is not None:
            instruments[1].add(1, self._common)

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.body" and (message.get("more_body", False) or self._with_trailers):
            return self._send(message)
        if kind in ("http.response.start", "websocket.http.response.start"):
            self._status = message["status"]
            self._with_trailers = message.get("trailers", False)
        elif kind == "websocket.accept":
            self._status = 101
        elif kind == "websocket.close" and self._status is None:
            self._status = 403  # servers answer a handshake that is closed before the accept with this (ASGI)
        elif _is_last(message):
            return self._send_last(message)
        return self._send(message)

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        self.end()

    def fail(self, exc: Exception) -> None:
        """Record an exception that was raised before the response was complete.

        If nothing was sent an outer middleware, or the server, answers with status 500.
        """
        if self._ended:
            return
        if self._status is None:
            self._status = 500
        self._error = error_type(exc)
        self._span.record_exception(exc)
        self._mark_failed(f"{type(exc).__name__}: {exc}")

    def _mark_failed(self, description: str | None) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, description))

    def end(self) -> None:
        """End the span and record the measurements, once."""
        if self._ended:
            return
        self._ended = True
        seconds = time.perf_counter() - self._started
        if self._error is None and self._status is not None and self._status >= 500:
            self._error = str(self._status)
            self._mark_failed(None)
        route = route_of(self._scope)
        attributes = {
            "http.response.status_code": self._status,
            "http.route": route,
            "error.type": self._error,
            "network.protocol.version": self._scope.get("http_version"),
        }
        outcome = {name: value for name, value in attributes.items() if value is not None}
        # The route is known only now: the router has written it into this very scope.
        self._span.update_name(_span_name(self._scope, route))
        self._span.set_attributes(outcome)
        self._span.end()
        if self._instruments is not None:
            durations, active = self._instruments
            active.add(-1, self._common)
            durations.record(seconds, self._common | outcome)


def _is_last(message: Message) -> bool:
    """Return whether a message ends the response; the caller has ruled out a body with more to come."""
    kind = message["type"]
    if kind == "http.response.trailers":
        return not message.get("more_trailers", False)
    return kind in ("http.response.body", "http.response.pathsend") or (
        kind == "http.response.zerocopysend" and not message.get("more_body", False)
    )


def _span_name(scope: Scope, route: str | None) -> str:
    method = method_of(scope)
    verb = "HTTP" if method == "_OTHER" else method
    return verb if route is None else f"{verb} {route}"
