"""Combinators of middlewares: one for some requests only, several as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send


class Factory:
    """A function from application to application; it unpacks like a `Middleware` record, to stand among them."""

    def __iter__(self) -> Iterator[Any]:
        return iter((self, (), {}))


class When(Factory):
    """Middleware only for the requests and WebSockets whose scope satisfies `predicate`; the others bypass it.

    `middleware` is a class, any callable that takes an application, or a record `Middleware(cls, ...)`. Raises
    TypeError for a predicate that is not callable, such as `When("/api", ...)`, and for an invalid middleware.
    """

    def __init__(self, predicate: Callable[[Scope], object], middleware: Any) -> None:
        _check_predicate(predicate)
        self.predicate = predicate
        self.middleware = _checked(middleware)

    def __call__(self, app: ASGIApp, /) -> ASGIApp:
        return _Conditional(app, self.predicate, _wrap(self.middleware, app))

    def __repr__(self) -> str:
        return f"When({getattr(self.predicate, '__name__', self.predicate)}, {self.middleware!r})"


class _Conditional:
    __slots__ = ("app", "predicate", "wrapped")

    def __init__(self, app: ASGIApp, predicate: Callable[[Scope], object], wrapped: ASGIApp) -> None:
        self.app = app
        self.predicate = predicate
        self.wrapped = wrapped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        request_headers(scope)  # the predicate may read them before the application does
        return await (self.wrapped if self.predicate(scope) else self.app)(scope, receive, send)


class Stack(Factory):
    """Several middlewares as one, the first of them outermost, each in a form that `When` accepts."""

    def __init__(self, *middleware: Any) -> None:
        self.middleware = tuple(map(_checked, middleware))

    def __call__(self, app: ASGIApp, /) -> ASGIApp:
        for middleware in reversed(self.middleware):
            app = _wrap(middleware, app)
        return app

    def __repr__(self) -> str:
        return f"Stack({', '.join(map(repr, self.middleware))})"


def _check_predicate(predicate: object) -> None:
    if not callable(predicate):
        hint = f": lambda scope: scope['path'].startswith({predicate!r})" if isinstance(predicate, str) else ""
        raise TypeError(f"When needs a function of the scope, not {predicate!r}{hint}")


def _checked(middleware: Any) -> Any:
    """Return a middleware; raise TypeError for anything else."""
    if callable(middleware):
        return middleware
    try:
        record = tuple(middleware) if iter(middleware) is middleware else middleware
        cls, _, _ = record
    except (TypeError, ValueError):
        cls = None
    if not callable(cls):
        raise TypeError(f"{middleware!r} is not a middleware: write a class, or Middleware(cls, ...) with arguments")
    return record


def _wrap(middleware: Any, app: ASGIApp) -> ASGIApp:
    if callable(middleware):
        wrapped: ASGIApp = middleware(app)
        return wrapped
    cls, args, kwargs = middleware
    built: ASGIApp = cls(app, *args, **kwargs)
    return built
