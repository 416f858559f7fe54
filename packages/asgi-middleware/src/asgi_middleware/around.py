"""Write a middleware as a generator function: before the response, at its head, after its end.

    @around_http
    async def timing(scope, *, header="server-timing"):
        began = perf_counter()
        start = yield
        start.headers[header] = f"app;dur={(perf_counter() - began) * 1000:.1f}"
        yield
        print(scope["path"], perf_counter() - began)

    app = timing(app, header="x-timing")

The application is awaited in place: no task, no queue, no buffer. To answer in its stead, yield an ASGI application.
A function that awaits nothing may do without `async`, which costs less.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from types import GeneratorType
from typing import Any, Concatenate, Generic, ParamSpec

from ._around_exchange import ENDED, Exchange, PlainExchange
from ._response_start import ResponseHeaders, ResponseStart
from ._scope import call_with_lasting_headers, copy_back, has_lasting_headers
from .types import ASGIApp, Receive, Scope, Send

__all__ = ["Around", "PlainAround", "ResponseHeaders", "ResponseStart", "Stack", "When", "around_http"]

P = ParamSpec("P")
Around = AsyncGenerator[Any, ResponseStart]
"""What the functions return, to a type checker: `async def timing(scope: Scope) -> Around`.

What they yield is nothing or an application; mypy takes `start = yield` for no type that says so.
"""

PlainAround = Generator[Any, ResponseStart, None]
"""The same of a function that awaits nothing: `def timing(scope: Scope) -> PlainAround`."""

_CO_ANY_GENERATOR = 0x20 | 0x200  # inspect.CO_GENERATOR and inspect.CO_ASYNC_GENERATOR


class _Factory:
    """Makes an application of an application; also a middleware record of itself, to stand in a list of them."""

    def __iter__(self) -> Iterator[Any]:
        return iter((self, (), {}))


class around_http(_Factory, Generic[P]):  # noqa: N801
    """Makes a middleware of a generator function `function(scope, *args, **kwargs)`, async or plain, run per request.

    The result is called with the application and the other arguments: `timing(app, header="x-time")`, or
    `Middleware(timing, header="x-time")`. The scope is a copy, so keys may be added. The first `yield` gives the
    response's head, or raises what the application raised; after the second the response is complete. Code that yields
    an ASGI application before the response has started lets that one answer. Raises TypeError for another function.
    """

    def __init__(self, function: Callable[Concatenate[Scope, P], Around | PlainAround]) -> None:
        code = getattr(function, "__code__", None)
        if code is not None and not code.co_flags & _CO_ANY_GENERATOR:
            raise TypeError(f"{function!r} is no generator function: it needs a `yield`")
        self.function = function
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    def __call__(self, app: ASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> ASGIApp:
        function = self.function
        if not args and not kwargs:
            return _AroundHTTP(app, function)
        return _AroundHTTP(app, lambda scope: function(scope, *args, **kwargs))

    def __repr__(self) -> str:
        return f"around_http({self.__name__})"


class _AroundHTTP:
    """An application and the generator function around it, called with the scope alone."""

    __slots__ = ("app", "begin")

    def __init__(self, app: ASGIApp, begin: Callable[[Scope], Any]) -> None:
        self.app = app
        self.begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope.get("headers").__class__ is not list and not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        begin = self.begin  # read by itself: a slot is slow to call
        inner = {**scope}
        generator = begin(inner)
        early: Any
        if generator.__class__ is GeneratorType:
            early = next(generator, ENDED)
            exchange: Exchange = PlainExchange(generator, send)
        else:
            early = await anext(generator, ENDED)
            exchange = Exchange(generator, send)
        if early is ENDED:
            exchange.generator = early = None
        try:
            await (self.app if early is None else early)(inner, receive, exchange.send)
        except Exception as exc:
            if exchange.generator is None or not await exchange.recover(exc, inner, receive):
                raise
        finally:
            copy_back(inner, scope)
            if exchange.generator is not None:
                await exchange.close()


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
