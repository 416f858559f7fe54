"""The middleware of asgi-middleware that speak of requests and responses here, where there are such things.

    from asgi_framework.middleware import AuthenticationMiddleware, ExceptionMiddleware, ServerErrorMiddleware

Handlers take `(request, exc)` and return a response; a backend gets an HTTPConnection. All others are used as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import asgi_middleware.authentication
import asgi_middleware.errors
import asgi_middleware.exceptions
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import HTTPConnection

from ._endpoints import Handler
from ._types import ASGIApp

ExceptionHandler = Callable[[Any, Any], Any]
"""`handler(request, exc) -> response`, sync or async; on a WebSocket `handler(websocket, exc)`."""


class ExceptionMiddleware(asgi_middleware.exceptions.ExceptionMiddleware):
    """Answers exceptions by status, then by class, then by themselves, with handlers `(request, exc) -> response`."""

    def __init__(
        self, app: ASGIApp, handlers: Mapping[Any, ExceptionHandler] | None = None, debug: bool = False
    ) -> None:
        super().__init__(app, handlers, debug, http_exception=HTTPException)

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Add a handler; raises TypeError, naming it, where it does not take a request and an exception."""
        super().add_exception_handler(exc_class_or_status_code, Handler(handler))


class ServerErrorMiddleware(asgi_middleware.errors.ServerErrorMiddleware):
    """Answers what nobody else did with 500, or what `handler(request, exc)` returns, and raises it again."""

    def __init__(
        self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False, *, show_locals: bool = False
    ) -> None:
        super().__init__(app, None if handler is None else Handler(handler), debug, show_locals=show_locals)


class AuthenticationMiddleware(asgi_middleware.authentication.AuthenticationMiddleware):
    """Asks a backend who a connection is from; the backend, and `on_error`, get an HTTPConnection."""

    def __init__(
        self, app: ASGIApp, backend: Any, on_error: Callable[[Any, Any], Any] | None = None, **options: Any
    ) -> None:
        super().__init__(app, backend, on_error, **{"connection": HTTPConnection, **options})
