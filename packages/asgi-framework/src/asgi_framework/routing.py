"""Routes with functions as endpoints: `function(request) -> response`, sync or async, or `function(websocket)`.

    from asgi_framework import JSONResponse
    from asgi_framework.routing import Mount, Route

    async def user(request):
        return JSONResponse({"id": request.path_params["id"]})

    routes = [Mount("/api", routes=[Route("/users/{id:int}", user, methods=["GET", "DELETE"])])]

A class, such as an HTTPEndpoint, and any other callable object is an ASGI application; exceptions of a class are
handled inside the middleware of its route, as those of functions are. For a path that no route matches HTTPException is
raised within an App, so that its exception handlers see it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from functools import cached_property
from typing import Any, Unpack

import asgi_routing
from asgi_middleware.exceptions import SCOPE_KEY
from asgi_requests.exceptions import HTTPException
from asgi_requests.urls import URL
from asgi_routing import BaseRoute, Match, NoMatchFound
from asgi_routing.lifespan import Lifespan
from asgi_routing.router import RouterOptions
from asgi_routing.routes import AllowedMethods, Predicate, RouteOptions

from ._endpoints import handle_exceptions, request_response, websocket_session
from ._signatures import is_function
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "BaseRoute",
    "Host",
    "Match",
    "Mount",
    "NoMatchFound",
    "Route",
    "Router",
    "URLPath",
    "WebSocketRoute",
    "request_response",
    "websocket_session",
]

Endpoint = Callable[..., Any]
Records = Iterable[Iterable[Any]]


class URLPath(asgi_routing.URLPath):
    """The path of a URL, percent-encoded; `make_absolute_url` returns the whole URL."""

    __slots__ = ()

    def make_absolute_url(self, base_url: str | URL) -> URL:  # type: ignore[override]
        """Return the whole URL, at the scheme, host and root path of `base_url`."""
        return URL(super().make_absolute_url(base_url))


class Route(asgi_routing.Route):
    """A path, its methods, and the function or ASGI application that serves them.

    `max_body_size` is in bytes and replaces the limit of the application or mount around the route; a larger body gets
    413. `when` and `openapi` are those of `asgi_routing.Route`.
    """

    url_path_class = URLPath

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: Records | None = None,
        max_body_size: int | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        self.max_body_size = max_body_size
        super().__init__(
            path,
            endpoint,
            methods=methods,
            name=name,
            include_in_schema=include_in_schema,
            middleware=_limited(middleware, max_body_size),
            **options,
        )

    def application(self, endpoint: Endpoint) -> ASGIApp:
        """Return the ASGI application of an endpoint: functions are adapted, exceptions of a class are handled."""
        # An instance with `__call__` is an ASGI application, as in Starlette: only functions get a Request.
        if is_function(endpoint):
            return request_response(endpoint)
        return handle_exceptions(endpoint) if isinstance(endpoint, type) else endpoint

    async def method_not_allowed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raise HTTPException(405) for the exception handlers of an App; outside one, answer it."""
        if SCOPE_KEY not in scope:  # this router is used alone, without an App
            return await super().method_not_allowed(scope, receive, send)
        raise MethodNotAllowed(self.allowed_methods(scope))


class WebSocketRoute(asgi_routing.WebSocketRoute):
    """A path, and the function or ASGI application that serves WebSockets there."""

    url_path_class = URLPath

    def application(self, endpoint: Endpoint) -> ASGIApp:
        """Return the ASGI application of an endpoint: only functions are adapted."""
        return websocket_session(endpoint) if is_function(endpoint) else endpoint


class Mount(asgi_routing.Mount):
    """Everything below a path, for one application or for some routes; `max_body_size` as for a Route."""

    url_path_class = URLPath

    def __init__(
        self,
        path: str,
        app: ASGIApp | None = None,
        routes: Sequence[BaseRoute] | None = None,
        name: str | None = None,
        *,
        middleware: Records | None = None,
        max_body_size: int | None = None,
        when: Predicate | None = None,
    ) -> None:
        self.max_body_size = max_body_size
        super().__init__(path, app, routes, name, middleware=_limited(middleware, max_body_size), when=when)


class Host(asgi_routing.Host):
    """Everything at a host name, for one application."""

    url_path_class = URLPath


class Router(asgi_routing.Router):
    """Routes in their order, as one application; `max_body_size` as for a Route."""

    route_class = Route
    websocket_route_class = WebSocketRoute
    mount_class = Mount
    host_class = Host
    url_path_class = URLPath

    def __init__(
        self,
        routes: Sequence[BaseRoute] | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan | None = None,
        *,
        middleware: Records | None = None,
        max_body_size: int | None = None,
        **options: Unpack[RouterOptions],
    ) -> None:
        self.max_body_size = max_body_size
        records = _limited(middleware, max_body_size)
        super().__init__(routes, redirect_slashes, default, lifespan, middleware=records, **options)

    def not_found(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Raise HTTPException(404) for the exception handlers of an App; outside one, return what answers it."""
        # A WebSocket is closed instead: there is no status that an exception handler could choose.
        if scope["type"] == "http" and SCOPE_KEY in scope:
            raise HTTPException(404)
        return super().not_found(scope, receive, send)


# Set here because the two classes refer to each other.
Mount.router_class = Router


_DETAIL = "Method Not Allowed"
_BODY = _DETAIL.encode()
_FIELDS = (b"content-length", b"%d" % len(_BODY)), (b"content-type", b"text/plain; charset=utf-8")


class MethodNotAllowed(HTTPException):
    """Raised where the routes of a path have other methods: a 405 that exception handlers see.

    Its response is made when the routes are compiled. `headers` are made when a handler asks for them, and count from
    then on: a handler may add to them.
    """

    status_code = 405
    detail = _DETAIL

    def __init__(self, allowed: AllowedMethods) -> None:
        self.allowed = allowed

    @cached_property
    def headers(self) -> dict[str, str]:  # type: ignore[override]
        """The headers of the response, as every HTTPException has them."""
        return {"Allow": ", ".join(self.allowed)}

    def messages(self, scope: Scope) -> tuple[Message, Message]:
        """Return the messages of the response; made before unless a handler has looked at it or changed it."""
        if len(self.__dict__) > 1:  # more than `allowed`
            return super().messages(scope)
        return (
            {"type": "http.response.start", "status": 405, "headers": [self.allowed.field, *_FIELDS]},
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _BODY},
        )


class BodyTooLarge(HTTPException):
    """Raised when a body of more than `limit` bytes is read: a 413 for the exception handlers."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(413, "Content Too Large")
        self.limit = limit


def _limited(middleware: Records | None, max_body_size: int | None) -> list[Iterable[Any]]:
    """Return the records with the body limit first, so that it applies to every middleware that reads the body."""
    records = list(middleware or ())
    if max_body_size is not None:
        from asgi_middleware.body_limit import RequestBodyLimitMiddleware  # most routes have none

        records.insert(0, (RequestBodyLimitMiddleware, (max_body_size,), {"too_large": BodyTooLarge}))
    return records
