"""A table of routes as one ASGI application.

async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Hello, " + scope["path_params"]["name"].encode()})

router = Router([Route("/hello/{name}", hello)])
assert router.url_path_for("hello", name="you & me") == "/hello/you%20&%20me"
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ._matcher import Candidate, Matcher
from ._replies import reply, reply_not_found
from ._routelist import RouteList
from ._slashes import other_slash, slash_redirect
from .lifespan import Lifespan, as_context, run_lifespan
from .paths import URLPath, get_route_path
from .routes import BaseRoute, Host, Mount, Route, WebSocketRoute
from .routes.base import PREFIX, MiddlewareRecords, enter, wrap
from .routes.below import url_below
from .routes.route import ALLOWED_METHODS
from .types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from .check import Finding


class Router:
    """Gives each request to the first of its routes that matches, in order of declaration.

    `default` answers where no route does. `auto_options` answers OPTIONS with 204 and `Allow` where no route does.
    Paths that are right but for the last slash are redirected with `redirect_status`, which keeps the method (307,
    308), to a relative URL, or with `absolute_redirects` to one that names the request's host.
    `lifespan_of_mounts` starts and stops the mounted applications too.
    """

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
        self.lifespan_context = as_context(lifespan)
        self.auto_options = auto_options
        self.redirect_status = redirect_status
        self.absolute_redirects = absolute_redirects
        self.lifespan_of_mounts = lifespan_of_mounts
        records = list(middleware or ())
        plain = not records and type(self).app is Router.app
        self.middleware_stack: ASGIApp = self._answer if plain else wrap(self.app, records)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, in the order in which they are asked: a list to change at any time. Setting it copies."""
        return self._routes

    @routes.setter
    def routes(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = RouteList(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; the middleware of the router comes first."""
        stack = self.middleware_stack
        await stack(scope, receive, send)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, within the middleware."""
        await self._answer(scope, receive, send)

    def _answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """What answers the scope, to be awaited: it is no coroutine itself, which every request would pay for."""
        routes = self._routes
        kind = scope["type"]
        if kind == "http":
            matcher = routes.http or routes.compile(kind)
            method = scope["method"]
        elif kind == "websocket":
            matcher = routes.websocket or routes.compile(kind)
            method = ""
        else:
            assert kind == "lifespan", f"Routers serve HTTP, WebSocket and lifespan, not {kind!r}"
            return self.lifespan(scope, receive, send)
        prefix = None
        if "router" in scope:
            prefix = scope.get(PREFIX)
        else:
            scope["router"] = self
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        known = matcher.known[method].get(path) if method in matcher.known else None
        if known is not None:
            route, params = known
            found: Any = params.copy()
        else:
            candidate, found = matcher.find(path, method, scope)
            if candidate is None:
                return self._unmatched(matcher, scope, receive, send, path, found)
            route = candidate.route
            if not candidate.direct:
                return enter(route, scope, _keys(candidate, found, scope), receive, send)
        if "path_params" in scope:
            found = {**scope["path_params"], **found}
        scope["path_params"] = found
        scope["endpoint"] = route.endpoint
        scope["route"] = matcher.view(route, prefix) if prefix else route
        app: ASGIApp = route.app
        return app(scope, receive, send)

    def _unmatched(
        self,
        matcher: Matcher,
        scope: Scope,
        receive: Receive,
        send: Send,
        path: str,
        partial: Sequence[tuple[Candidate, Any]],
    ) -> Awaitable[None]:
        """What answers where no route matches fully: what matches but for its method or its slash, else `default`."""
        if partial:
            return self._answer_in_part(scope, receive, send, partial)
        if self.redirect_slashes and len(path) > 1 and scope["type"] == "http" and matcher.concerns(other_slash(path)):
            location = slash_redirect(self, scope)
            if location is not None:
                return reply(scope, send, self.redirect_status, headers=[(b"location", location)])
        return self.default(scope, receive, send)

    async def _answer_in_part(
        self, scope: Scope, receive: Receive, send: Send, partial: Sequence[tuple[Candidate, Any]]
    ) -> None:
        """Let the first route that matches but for its method answer; it finds the methods of all of them."""
        allowed = {method for candidate, _ in partial for method in candidate.methods or ()}
        if self.auto_options:
            allowed.add("OPTIONS")
        scope[ALLOWED_METHODS] = tuple(sorted(allowed))
        try:
            if self.auto_options and scope["method"] == "OPTIONS":
                return await self.answer_options(scope, receive, send)
            candidate, found = partial[0]
            return await enter(candidate.route, scope, _keys(candidate, found, scope), receive, send)
        finally:
            del scope[ALLOWED_METHODS]

    def is_match(self, scope: Scope) -> bool:
        """Whether some route matches an HTTP request, be it with other methods only."""
        matcher = self._routes.http or self._routes.compile("http")
        candidate, partial = matcher.find(get_route_path(scope), scope["method"], scope)
        return candidate is not None or bool(partial)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404, or refuse a WebSocket; a subclass may raise instead."""
        await reply_not_found(scope, receive, send)

    async def answer_options(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS with 204 and the methods that the path allows (RFC 9110 §9.3.7)."""
        allow = ", ".join(scope[ALLOWED_METHODS]).encode("latin-1")
        await reply(scope, send, 204, headers=[(b"allow", allow)])

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan: the context of this router, and within it that of mounted applications, if so asked."""
        await run_lifespan(self, scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route of that name, percent-encoded; raises NoMatchFound where no route takes it."""
        return url_below(self._routes, name, path_params, name, path_params)

    def check(self) -> list[Finding]:
        """What is wrong with the table: routes that are never reached, and routes of one name."""
        from .check import check_routes

        return check_routes(self.routes)

    def __str__(self) -> str:
        from .table import format_table

        return format_table(self.routes)

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Add an application for everything below a path."""
        self.routes.append(Mount(path, app=app, name=name))

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Add an application for everything at a host."""
        self.routes.append(Host(host, app=app, name=name))

    def add_route(
        self,
        path: str,
        endpoint: Callable[..., Awaitable[Any]],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Add an application for one path."""
        self.routes.append(
            Route(path, endpoint=endpoint, methods=methods, name=name, include_in_schema=include_in_schema)
        )

    def add_websocket_route(self, path: str, endpoint: Callable[..., Awaitable[Any]], name: str | None = None) -> None:
        """Add an application for the WebSockets of one path."""
        self.routes.append(WebSocketRoute(path, endpoint=endpoint, name=name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Router) and self.routes == other.routes

    __hash__ = None  # type: ignore[assignment]


def _keys(candidate: Candidate, found: Any, scope: Scope) -> Scope:
    """The scope keys of a match: what its `matches` said, or those that come with its parameters."""
    if candidate.read is None:
        keys: Scope = found
        return keys
    endpoint = getattr(candidate.route, "endpoint", None)
    return {"endpoint": endpoint, "path_params": {**scope.get("path_params", {}), **found}}
