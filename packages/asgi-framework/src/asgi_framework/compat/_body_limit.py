"""The body limit with Starlette's names and exceptions."""

from __future__ import annotations

from typing import Any

import asgi_middleware.body_limit

from ..routing import BodyTooLarge
from ..types import ASGIApp, Receive, Scope, Send


class RequestBodyLimitMiddleware(asgi_middleware.body_limit.RequestBodyLimitMiddleware):
    """Middleware that raises a 413 for the exception handlers if a body exceeds `max_body_size` bytes."""

    def __init__(self, app: ASGIApp, max_body_size: int, **options: Any) -> None:
        super().__init__(app, max_body_size, **{"too_large": BodyTooLarge, **options})


class RequestBodyLimitResponder:
    """The limit for one request."""

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await RequestBodyLimitMiddleware(self.app, self.max_body_size)(scope, receive, send)


def get_content_length(scope: Scope) -> int | None:
    """Return the declared length of a body, or None if there is none or it is not a number."""
    for name, value in scope["headers"]:
        if name.lower() == b"content-length":
            # int() alone takes signs, spaces and underscores, which proxies read otherwise or not at all.
            return int(value) if value.isdigit() else None
    return None
