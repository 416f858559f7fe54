"""Every path at one host, for one application."""

from __future__ import annotations

import re
from typing import Any

from .._scope import host_name
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import URLPath, build_pattern, parse_path, read_params
from ..types import ASGIApp, Receive, Scope, Send
from .base import BaseRoute, Match, url_of, whole_url_of
from .below import url_below


class Host(BaseRoute):
    """Every path at one host, such as `api.example.org` or `{tenant}.example.org`, for one application.

    Neither case nor port count when requests are matched (RFC 9110 §4.2.3). A malformed or repeated Host matches none.
    """

    def __init__(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        assert not host.startswith("/"), "Host must not start with '/'"
        self.host = host
        self.app = app
        self.name = name
        self.host_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.host_format, self.param_convertors = parse_path(host)
        self.host_regex: re.Pattern[str] = build_pattern(self.host_format, self.param_convertors)

    @property
    def base_app(self) -> ASGIApp:
        """The application."""
        return self.app

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application, where it has any."""
        routes: list[BaseRoute] = getattr(self.app, "routes", [])
        return routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        host = host_name(scope) if scope["type"] in ("http", "websocket") else None
        found = None if host is None else self.host_regex.match(host)
        params = None if found is None else read_params(found, self.param_convertors)
        if params is None:
            return Match.NONE, {}
        return Match.FULL, {"path_params": {**scope.get("path_params", {}), **params}, "endpoint": self.app}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if self.name is not None and name == self.name and "path" in path_params:
            path = path_params.pop("path")
            return URLPath(path, host=whole_url_of(name, self.host_format, self.param_convertors, path_params))
        if self.name is not None and not name.startswith(f"{self.name}:"):
            raise NoMatchFound(name, path_params, missing=["path"] if name == self.name else [])
        below = name if self.name is None else name[len(self.name) + 1 :]
        inner = {key: value for key, value in path_params.items() if key not in self.param_convertors}
        url = url_below(self.routes, below, inner, name, path_params)
        host, _ = url_of(name, self.host_format, self.param_convertors, path_params)
        return URLPath(url, protocol=url.protocol, host=host)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and self.host == other.host and self.app == other.app

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(host={self.host!r}, name={self.name or ''!r}, app={self.app!r})"
