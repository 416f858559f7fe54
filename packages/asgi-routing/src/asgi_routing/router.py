"""A table of routes as one ASGI application.

    from asgi_routing import Route, Router

    async def hello(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"Hello, " + scope["path_params"]["name"].encode()})

    router = Router([Route("/hello/{name}", hello)])
    assert router.url_path_for("hello", name="you & me") == "/hello/you%20&%20me"

The first route that matches path and method answers; what matches none is a 404 or a 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from ._allow import AllowedMethods
from ._lookup import IndexedRoute, Lookup
from ._mistakes import lifespan_mistake, warn_of
from ._replies import reject, send_text
from ._routelist import RouteList
from ._scope import get_route_path
from ._unmatched import child_scope_of, serve_partial, serve_unmatched
from ._urlpath import URLPath
from .lifespan import Lifespan, as_context, run_lifespan
from .routes import BaseRoute, Host, Mount, Route, WebSocketRoute
from .routes._reverse import reverse
from .routes.base import PREFIX, MiddlewareRecords, serve_match, wrap
from .routes.mount import serve_mount, take_own_path
from .routes.route import ALLOWED_METHODS
from .types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from .check import Finding


__all__ = ["Router", "RouterOptions"]


class RouterOptions(TypedDict, total=False):
    """The options of a Router beyond Starlette's; see there."""

    auto_options: bool
    redirect_status: int
    absolute_redirects: bool
    lifespan_of_mounts: bool


