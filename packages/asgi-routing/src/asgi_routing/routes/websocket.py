"""A path, and the application that speaks WebSocket there."""

from __future__ import annotations

from typing import Any

from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import URLPath, get_route_path, parse_path, read_params
from ..types import ASGIApp, Receive, Scope, Send
from .base import BaseRoute, Match, MiddlewareRecords, PathPattern, get_name, whole_url_of, wrap


class WebSocketRoute(BaseRoute):
    """One path, and the ASGI application that speaks WebSocket there.

    A subclass may override `application`, which makes an ASGI application of an endpoint.
    """

    path_regex = PathPattern()

    def __init__(
        self, path: str, endpoint: Any, *, name: str | None = None, middleware: MiddlewareRecords | None = None
    ) -> None:
        assert path.startswith("/"), "Routed paths must start with '/'"
        self.path = path
        self.endpoint = endpoint
        self.name: str = get_name(endpoint) if name is None else name
        self.path_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.path_format, self.param_convertors = parse_path(path)
        self.app: ASGIApp = wrap(self.application(endpoint), middleware)

    def application(self, endpoint: Any) -> ASGIApp:
        """The ASGI application that an endpoint is; `endpoint` itself stays as it was given."""
        app: ASGIApp = endpoint
        return app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "websocket":
            return Match.NONE, {}
        found = self.path_regex.match(get_route_path(scope))
        params = None if found is None else read_params(found, self.param_convertors)
        if params is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": {**scope.get("path_params", {}), **params}}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if name != self.name:
            raise NoMatchFound(name, path_params)
        path = whole_url_of(name, self.path_format, self.param_convertors, path_params)
        return URLPath(path, protocol="websocket")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocketRoute) and self.path == other.path and self.endpoint == other.endpoint

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r})"
