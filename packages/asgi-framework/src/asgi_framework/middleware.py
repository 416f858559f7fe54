"""The middleware of asgi-middleware that speak of requests and responses here, where there are such things.

    from asgi_framework.middleware import AuthenticationMiddleware, ExceptionMiddleware, ServerErrorMiddleware

Handlers take `(request, exc)` and return a response; a backend gets an HTTPConnection. All others are used as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import asgi_middleware.authentication
import asgi_middleware.errors
import asgi_middleware.exceptions
from asgi_requests.exceptions import HTTPException
from asgi_requests.requests import HTTPConnection

from ._endpoints import Handler
from .types import ASGIApp

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

    @property
    def _exception_handlers(self) -> MutableMapping[Any, ExceptionHandler]:
        """The handlers by class, as they were given: instrumentation written for Starlette wraps them here."""
        return _Functions(self._by_class)

    @property
    def _status_handlers(self) -> MutableMapping[Any, ExceptionHandler]:
        """The handlers by status."""
        return _Functions(self._by_status)


class _Functions(MutableMapping[Any, ExceptionHandler]):
    """A table of handlers that shows the functions of the application."""

    def __init__(self, handlers: dict[Any, Any]) -> None:
        self._handlers = handlers

    def __getitem__(self, key: Any) -> ExceptionHandler:
        function: ExceptionHandler = self._handlers[key].function
        return function

    def __setitem__(self, key: Any, function: ExceptionHandler) -> None:
        self._handlers[key] = Handler(function)

    def __delitem__(self, key: Any) -> None:
        del self._handlers[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)

    def copy(self) -> dict[Any, ExceptionHandler]:
        """The functions by key, as they are now."""
        return dict(self)


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
