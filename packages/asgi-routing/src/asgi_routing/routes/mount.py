"""Everything below a path, for one application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import URLPath, get_route_path, parse_path, read_params, without_authority
from ..types import ASGIApp, Receive, Scope, Send
from .base import PREFIX, BaseRoute, Match, MiddlewareRecords, PathPattern, url_of, whole_url_of, wrap
from .below import url_below


class Mount(BaseRoute):
    """Everything below a path, for one application or for some routes.

    The application finds the path as it was, and the mount's own part added to `root_path`, as ASGI defines them.
    A subclass may override `make_router`, which makes an application of `routes`.
    """

    path_regex = PathPattern()

    def __init__(
        self,
        path: str,
        app: ASGIApp | None = None,
        routes: Iterable[BaseRoute] | None = None,
        name: str | None = None,
        *,
        middleware: MiddlewareRecords | None = None,
    ) -> None:
        assert path == "" or path.startswith("/"), "Routed paths must start with '/'"
        assert app is not None or routes is not None, "Either 'app=...', or 'routes=' must be specified"
        self.path = path.rstrip("/")
        self._base_app: ASGIApp = self.make_router(routes or ()) if app is None else app
        self.app: ASGIApp = wrap(self._base_app, middleware)
        self.name = name
        self.path_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.path_format, self.param_convertors = parse_path(f"{self.path}/{{path:path}}")

    def make_router(self, routes: Iterable[BaseRoute]) -> ASGIApp:
        """The application for the routes of a mount that was given no `app`."""
        from ..router import Router

        return Router(routes)

    @property
    def base_app(self) -> ASGIApp:
        """The application without the middleware of the mount."""
        return self._base_app

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the mounted application, where it has any."""
        routes: list[BaseRoute] = getattr(self._base_app, "routes", [])
        return routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] not in ("http", "websocket"):
            return Match.NONE, {}
        route_path = get_route_path(scope)
        own_format = self.path_format[:-7]  # without /{path}
        params = self._own_params(route_path, own_format)
        if params is None:
            return Match.NONE, {}
        remaining = params.pop("path", None)
        own_path = own_format if remaining is None else route_path[: len(route_path) - len(remaining) - 1]
        root_path = scope.get("root_path", "")
        base = root_path.rstrip("/")
        child_scope = {
            "path_params": {**scope.get("path_params", {}), **params},
            "app_root_path": scope.get("app_root_path", root_path),
            "root_path": base + own_path,
            "endpoint": self.app,
            PREFIX: scope.get(PREFIX, "") + own_format,
        }
        if base and route_path is scope["path"]:
            child_scope["path"] = base + route_path  # the server left the root path out
        return Match.FULL, child_scope

    def _own_params(self, route_path: str, own_format: str) -> dict[str, Any] | None:
        """The parameters of a matching path, and the rest of it as `path` unless the mount's own part is fixed."""
        if len(self.param_convertors) == 1 and "path_regex" not in vars(self):
            return {} if route_path.startswith(own_format) and route_path[len(own_format) :][:1] == "/" else None
        found = self.path_regex.match(route_path)
        return None if found is None else read_params(found, self.param_convertors)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if self.name is not None and name == self.name:
            if "path" in path_params:
                path_params["path"] = str(path_params["path"]).lstrip("/")
            return URLPath(whole_url_of(name, self.path_format, self.param_convertors, path_params))
        if self.name is not None and not name.startswith(f"{self.name}:"):
            raise NoMatchFound(name, path_params)
        below = name if self.name is None else name[len(self.name) + 1 :]
        own = {key: convertor for key, convertor in self.param_convertors.items() if key != "path"}
        inner = {key: value for key, value in path_params.items() if key not in own}
        url = url_below(self.routes, below, inner, name, path_params)
        prefix, _ = url_of(name, self.path_format.removesuffix("/{path}"), own, path_params)
        return URLPath(without_authority(prefix + url), protocol=url.protocol, host=url.host)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mount) and self.path == other.path and self.app == other.app

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name or ''!r}, app={self.app!r})"
