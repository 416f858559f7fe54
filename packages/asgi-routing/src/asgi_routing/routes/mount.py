"""Everything below a path, for one application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from .._mistakes import template_mistake, warn_of
from .._patterns import Extract, PathPattern, extract_of
from .._scope import get_route_path
from .._urlpath import URLPath
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import parse_path
from ..types import ASGIApp, Receive, Scope, Send
from ._reverse import reverse
from .base import (
    PREFIX,
    UNMATCHED,
    BaseRoute,
    Match,
    MiddlewareRecords,
    Predicate,
    check_params,
    fill_template,
    put_back,
    set_predicate,
    take_query,
    wrap,
)

_REST = "/{path}"


class Mount(BaseRoute):
    """Everything below a path, for one application or for some routes.

    The application finds the path as it was, and the mount's own part added to `root_path`, as ASGI defines them.
    A subclass may set `router_class`, which makes an application of `routes`. `when` as for a Route.
    """

    router_class: ClassVar[Callable[[list[BaseRoute]], ASGIApp]]
    path_regex = PathPattern()
    _extract: Extract | None = None

    def __init__(
        self,
        path: str,
        app: ASGIApp | None = None,
        routes: Iterable[BaseRoute] | None = None,
        name: str | None = None,
        *,
        middleware: MiddlewareRecords | None = None,
        when: Predicate | None = None,
    ) -> None:
        assert path == "" or path.startswith("/"), "Routed paths must start with '/'"
        assert app is not None or routes is not None, "Either 'app=...', or 'routes=' must be specified"
        self.path = path.rstrip("/")  # "/" mounts at the root, whose own part of the path is empty
        self._base_app: ASGIApp = type(self).router_class(list(routes or ())) if app is None else app
        self.app: ASGIApp = wrap(self._base_app, middleware)
        set_predicate(self, when)
        self.name = name
        self.path_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.path_format, self.param_convertors = parse_path(f"{self.path}/{{path:path}}")
        warn_of(template_mistake(path), self)

    @property
    def base_app(self) -> ASGIApp:
        """The application without the middleware of the mount."""
        return self._base_app

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the mounted application, if it has any."""
        routes: list[BaseRoute] = getattr(self._base_app, "routes", [])
        return routes

    @property
    def full_path_format(self) -> str | None:
        """The template without `/{path}`, which is not the mount's: `/static`."""
        return self.path_format.removesuffix(_REST)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] not in ("http", "websocket"):
            return Match.NONE, {}
        route_path = get_route_path(scope)
        own_format = self.path_format.removesuffix(_REST)
        params = self._own_params(route_path, own_format)
        if params is None or (self.when is not None and not self.when(scope)):
            return Match.NONE, {}
        return Match.FULL, self.child_scope(scope, route_path, params)

    def child_scope(self, scope: Scope, route_path: str, params: dict[str, Any]) -> Scope:
        """Return the keys to be added to the scope for a path that matches; `params` may have the rest as `path`."""
        own_format = self.path_format.removesuffix(_REST)
        root_path = scope.get("root_path", "")
        return {
            "app_root_path": scope.get("app_root_path", root_path),
            "root_path": root_path.rstrip("/") + take_own_path(params, route_path, own_format),
            "path_params": {**scope.get("path_params", {}), **params},
            "endpoint": self.app,
            PREFIX: scope.get(PREFIX, "") + own_format,
        }

    def _own_params(self, route_path: str, own_format: str) -> dict[str, Any] | None:
        """Return the parameters of a matching path, with the rest as `path` unless the mount's own part is fixed."""
        if len(self.param_convertors) == 1 and "path_regex" not in vars(self):
            # With the slash: `/static` has nothing to do with `/statics`.
            return {} if route_path.startswith(f"{own_format}/") else None
        return extract_of(self)(route_path)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        if self.name is not None and name == self.name:
            if "path" in path_params:
                # The template has the slash, and in a link a second one would begin a host.
                path_params["path"] = str(path_params["path"]).lstrip("/")
            rest = take_query(self.param_convertors, path_params)
            check_params(name, self.param_convertors, path_params, ["path"])
            url = self.url_path_class(fill_template(name, self.path_format, self.param_convertors, path_params))
            return url.with_query(**rest) if rest else url
        # A mount without a name adds nothing to those of its routes.
        if self.name is not None and not name.startswith(f"{self.name}:"):
            raise NoMatchFound(name, path_params)
        below = name if self.name is None else name[len(self.name) + 1 :]
        own = {key: convertor for key, convertor in self.param_convertors.items() if key != "path"}
        inner = {key: value for key, value in path_params.items() if key not in own}
        found = reverse(self.routes, below, inner, name, path_params)
        given = {key: value for key, value in path_params.items() if key in own}
        prefix = fill_template(name, self.path_format.removesuffix(_REST), own, given)
        return self.url_path_class(prefix + found, protocol=found.protocol, host=found.host)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mount) and _key(self) == _key(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name or ''!r}, app={self.app!r})"


def _key(mount: Mount) -> tuple[object, ...]:
    return mount.path, mount.app, mount.when


def take_own_path(params: dict[str, Any], route_path: str, own_format: str) -> str:
    """Return the part of a path that a mount matched; take the rest, if it stands in the parameters, out of them."""
    rest = params.pop("path", None)
    # By the length of the rest: the convertors have changed the values, and 07 of the path is 7 by now.
    return own_format if rest is None else route_path[: len(route_path) - len(rest) - 1]


async def serve_mount(
    mount: Mount,
    shown: BaseRoute,
    template: str,
    own_path: str,
    params: dict[str, Any],
    router: object,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Do as `serve_match` does for a mount whose `handle` is the one above, in half the steps."""
    path_params, root_path = scope.get("path_params"), scope.get("root_path")
    app_root_path, prefix = scope.get("app_root_path"), scope.get(PREFIX)
    nested = UNMATCHED in scope
    app = mount.app
    scope["route"] = shown
    scope["endpoint"] = app
    scope["path_params"] = {**path_params, **params} if path_params else params
    if app_root_path is None:
        scope["app_root_path"] = root_path or ""
    # A server may be configured with a final slash, which would stand there twice.
    scope["root_path"] = root_path.rstrip("/") + own_path if root_path else own_path
    scope[PREFIX] = template if prefix is None else prefix + template
    scope[UNMATCHED] = False
    try:
        await app(scope, receive, send)
    finally:
        unmatched = scope.pop(UNMATCHED, False)
        # The mount around this one learns it as well: nothing was found below it either.
        if nested:
            scope[UNMATCHED] = unmatched
        # At any end: it is for the routers inside, while middleware outside may read the other keys.
        put_back(scope, PREFIX, prefix)
        if unmatched:
            put_back(scope, "path_params", path_params)
            put_back(scope, "root_path", root_path)
            put_back(scope, "app_root_path", app_root_path)
            if scope.get("router") is router:
                del scope["router"]
