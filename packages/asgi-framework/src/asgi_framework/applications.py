"""The application, assembled from routes, middleware and exception handlers.

    from asgi_framework import App, Middleware, PlainTextResponse, Route, SessionMiddleware

    async def index(request):
        return PlainTextResponse("Hello")

    async def not_found(request, exc):
        return PlainTextResponse("Nothing here", 404)

    app = App(
        routes=[Route("/", index)],
        middleware=[Middleware(SessionMiddleware, secret_key="...")],
        exception_handlers={404: not_found},
    )

Any ASGI server runs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ParamSpec

from asgi_middleware import Middleware, MiddlewareFactory
from asgi_middleware.errors import ERRORS_KEY
from asgi_middleware.exceptions import SCOPE_KEY, answer_itself
from asgi_requests.jsoncodec import JSONCodec, apply_codec, check_codec, current_codec, restore_codec, serve_with_codec
from asgi_requests.requests import Request
from asgi_requests.state import State
from asgi_routing import BaseRoute, URLPath
from asgi_routing.lifespan import Lifespan

from ._checks import check_debug, check_handlers, check_lifespan, check_middleware, check_record, check_size
from ._serving import (
    HTTP_EXCEPTION_CALL,
    RESPONSE_CALL,
    FunctionApplication,
    answer_in_turn,
    application_of,
    watcher_of,
)
from ._signatures import describe
from ._stack import EXCEPTION_CALL, SERVER_ERROR_CALL, ErrorMiddleware, RoutingMiddleware
from .middleware import ExceptionHandler, ExceptionMiddleware, ServerErrorMiddleware
from .routing import BodyTooLarge, Endpoint, Router
from .types import ASGIApp, Message, Receive, Scope, Send

P = ParamSpec("P")
_current_codec = current_codec.get


class App:
    """An ASGI application of routes, middleware and exception handlers.

    The layers, outermost first: server errors, the body limit, `middleware` in its order, exceptions, the router.
    `lifespan` is an async context manager function of the application; the mapping that it yields is in
    `request.state`. `max_body_size` is in bytes. `redirect_slashes` and `auto_options` are the router's. `json` is the
    codec of all JSON that is read and written: an object with `dumps` and `loads`, such as `orjson_codec()`; by default
    that of an application around this one, otherwise the standard library. With `debug` errors are shown in the
    browser, and unreachable routes are logged. Raises TypeError for an argument of the wrong type; warns of a handler
    that could never be called.
    """

    # An attribute of the class, because FastAPI does not call this constructor.
    json: JSONCodec | None = None

    def __init__(
        self,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan | None = None,
        *,
        max_body_size: int | None = None,
        redirect_slashes: bool = True,
        auto_options: bool = False,
        json: JSONCodec | None = None,
    ) -> None:
        if json is not None:
            self.json = check_codec(json)
        self.debug = check_debug(debug)
        self.state: State = State()
        self.router = Router(routes, redirect_slashes, lifespan=check_lifespan(lifespan), auto_options=auto_options)
        self.max_body_size = check_size(max_body_size)
        self.exception_handlers: dict[Any, ExceptionHandler] = check_handlers(exception_handlers or {})
        self.user_middleware: list[Middleware] = check_middleware(middleware)
        self.middleware_stack: ASGIApp | None = None

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware and the router as one ASGI application; called once, before the first request."""
        error_handler = None
        handlers = {}
        for key, handler in self.exception_handlers.items():
            if key in (500, Exception):
                error_handler = handler
            if key is not Exception:
                handlers[key] = handler
        # Each layer is a Middleware record, so that instrumentation that patches Middleware.__init__ sees all of them.
        records = [Middleware(ServerErrorMiddleware, handler=error_handler, debug=self.debug)]
        if self.max_body_size is not None:
            from asgi_middleware.body_limit import RequestBodyLimitMiddleware  # most applications have none

            records.append(Middleware(RequestBodyLimitMiddleware, self.max_body_size, too_large=BodyTooLarge))
        records += self.user_middleware
        records.append(Middleware(ExceptionMiddleware, handlers=handlers, debug=self.debug))
        app: ASGIApp = self.router.entrance
        for cls, args, kwargs in reversed(records):
            if RoutingMiddleware.fits(cls, app):
                cls = RoutingMiddleware
            elif ErrorMiddleware.fits(cls, app):
                cls = ErrorMiddleware
            app = _build(cls, app, args, kwargs)
        if self.debug:
            import logging

            from asgi_middleware.order import findings

            for finding in (*self.router.check(), *findings(list(self.user_middleware))):
                logging.getLogger("asgi_framework").warning("%s", finding)
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        stack: Any = self.middleware_stack
        if (
            stack.__class__ is not ErrorMiddleware
            or _current_codec() is not None  # that of an application which calls this one within a request
            or scope["type"] != "http"
            or SCOPE_KEY in scope  # this application is mounted in another
            or (exceptions := stack.app).__class__ is not RoutingMiddleware
            or exceptions.app is not exceptions.entrance
            or ServerErrorMiddleware.__call__ is not SERVER_ERROR_CALL
            or ExceptionMiddleware.__call__ is not EXCEPTION_CALL
        ):
            await self._stack_with_codec()(scope, receive, send)
            return
        before = None if self.json is None else apply_codec(self.json, scope)
        # What the stack, the router and the adapter of a function do, in one coroutine instead of four. The lines that
        # find and send are those of RoutingMiddleware: to share them would take a second coroutine.
        scope[SCOPE_KEY] = exceptions
        request: Any = None
        watcher: Any = None
        try:
            try:
                app: Any = exceptions.router.application_for(scope)
                if app.__class__ is FunctionApplication:
                    request = Request(scope, receive, send)
                    try:
                        response = await app.call(request)
                        sends = response.__class__.__call__
                    except Exception as exc:
                        sends = exc.__class__.__call__
                        if sends is not HTTP_EXCEPTION_CALL or exceptions.handler_for(exc) is not answer_itself:
                            raise
                        response = exc
                        exc.__traceback__ = None  # it holds this frame, and the frame would hold the exception
                    if (sends is RESPONSE_CALL and response.background is None) or sends is HTTP_EXCEPTION_CALL:
                        start, body = response.messages(scope)
                        request.response_started = True
                        await send(start)
                        await send(body)
                        return
                    app = application_of(response, app.function)
                scope[ERRORS_KEY] = watcher = watcher_of(request, send)
                await app(scope, receive, watcher.send)
            except Exception as exc:
                watcher = watcher or watcher_of(request, send)
                if not await answer_in_turn(exc, request, scope, receive, watcher):
                    raise
            finally:
                del scope[SCOPE_KEY]
                if watcher is not None:
                    # Otherwise a reference cycle remains: a server's `send` is bound to an object that holds the scope.
                    scope.pop(ERRORS_KEY, None)
        except Exception as exc:
            if not await stack.answer(exc, scope, receive, watcher):
                raise
        finally:
            if before is not None:
                restore_codec(before, scope)

    def _stack_with_codec(self) -> ASGIApp:
        """Return the whole stack, within the codec of this application or of the one around it, if any."""
        serve: ASGIApp = self._start if self.middleware_stack is None else self.middleware_stack
        if self.json is None and _current_codec() is None:
            return serve
        return partial(serve_with_codec, self.json, serve)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Build the middleware, and serve the first connection with it.

        If an application raises before the first `receive` of its lifespan servers conclude that it does not support
        the lifespan, and serve it. A middleware that cannot be built would then fail for the first visitor instead of
        stopping the deployment, so the startup message is received first, and answered with a failure.
        """
        if scope["type"] != "lifespan":
            stack = self.middleware_stack = self.build_middleware_stack()
            return await stack(scope, receive, send)
        messages = [await receive()]

        async def receive_again() -> Message:
            return messages.pop() if messages else await receive()

        try:
            stack = self.middleware_stack = self.build_middleware_stack()
        except BaseException:
            import traceback

            await send({"type": "lifespan.startup.failed", "message": traceback.format_exc()})
            raise
        return await stack(scope, receive_again, send)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the router, in the order in which they are tried."""
        return self.router.routes

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Return the path of a route by its name; raises NoMatchFound if none has that name and these parameters."""
        return self.router.url_path_for(name, **path_params)

    def add_route(
        self,
        path: str,
        route: Endpoint,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        **options: Any,
    ) -> None:
        """Add a Route at the end; `options` are further options of the Route, such as `when`."""
        self.router.add_route(path, route, methods, name, include_in_schema, **options)

    def mount(self, path: str, app: ASGIApp, name: str | None = None, **options: Any) -> None:
        """Add a Mount at the end; `options` as for `add_route`."""
        self.router.mount(path, app=app, name=name, **options)

    def host(self, host: str, app: ASGIApp, name: str | None = None, **options: Any) -> None:
        """Add a Host at the end; `options` as for `add_route`."""
        self.router.host(host, app=app, name=name, **options)

    def add_middleware(self, middleware_class: MiddlewareFactory[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Add an outermost middleware; raises RuntimeError after the first request."""
        if self.middleware_stack is not None:
            raise RuntimeError("Cannot add middleware after an application has started")
        record = Middleware(middleware_class, *args, **kwargs)
        check_record(record)
        self.user_middleware.insert(0, record)

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Add `handler(request, exc)` for an exception class or a status.

        A handler for 500 or Exception gets unhandled exceptions, too. Warns of a key that could never match and of a
        handler that could never be called; raises TypeError for one that is not callable.
        """
        self.exception_handlers.update(check_handlers({exc_class_or_status_code: handler}))


def _build(cls: Any, app: ASGIApp, args: Any, kwargs: Any) -> ASGIApp:
    """Return the application wrapped in a middleware; raises TypeError, naming it, if the result is not callable."""
    built: ASGIApp = cls(app, *args, **kwargs)
    if not callable(built):
        raise TypeError(
            f"the middleware {describe(cls)} returned {built!r}: a middleware must be a class or function that takes "
            "an ASGI application and returns one"
        )
    return built
