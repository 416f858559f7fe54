"""A path, some methods, and the application that serves them."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from types import FunctionType, MethodType
from typing import Any, TypedDict

from .._allow import AllowedMethods
from .._mistakes import check_methods
from .._replies import send_text
from ..types import Receive, Scope, Send
from .base import Match, MiddlewareRecords, Predicate
from .path import PathRoute

ALLOWED_METHODS = "asgi_routing.allowed_methods"
_PARTIAL, _FULL = Match.PARTIAL, Match.FULL


class RouteOptions(TypedDict, total=False):
    """The options of a Route that came after Starlette's; see there."""

    when: Predicate | None
    openapi: Mapping[str, Any] | None


class Route(PathRoute):
    """One path, some methods, and the ASGI application that serves them.

    A function without `methods` serves GET; any other endpoint gets every method. HEAD goes with GET.
    A subclass may override `application`, which makes an ASGI application of an endpoint.
    `when` is asked with the scope once path and type match: where it returns a false value the route does not match,
    and the next is tried. The headers that it reads belong in the `Vary` of the responses.
    `openapi` is what OpenAPI calls an operation, for all methods, or one by method: `{"get": {...}}`.
    Raises TypeError for `methods` that are one text, and for a `when` that is async.
    """

    scope_type = "http"
    openapi: Mapping[str, Any] | None = None

    def __init__(
        self,
        path: str,
        endpoint: Any,
        *,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: MiddlewareRecords | None = None,
        when: Predicate | None = None,
        openapi: Mapping[str, Any] | None = None,
    ) -> None:
        check_methods(methods)
        super().__init__(path, endpoint, name=name, middleware=middleware, when=when)
        if openapi is not None:
            self.openapi = openapi
        self.include_in_schema = include_in_schema
        self.methods: set[str] | None
        if methods is None:
            self.methods = {"GET", "HEAD"} if is_function(endpoint) else None
        else:
            self.methods = {method.upper() for method in methods}
            if "GET" in self.methods:  # RFC 9110 §9.1: a server supports both
                self.methods.add("HEAD")

    def _match_method(self, scope: Scope) -> Match:
        return _PARTIAL if self.methods and scope["method"] not in self.methods else _FULL

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            return await self.method_not_allowed(scope, receive, send)
        return await self.app(scope, receive, send)

    async def method_not_allowed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 405 with the methods that the path allows (RFC 9110 §15.5.6); a subclass may raise instead."""
        await send_text(scope, send, 405, "Method Not Allowed", [self.allowed_methods(scope).field])

    def allowed_methods(self, scope: Scope) -> AllowedMethods:
        """Return the methods for `Allow`, sorted: within a router those of every route at the path, else its own."""
        allowed: AllowedMethods | None = scope.get(ALLOWED_METHODS)
        return AllowedMethods(self.methods or ()) if allowed is None else allowed

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Route)
            and self.path == other.path
            and self.endpoint == other.endpoint
            and self.methods == other.methods
            and self.when == other.when
        )

    __hash__ = None

    def __repr__(self) -> str:
        methods = sorted(self.methods or [])
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r}, methods={methods!r})"


def is_function(endpoint: Any) -> bool:
    """Return whether an endpoint is a function or a method, perhaps with some arguments bound."""
    # Not callable(): an object with __call__ is an ASGI application, and serves every method.
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return isinstance(endpoint, (FunctionType, MethodType))
