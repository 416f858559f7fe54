"""Write a middleware as a generator function: before the response, at its head, after its end.

    @around_http
    async def timing(scope, *, header="server-timing"):
        began = perf_counter()
        start = yield
        start.headers[header] = f"app;dur={(perf_counter() - began) * 1000:.1f}"
        yield
        print(scope["path"], perf_counter() - began)

    app = timing(app, header="x-timing")

The application is awaited in place: no task, no queue, no buffer. To answer instead of it, yield an ASGI application.
A function that awaits nothing may do without `async`, which costs less. `When` and `Stack` choose and combine.
"""

from __future__ import annotations

from ._compose import Stack, When
from ._generators import Around, PlainAround, around_http
from ._response_start import ResponseHeaders, ResponseStart

__all__ = ["Around", "PlainAround", "ResponseHeaders", "ResponseStart", "Stack", "When", "around_http"]
