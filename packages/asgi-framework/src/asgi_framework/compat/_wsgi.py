"""The parts of the WSGI middleware that Starlette names."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import asgi_middleware.wsgi

from ..types import Receive, Scope, Send


class WSGIResponder:
    """A WSGI application and one request for it."""

    def __init__(self, app: Callable[..., Any], scope: Scope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        await asgi_middleware.wsgi.WSGIMiddleware(self.app)(self.scope, receive, send)


def build_environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The environ of a request with this body (PEP 3333)."""
    return asgi_middleware.wsgi.build_environ(scope, io.BytesIO(body))
