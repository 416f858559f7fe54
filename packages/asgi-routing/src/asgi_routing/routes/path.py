"""The common part of routes for HTTP and for WebSockets: one path, and the application that serves it."""

from __future__ import annotations

from typing import Any, ClassVar

from .._mistakes import endpoint_mistake, template_mistake, warn_of
from .._patterns import Extract, PathPattern, extract_of
from .._scope import get_route_path
from .._urlpath import URLPath
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import parse_path
from ..types import ASGIApp, Receive, Scope, Send
from .base import (
    BaseRoute,
    Match,
    MiddlewareRecords,
    Predicate,
    check_params,
    fill_template,
    get_name,
    set_predicate,
    take_query,
    wrap,
)

_NONE, _FULL = Match.NONE, Match.FULL  # Python 3.11 looks members up by a function


class PathRoute(BaseRoute):
    """One path, and the ASGI application that serves connections of one type there.

    A subclass may override `application`, which makes an ASGI application of an endpoint. `when` as for a Route.
    """

    scope_type: ClassVar[str]
    path_regex = PathPattern()
    _extract: Extract | None = None

    def __init__(
        self,
        path: str,
        endpoint: Any,
        *,
        name: str | None = None,
        middleware: MiddlewareRecords | None = None,
        when: Predicate | None = None,
    ) -> None:
        assert path.startswith("/"), "Routed paths must start with '/'"
        self.path = path
        self.endpoint = endpoint
        self.name: str = get_name(endpoint) if name is None else name
        self.path_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.path_format, self.param_convertors = parse_path(path)
        app = self.application(endpoint)
        warn_of(template_mistake(path), self)
        warn_of(endpoint_mistake(app, endpoint), self)
        self.app: ASGIApp = wrap(app, middleware)
        set_predicate(self, when)

    def application(self, endpoint: Any) -> ASGIApp:
        """Return the ASGI application that an endpoint is; `endpoint` itself stays as it was given."""
        app: ASGIApp = endpoint
        return app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != self.scope_type:
            return _NONE, {}
        params = (self._extract or extract_of(self))(get_route_path(scope) if scope.get("root_path") else scope["path"])
        if params is None or (self.when is not None and not self.when(scope)):
            return _NONE, {}
        child_scope = {"endpoint": self.endpoint, "path_params": {**scope.get("path_params", {}), **params}}
        return self._match_method(scope), child_scope

    def _match_method(self, scope: Scope) -> Match:
        """Return how the route matches a connection on its path."""
        return _FULL

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if name != self.name:
            raise NoMatchFound(name, path_params)
        rest = take_query(self.param_convertors, path_params)
        check_params(name, self.param_convertors, path_params, self.param_convertors)
        path = fill_template(name, self.path_format, self.param_convertors, path_params)
        url = self.url_path_class(path, protocol=self.scope_type)
        return url.with_query(**rest) if rest else url

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    __hash__ = None  # type: ignore[assignment]
