"""Log each request and WebSocket once, when it has completely ended.

    import logging

    from asgi_middleware.access_log import AccessLogMiddleware

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    app = AccessLogMiddleware(app, style="json")

A record is written when the last byte of the response has been sent, the client has left, or the application has
failed. It has the status or the kind of failure, the time to the first byte and to the end, the bytes in both
directions, the client, the template of the route and the id of the request; `record.access` has every field. Records go
to the logger `asgi_middleware.access` from a separate thread, so that no handler blocks the event loop.
"""

from __future__ import annotations

from ._formats import Entry, combined, json_lines, logfmt
from ._middleware import AccessLogMiddleware

__all__ = ["AccessLogMiddleware", "Entry", "combined", "json_lines", "logfmt"]
