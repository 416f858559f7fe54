"""Write a middleware as a generator function, which runs before the response, at its head and after its end.

    from time import perf_counter

    from asgi_middleware.around import around_http

    @around_http
    async def timing(scope, *, header="server-timing"):
        began = perf_counter()
        start = yield
        start.headers[header] = f"app;dur={(perf_counter() - began) * 1000:.1f}"
        yield
        print(scope["path"], perf_counter() - began)

    app = timing(app, header="x-timing")

The application is awaited in the same task, without queue or buffer. To answer in its place, yield an ASGI application.
A function that awaits nothing may be a plain generator, which costs less. `When` applies a middleware to some requests,
`Stack` combines several.
"""

from __future__ import annotations

from ._compose import Stack, When
from ._generators import Around, PlainAround, around_http
from ._response_start import ResponseHeaders, ResponseStart

__all__ = ["Around", "PlainAround", "ResponseHeaders", "ResponseStart", "Stack", "When", "around_http"]