class Router:
    """An application that gives each request to the first of its routes that matches, in order of declaration.

    `default` serves what no route matches. `auto_options` answers OPTIONS with 204 and `Allow` where no route does.
    Paths that are right but for the last slash are redirected with `redirect_status`, which keeps the method (307,
    308), to a relative URL, or with `absolute_redirects` to one that names the request's host, in mounts too.
    `lifespan_of_mounts` starts and stops the mounted applications too.
    """

    route_class: ClassVar[Callable[..., BaseRoute]] = Route
    websocket_route_class: ClassVar[Callable[..., BaseRoute]] = WebSocketRoute
    mount_class: ClassVar[Callable[..., BaseRoute]] = Mount
    host_class: ClassVar[Callable[..., BaseRoute]] = Host
    url_path_class: ClassVar[type[URLPath]] = URLPath

    def __init__(
        self,
        routes: Iterable[BaseRoute] | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan | None = None,
        *,
        middleware: MiddlewareRecords | None = None,
        auto_options: bool = False,
        redirect_status: int = 307,
        absolute_redirects: bool = False,
        lifespan_of_mounts: bool = False,
    ) -> None:
        self._routes = RouteList(routes or ())
        self.redirect_slashes = redirect_slashes
        self.default: ASGIApp = self.not_found if default is None else default
        warn_of(lifespan_mistake(lifespan), self)
        self.lifespan_context = as_context(lifespan)
        self.auto_options = auto_options
        self.redirect_status = redirect_status
        self.absolute_redirects = absolute_redirects
        self.lifespan_of_mounts = lifespan_of_mounts
        records = list(middleware or ())  # an iterator can be read once
        self._is_plain = not records and type(self).app is _APP
        # Noted, so that a `__call__` that is patched later is noticed.
        self._call = type(self).__call__
        self.middleware_stack: ASGIApp = self.dispatch if self._is_plain else wrap(self.app, records)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, in the order in which they are tried: a list to change at any time. Setting it copies."""
        return self._routes

    @routes.setter
    def routes(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = RouteList(routes)

    @property
    def entrance(self) -> ASGIApp:
        """The callable that an application around the router calls in its place, which saves two coroutines.

        It is the router itself where that has middleware, or a `__call__` or `app` that is overridden or patched.
        """
        untouched = self._is_plain and type(self).__call__ is _CALL and self.middleware_stack == self.dispatch
        return self.dispatch if untouched else self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, through the middleware of the router."""
        if "router" not in scope:
            scope["router"] = self
        stack = self.middleware_stack
        await stack(scope, receive, send)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, within the middleware."""
        if "router" not in scope:
            scope["router"] = self
        await self.dispatch(scope, receive, send)

    def dispatch(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Find the route, write it to the scope, and return what serves the connection, to be awaited.

        This is not a coroutine function: a request that a route serves needs none for the router.
        """
        return self.application_for(scope)(scope, receive, send)

    def application_for(self, scope: Scope) -> ASGIApp:
        """Write the route of a connection to its scope, and return the application to call with this scope.

        That is the `app` of a route that matches, whose `handle` would do nothing but call it.
        """
        routes = self._routes
        if scope["type"] == "http":
            lookup = routes.http or routes.compile("http")
            method = scope["method"]
        elif scope["type"] == "websocket":
            lookup = routes.websocket or routes.compile("websocket")
            method = ""
        else:
            assert scope["type"] == "lifespan", f"Routers serve HTTP, WebSocket and lifespan, not {scope['type']!r}"
            return self.lifespan
        prefix = None
        if "router" in scope:
            prefix = scope.get(PREFIX)
        else:
            # An outer application has called `entrance`; `__call__` may have been patched since.
            scope["router"] = self
            if self.__class__.__call__ is not self._call:
                return self
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        known = lookup.static.get((path, method))
        if known is not None:
            route, params = known
            params = {**params} if params else {}  # the table's own would be changed by the application
        else:
            indexed, params = lookup.find(path, method, scope)
            if indexed is None:
                if params:
                    return partial(serve_partial, self, lookup, params)
                return partial(serve_unmatched, self, lookup, path)
            route = indexed.route
            if not indexed.direct:
                return self._indirect_application(lookup, indexed, params, path, scope)
        if "path_params" in scope:
            params = {**scope["path_params"], **params}
        shown = lookup.view(route, prefix) if prefix else route
        if route.__class__.handle is not lookup.handle:  # overridden, or wrapped by instrumentation
            keys = {"endpoint": route.endpoint, "path_params": params}
            return partial(serve_match, route, shown, keys, self)
        scope["path_params"] = params
        scope["endpoint"] = route.endpoint
        scope["route"] = shown
        app: ASGIApp = route.app
        return app

    def _indirect_application(
        self, lookup: Lookup, indexed: IndexedRoute, found: Any, path: str, scope: Scope
    ) -> ASGIApp:
        """Return the application for a match of a mount, a host, or a route with its own `matches` or `handle`."""
        route = indexed.route
        shown = lookup.view(route, scope.get(PREFIX, ""))
        template = indexed.mount
        if template is None:
            child_scope = child_scope_of(indexed, found, scope)
        elif route.__class__.handle is _MOUNT_HANDLE and "handle" not in vars(route):
            return partial(serve_mount, route, shown, template, take_own_path(found, path, template), found, self)
        else:
            child_scope = route.child_scope(scope, path, found)
        return partial(serve_match, route, shown, child_scope, self)

    def is_match(self, scope: Scope) -> bool:
        """Return whether some route matches an HTTP request, even if with other methods only."""
        lookup = self._routes.http or self._routes.compile("http")
        indexed, partial = lookup.find(get_route_path(scope), scope["method"], scope)
        return indexed is not None or bool(partial)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404, or deny a WebSocket; a subclass may raise instead."""
        await reject(scope, receive, send)

    async def answer_options(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS with 204 and the methods that the path allows (RFC 9110 §9.3.7)."""
        allowed: AllowedMethods = scope[ALLOWED_METHODS]
        await send_text(scope, send, 204, headers=[allowed.field])

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan: the context of this router and, with `lifespan_of_mounts`, of what is mounted in it."""
        await run_lifespan(self, scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Return the path of the route of that name, percent-encoded.

        `query={"page": 2, "tag": ["a", "b"]}` and `fragment="top"` follow it, as `URLPath.with_query` writes them;
        where the path has a parameter of that name, it is the parameter.
        Raises NoMatchFound if no route has that name and these parameters, or a convertor refuses a value.
        """
        url = reverse(self._routes, name, path_params, name, path_params)
        return url if isinstance(url, self.url_path_class) else self.url_path_class(url, url.protocol, url.host)

    def check(self) -> list[Finding]:
        """Return what is wrong with the table: routes that are never reached, duplicate names, mistakes in paths."""
        from .check import check_routes

        return check_routes(self.routes)

    def __str__(self) -> str:
        from .table import format_table

        return format_table(self.routes)

    def mount(self, path: str, app: ASGIApp, name: str | None = None, **options: Any) -> None:
        """Add an application for everything below a path; `options` as for `add_route`."""
        self.routes.append(type(self).mount_class(path, app=app, name=name, **options))

    def host(self, host: str, app: ASGIApp, name: str | None = None, **options: Any) -> None:
        """Add an application for everything at a host; `options` as for `add_route`."""
        self.routes.append(type(self).host_class(host, app=app, name=name, **options))

    def add_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        **options: Any,
    ) -> None:
        """Add an endpoint for one path; `options` are others of the class of the route, such as `when`."""
        options |= {"methods": methods, "name": name, "include_in_schema": include_in_schema}
        self.routes.append(type(self).route_class(path, endpoint=endpoint, **options))

    def add_websocket_route(
        self, path: str, endpoint: Callable[..., Any], name: str | None = None, **options: Any
    ) -> None:
        """Add an endpoint for the WebSockets of one path; `options` as for `add_route`."""
        self.routes.append(type(self).websocket_route_class(path, endpoint=endpoint, name=name, **options))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Router) and self.routes == other.routes

    __hash__ = None  # type: ignore[assignment]


Mount.router_class = Router

# As they are written here: instrumentation may put functions of its own in their place.
_CALL, _APP, _MOUNT_HANDLE = Router.__call__, Router.app, Mount.handle
