"""Limit the bytes of request bodies, and of WebSocket messages (RFC 9110 §15.5.14).

    from asgi_middleware.body_limit import RequestBodyLimitMiddleware

    app = RequestBodyLimitMiddleware(app, max_body_size=10 * 1024 * 1024)

Nothing is buffered: the bytes are counted as the application reads them. An inner limit, of one route, replaces the
outer one, whether it is larger or smaller.
"""

from __future__ import annotations

from .._scope import SharedBody
from ._counter import ResponseSent
from ._middleware import LIMIT_SCOPE_KEY, RequestBodyLimitMiddleware, RequestBodyTooLarge

__all__ = ["LIMIT_SCOPE_KEY", "RequestBodyLimitMiddleware", "RequestBodyTooLarge", "ResponseSent", "SharedBody"]
