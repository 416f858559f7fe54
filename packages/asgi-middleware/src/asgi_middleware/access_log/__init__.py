"""Log each request and WebSocket once, when it has really ended.

    import logging

    from asgi_middleware.access_log import AccessLogMiddleware

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    app = AccessLogMiddleware(app, style="json")

A record is written when the last byte of the response has been sent, or the client has left, or the application has
failed: with the status or what happened instead, the time to the first byte and the whole time, the bytes both ways,
the client, the template of the route and the id of the request. Every field also stands on the record as
`record.access`. Records go to the logger `asgi_middleware.access` from a thread of their own, so that no handler
holds up the event loop.
"""

from __future__ import annotations

from ._formats import Entry, combined, json_lines, logfmt
from ._middleware import AccessLogMiddleware

__all__ = ["AccessLogMiddleware", "Entry", "combined", "json_lines", "logfmt"]
