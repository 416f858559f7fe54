"""Give each request an id, which appears in its log records and its response.

    import logging

    from asgi_middleware.request_id import RequestIDFilter, RequestIDMiddleware

    app = RequestIDMiddleware(app)
    handler = logging.StreamHandler()
    handler.addFilter(RequestIDFilter())            # record.request_id, record.trace_id
    handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))

A valid id of the client is kept, so that one id follows a request through several services; otherwise a new one is
made. It is in the scope under `asgi_middleware.request_id`, in the context variable `request_id`, which tasks and
worker threads inherit, and in the headers of the response or the accepted WebSocket. Put it around the whole
application, so that error responses have it too.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import NamedTuple

from ._configuration import application, check_function
from ._headers import RawHeaders, first_value, reader_of, without
from ._scope import request_headers
from ._watch import ChangedResponse
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestIDFilter", "RequestIDMiddleware", "TraceContext", "parse_traceparent", "request_id", "trace_context"]

SCOPE_KEY = "asgi_middleware.request_id"
TRACE_KEY = "asgi_middleware.trace_context"

request_id: ContextVar[str] = ContextVar("asgi_middleware.request_id", default="-")
"""The id of the current request, `-` outside a request."""

# Nothing that could break a log line, a header or a shell: UUIDs, ULIDs, base64 and the ids of common proxies pass.
_CLEAN = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]*)?")
_HEADS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class TraceContext(NamedTuple):
    """The position of a request in a trace (W3C Trace Context §3.2): ids in lower-case hex, and the sampled flag."""

    trace_id: str
    parent_id: str
    sampled: bool


trace_context: ContextVar[TraceContext | None] = ContextVar("asgi_middleware.trace_context", default=None)
"""The trace that the current request belongs to."""


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562 §5.7): ids sort by their time of creation."""
    octets = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10))
    octets[6] = octets[6] & 0x0F | 0x70  # the version
    octets[8] = octets[8] & 0x3F | 0x80  # the variant
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_traceparent(value: bytes) -> TraceContext | None:
    """Return the trace context of a traceparent field, or None if it is invalid (W3C Trace Context §3.2.2).

    Version ff and ids of zeros are invalid; later versions may be longer than version 00.
    """
    found = _TRACEPARENT.fullmatch(value)
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5]):
        return None
    trace_id, parent_id = found[2].decode(), found[3].decode()
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return TraceContext(trace_id, parent_id, bool(int(found[4], 16) & 1))


def _new_trace() -> TraceContext:
    """Return a trace that begins here, and is not sampled."""
    ids = os.urandom(24).hex()
    return TraceContext(ids[:32], ids[32:], False)


def _with_field(field: tuple[bytes, bytes], start: Message) -> Message:
    """Return the start of a response with a field in place of any of its name."""
    headers = list(start.get("headers") or ())
    if first_value(headers, field[0]) is not None:
        headers = without(headers, field[0])
    return {**start, "headers": [*headers, field]}


class RequestIDMiddleware:
    """Middleware that gives each request and WebSocket an id and sets it once on the response.

    `header` is read and set. `trust_client=False` makes a new id for every request. `generate` makes ids (by default
    UUIDs of version 7). The id of a client is kept if it is sent once, has at most 128 characters, and only characters
    that are safe in logs. `traceparent` is parsed into the scope under `asgi_middleware.trace_context`; a request
    without a valid one starts a new trace.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        header: str = "x-request-id",
        trust_client: bool = True,
        generate: Callable[[], str] = new_id,
    ) -> None:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header):
            raise ValueError(f"header={header!r} is not a valid header name (RFC 9110 §5.1)")
        check_function("generate", generate, "no arguments, which returns a str")
        self.app = application(app, self)
        self.trust_client = trust_client
        self.generate = generate
        self._header = header.lower().encode("ascii")
        self._read = reader_of(self._header, b"traceparent")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        identity, trace = self._identify(request_headers(scope))
        scope[SCOPE_KEY] = identity
        scope[TRACE_KEY] = trace
        # The trace is not sent back: a traceparent belongs to requests (W3C Trace Context §3).
        response = ChangedResponse(send, partial(_with_field, (self._header, identity.encode("latin-1"))), _HEADS)
        token, trace_token = request_id.set(identity), trace_context.set(trace)
        try:
            return await self.app(scope, receive, response.send)
        finally:
            request_id.reset(token)
            trace_context.reset(trace_token)

    def _identify(self, headers: RawHeaders) -> tuple[str, TraceContext]:
        """Return the id and the trace of a request, the client's own if they are valid and sent once."""
        identity, trace = None, None
        if sent := self._read(headers):
            ids, traces = sent.get(self._header, ()), sent.get(b"traceparent", ())
            if self.trust_client and len(ids) == 1 and _CLEAN.fullmatch(ids[0]):
                identity = ids[0].decode("ascii")
            if len(traces) == 1:
                trace = parse_traceparent(traces[0])
        return self.generate() if identity is None else identity, trace or _new_trace()


class RequestIDFilter(logging.Filter):
    """A logging filter that sets `request_id` and `trace_id` on every record, `-` outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        trace = trace_context.get()
        record.trace_id = "-" if trace is None else trace.trace_id
        return True
