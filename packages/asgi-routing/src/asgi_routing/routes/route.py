"""A path, some methods, and the application that answers them."""

from __future__ import annotations

import functools
from collections.abc import Collection
from types import FunctionType, MethodType
from typing import Any

from .._replies import reply
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import URLPath, get_route_path, parse_path, read_params
from ..types import ASGIApp, Receive, Scope, Send
from .base import BaseRoute, Match, MiddlewareRecords, PathPattern, get_name, whole_url_of, wrap

ALLOWED_METHODS = "asgi_routing.allowed_methods"


class Route(BaseRoute):
    """One path, some methods, and the ASGI application that answers them.

    A function without `methods` answers GET; any other endpoint is given every method. HEAD goes with GET.
    A subclass may override `application`, which makes an ASGI application of an endpoint.
    """

    path_regex = PathPattern()

    def __init__(
        self,
        path: str,
        endpoint: Any,
        *,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: MiddlewareRecords | None = None,
    ) -> None:
        assert path.startswith("/"), "Routed paths must start with '/'"
        self.path = path
        self.endpoint = endpoint
        self.name: str = get_name(endpoint) if name is None else name
        self.include_in_schema = include_in_schema
        self.path_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.path_format, self.param_convertors = parse_path(path)
        self.methods: set[str] | None
        if methods is None:
            self.methods = {"GET", "HEAD"} if is_function(endpoint) else None
        else:
            self.methods = {method.upper() for method in methods}
            if "GET" in self.methods:
                self.methods.add("HEAD")
        self.app: ASGIApp = wrap(self.application(endpoint), middleware)

    def application(self, endpoint: Any) -> ASGIApp:
        """The ASGI application that an endpoint is; `endpoint` itself stays as it was given."""
        app: ASGIApp = endpoint
        return app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self.path_regex.match(get_route_path(scope))
        params = None if found is None else read_params(found, self.param_convertors)
        if params is None:
            return Match.NONE, {}
        child_scope = {"endpoint": self.endpoint, "path_params": {**scope.get("path_params", {}), **params}}
        allowed = not self.methods or scope["method"] in self.methods
        return (Match.FULL if allowed else Match.PARTIAL), child_scope

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if name != self.name:
            raise NoMatchFound(name, path_params)
        path = whole_url_of(name, self.path_format, self.param_convertors, path_params)
        return URLPath(path, protocol="http")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            return await self.method_not_allowed(scope, receive, send)
        return await self.app(scope, receive, send)

    async def method_not_allowed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 405 with the methods that the path allows (RFC 9110 §15.5.6); a subclass may raise instead."""
        allow = ", ".join(self.allowed_methods(scope)).encode("latin-1")
        await reply(scope, send, 405, "Method Not Allowed", [(b"allow", allow)])

    def allowed_methods(self, scope: Scope) -> list[str]:
        """The methods for `Allow`, sorted: those of every route at the path where a router asked, else its own."""
        return sorted(scope.get(ALLOWED_METHODS) or self.methods or ())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Route)
            and self.path == other.path
            and self.endpoint == other.endpoint
            and self.methods == other.methods
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        methods = sorted(self.methods or [])
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r}, methods={methods!r})"


def is_function(endpoint: Any) -> bool:
    """Whether an endpoint is a function or a method, perhaps with some arguments bound."""
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return isinstance(endpoint, (FunctionType, MethodType))
