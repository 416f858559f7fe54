"""The application: routes, middleware and exception handlers, wired together.

from asgi_framework import App, Middleware, Route, SessionMiddleware

app = App(
    routes=[Route("/", index)],
    middleware=[Middleware(SessionMiddleware, secret_key="...")],
    exception_handlers={404: not_found},
)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec

from asgi_middleware import Middleware
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_requests.state import State
from asgi_routing import BaseRoute, URLPath
from asgi_routing.lifespan import Lifespan

from ._endpoints import Handler, describe
from .middleware import ExceptionHandler, ExceptionMiddleware, ServerErrorMiddleware
from .routing import BodyTooLarge, Endpoint, Router
from .types import ASGIApp, Receive, Scope, Send

P = ParamSpec("P")


class App:
    """An ASGI application of routes, middleware and exception handlers.

    From the outside in: server errors, the body limit, `middleware` in its order, exceptions, the router. `lifespan`
    is an async context manager function of the application; what it yields is in `request.state`. `max_body_size` is
    in bytes. With `debug`, errors are shown in the browser and routes that nothing can reach are logged.
    Raises ValueError for an exception handler that could never be called, TypeError for one that cannot be.
    """

    def __init__(
        self,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan | None = None,
        *,
        max_body_size: int | None = None,
    ) -> None:
        self.debug = debug
        self.state: State = State()
        self.router = Router(routes, lifespan=lifespan)
        self.max_body_size = max_body_size
        self.exception_handlers: dict[Any, ExceptionHandler] = {}
        self.user_middleware: list[Middleware] = list(middleware or ())
        self.middleware_stack: ASGIApp | None = None
        for key, handler in (exception_handlers or {}).items():
            self.add_exception_handler(key, handler)

    def build_middleware_stack(self) -> ASGIApp:
        """The whole application as one callable; made before the first request, and never again."""
        error_handler = None
        handlers = {}
        for key, handler in self.exception_handlers.items():
            if key in (500, Exception):
                error_handler = handler
            else:
                handlers[key] = handler
        app: ASGIApp = ExceptionMiddleware(self.router.entrance, handlers, self.debug)
        for cls, args, kwargs in reversed(self.user_middleware):
            app = _build(cls, app, args, kwargs)
        if self.max_body_size is not None:
            app = RequestBodyLimitMiddleware(app, self.max_body_size, too_large=BodyTooLarge)
        if self.debug:
            self._log_findings()
        return ServerErrorMiddleware(app, error_handler, self.debug)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        stack = self.middleware_stack
        if stack is None:
            stack = self.middleware_stack = self.build_middleware_stack()
        await stack(scope, receive, send)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the router, in the order in which they are tried."""
        return self.router.routes

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route of that name; raises NoMatchFound where there is none with these parameters."""
        return self.router.url_path_for(name, **path_params)

    def add_route(
        self,
        path: str,
        route: Endpoint,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Add a Route at the end."""
        self.router.add_route(path, route, methods=methods, name=name, include_in_schema=include_in_schema)

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Add a Mount at the end."""
        self.router.mount(path, app=app, name=name)

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Add a Host at the end."""
        self.router.host(host, app=app, name=name)

    def add_middleware(
        self, middleware_class: Callable[Concatenate[ASGIApp, P], ASGIApp], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Put a middleware outside of those there are; raises RuntimeError after the first request."""
        if self.middleware_stack is not None:
            raise RuntimeError("Cannot add middleware after an application has started")
        self.user_middleware.insert(0, Middleware(middleware_class, *args, **kwargs))

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Have `handler(request, exc)` answer an exception class or a status; 500 and Exception are for what is left.

        Raises ValueError for a key that could never match, TypeError for a handler of another signature.
        """
        key: object = exc_class_or_status_code
        if not isinstance(key, int) and not (isinstance(key, type) and issubclass(key, Exception)):
            raise ValueError(f"an exception handler is for a status code or an Exception class, not {key!r}")
        Handler(handler)
        self.exception_handlers[key] = handler

    def _log_findings(self) -> None:
        import logging

        for finding in self.router.check():
            logging.getLogger("asgi_framework").warning("%s", finding)


def _build(cls: Any, app: ASGIApp, args: Any, kwargs: Any) -> ASGIApp:
    """The application within one middleware; raises TypeError, naming it, where that makes no application."""
    built: ASGIApp = cls(app, *args, **kwargs)
    if not callable(built):
        raise TypeError(
            f"the middleware {describe(cls)} made {built!r}: a middleware is a class or function that takes an "
            "ASGI application and returns one"
        )
    return built
