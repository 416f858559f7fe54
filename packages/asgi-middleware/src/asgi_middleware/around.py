"""Write a middleware as an async generator function: before the response, at its head, after its end.

    @around_http
    async def timing(scope, *, header="server-timing"):
        began = perf_counter()
        start = yield
        start.headers[header] = f"app;dur={(perf_counter() - began) * 1000:.1f}"
        yield
        print(scope["path"], perf_counter() - began)

    app = timing(app, header="x-timing")

The application is awaited in place: no task, no queue, no buffer. To answer in its stead, yield an ASGI application.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec

from ._response_start import ResponseHeaders, ResponseStart
from ._scope import call_with_lasting_headers, copy_back, copy_scope, has_lasting_headers
from ._types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Around", "ResponseHeaders", "ResponseStart", "Stack", "When", "around_http"]

P = ParamSpec("P")
Around = AsyncGenerator[Any, ResponseStart]
"""What the functions return, to a type checker: `async def timing(scope: Scope) -> Around`.

What they yield is nothing or an application; mypy takes `start = yield` for no type that says so.
"""

_CO_ASYNC_GENERATOR = 0x200
_BODY_MESSAGES = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")


class _Factory:
    """Makes an application of an application; also a middleware record of itself, to stand in a list of them."""

    def __iter__(self) -> Iterator[Any]:
        return iter((self, (), {}))


class around_http(_Factory, Generic[P]):  # noqa: N801
    """Makes a middleware of an async generator function `function(scope, *args, **kwargs)`, one generator per request.

    The result is called with the application and the other arguments: `timing(app, header="x-time")`, or
    `Middleware(timing, header="x-time")`. The scope is a copy, so keys may be added. The first `yield` gives the
    response's head, or raises what the application raised; after the second the response is complete. Code that yields
    an ASGI application before the response has started lets that one answer. Raises TypeError for another function.
    """

    def __init__(self, function: Callable[Concatenate[Scope, P], Around]) -> None:
        code = getattr(function, "__code__", None)
        if code is not None and not code.co_flags & _CO_ASYNC_GENERATOR:
            raise TypeError(f"{function!r} is no async generator function: it needs `async def` and a `yield`")
        self.function = function
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    def __call__(self, app: ASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> ASGIApp:
        return _AroundHTTP(app, self.function, args, kwargs)

    def __repr__(self) -> str:
        return f"around_http({self.__name__})"


class _AroundHTTP:
    """An application and the generator function around it."""

    __slots__ = ("app", "args", "function", "kwargs")

    def __init__(
        self, app: ASGIApp, function: Callable[..., Around], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.app = app
        self.function = function
        self.args = args
        self.kwargs = kwargs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope.get("headers").__class__ is not list and not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        inner = copy_scope(scope)
        exchange = _Exchange(self.function(inner, *self.args, **self.kwargs), send)
        try:
            early = await exchange.generator.__anext__()
        except StopAsyncIteration:
            exchange.waits = False
            early = None
        try:
            await (early or self.app)(inner, receive, exchange.send)
        except Exception as exc:
            if not exchange.waits or not await exchange.recover(exc, inner, receive):
                raise
        finally:
            copy_back(inner, scope)
            if exchange.waits:
                await exchange.generator.aclose()


class _Exchange:
    """One request between a generator and the application: whether the generator waits, and for what."""

    __slots__ = ("_send", "generator", "started", "trailers", "waits")

    def __init__(self, generator: Around, send: Send) -> None:
        self.generator = generator
        self._send = send
        self.waits = True
        self.started = False
        self.trailers = False

    async def send(self, message: Message) -> None:
        if not self.waits:
            return await self._send(message)
        if not self.started:
            if message["type"] == "http.response.start":
                message = await self._at_head(message)
            return await self._send(message)
        await self._send(message)
        if message.get("more_body", False) or not self._ends(message):
            return None
        self.waits = False
        try:
            await self.generator.__anext__()
        except StopAsyncIteration:
            return None
        return await self.generator.aclose()

    async def _at_head(self, message: Message) -> Message:
        """Hand the head to the generator; one that ends or fails here does not wait any more."""
        self.started = True
        self.trailers = message.get("trailers", False)
        self.waits = False
        start = ResponseStart(message)
        try:
            await self.generator.asend(start)
            self.waits = True
        except StopAsyncIteration:
            pass
        return start.changed_message()

    def _ends(self, message: Message) -> bool:
        """Whether this message is the last of the response; one with more body to come has been ruled out."""
        kind = message["type"]
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return not self.trailers and kind in _BODY_MESSAGES

    async def recover(self, exc: Exception, scope: Scope, receive: Receive) -> bool:
        """Raise the application's exception where the generator waits; False if it is to go on as it is.

        A generator that catches it has dealt with it, and may yield an application to answer if nothing was sent yet.
        """
        self.waits = False
        try:
            app = await self.generator.athrow(exc)
        except StopAsyncIteration:
            return True
        except Exception as raised:
            if raised is exc:
                return False
            raise
        self.waits = True
        if app is not None and not self.started:
            await app(scope, receive, self.send)
        return True


class When(_Factory):
    """A middleware only for the requests and WebSockets whose scope satisfies `predicate`; the others pass it by.

    `middleware` is a class, anything else that takes an application, or a record `Middleware(cls, ...)`.
    """

    def __init__(self, predicate: Callable[[Scope], object], middleware: Any) -> None:
        self.predicate = predicate
        self.middleware = middleware

    def __call__(self, app: ASGIApp, /) -> ASGIApp:
        return _Conditional(app, self.predicate, _wrap(self.middleware, app))

    def __repr__(self) -> str:
        return f"When({getattr(self.predicate, '__name__', self.predicate)}, {self.middleware!r})"


class _Conditional:
    __slots__ = ("app", "predicate", "wrapped")

    def __init__(self, app: ASGIApp, predicate: Callable[[Scope], object], wrapped: ASGIApp) -> None:
        self.app = app
        self.predicate = predicate
        self.wrapped = wrapped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        return await (self.wrapped if self.predicate(scope) else self.app)(scope, receive, send)


class Stack(_Factory):
    """Several middlewares as one, the first of them outermost; each as `When` takes them."""

    def __init__(self, *middleware: Any) -> None:
        self.middleware = middleware

    def __call__(self, app: ASGIApp, /) -> ASGIApp:
        for middleware in reversed(self.middleware):
            app = _wrap(middleware, app)
        return app

    def __repr__(self) -> str:
        return f"Stack({', '.join(map(repr, self.middleware))})"


def _wrap(middleware: Any, app: ASGIApp) -> ASGIApp:
    if callable(middleware):
        wrapped: ASGIApp = middleware(app)
        return wrapped
    cls, args, kwargs = middleware
    built: ASGIApp = cls(app, *args, **kwargs)
    return built
