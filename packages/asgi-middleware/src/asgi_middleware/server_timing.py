"""Show in the browser's developer tools where a request has spent its time (W3C Server Timing).

    from asgi_middleware.server_timing import ServerTimingMiddleware, timed

    async def page(scope, receive, send):
        with timed("db", "two queries"):
            ...

    app = ServerTimingMiddleware(page, visible=lambda scope: scope["path"].startswith("/internal"))

Timings reveal the internals of a site, and timing differences may reveal secrets: `visible` decides who sees them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._configuration import application, check_function
from ._headers import all_values, without
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ServerTimingMiddleware", "timed"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_measured: ContextVar[list[str] | None] = ContextVar("asgi_middleware.server_timing", default=None)


@contextmanager
def timed(name: str, description: str = "") -> Iterator[None]:
    """Measure a block. Has no effect without the middleware, and after the response has begun.

    Raises ValueError for a name that is not a token and a description that is not printable ASCII.
    """
    if not _TOKEN.fullmatch(name) or not (description.isascii() and (description.isprintable())):
        raise ValueError(f"timed({name!r}, {description!r}): use a token and a description in printable ASCII")
    metrics = _measured.get()
    if metrics is None:
        yield
        return
    began = time.perf_counter()
    try:
        yield
    finally:
        metrics.append(_metric(name, time.perf_counter() - began, description))


class ServerTimingMiddleware:
    """Middleware that sends a Server-Timing header with the `timed` blocks and the time to the response.

    Only requests for which `visible(scope)` is true get it. The application's own metrics come first.
    """

    def __init__(self, app: ASGIApp, *, visible: Callable[[Scope], bool] = lambda scope: True) -> None:
        check_function("visible", visible)
        self.app = application(app, self)
        self.visible = visible

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.visible(scope):
            return await self.app(scope, receive, send)
        began = time.perf_counter()  # monotonic: the wall clock may be set back during a request
        metrics: list[str] = []

        async def send_with_timing(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.append(_metric("total", time.perf_counter() - began, ""))
                pairs = list(message.get("headers", ()))
                fields = [*all_values(pairs, b"server-timing"), ", ".join(metrics).encode("ascii")]
                pairs = [*without(pairs, b"server-timing"), (b"server-timing", b", ".join(fields))]
                message = {**message, "headers": pairs}
            await send(message)

        # Tasks and worker threads that the application starts inherit the list, and append to it.
        token = _measured.set(metrics)
        try:
            return await self.app(scope, receive, send_with_timing)
        finally:
            _measured.reset(token)


def _metric(name: str, seconds: float, description: str) -> str:
    """Return one metric; a description is a quoted string (RFC 9110 §5.6.4)."""
    escaped = description.replace("\\", "\\\\").replace('"', '\\"')
    return f"{name};dur={seconds * 1000:.1f}" + (f';desc="{escaped}"' if escaped else "")
