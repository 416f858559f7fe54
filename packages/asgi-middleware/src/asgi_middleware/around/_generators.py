"""The decorator that makes a middleware of a generator function."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from types import GeneratorType
from typing import Any, Concatenate, Generic, ParamSpec

from .._configuration import application
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._call import ENDED, GeneratorCall, PlainGeneratorCall, application_of
from ._compose import Factory
from ._response_start import ResponseStart

P = ParamSpec("P")
Around = AsyncGenerator[Any, ResponseStart]
"""The return type of such functions, for type checkers: `async def timing(scope: Scope) -> Around`.

They yield nothing or an application, but mypy rejects `start = yield` for every precise type of that.
"""

PlainAround = Generator[Any, ResponseStart, None]
"""The return type of plain generator functions: `def timing(scope: Scope) -> PlainAround`."""

_CO_ANY_GENERATOR = 0x20 | 0x200  # inspect.CO_GENERATOR and inspect.CO_ASYNC_GENERATOR


class around_http(Factory, Generic[P]):
    """Decorator for a generator function `function(scope, *args, **kwargs)`, async or plain, that runs per request.

    The result is called with the application and the other arguments: `timing(app, header="x-time")`, or
    `Middleware(timing, header="x-time")`. The scope is the application's, and keys may be added to it. The first
    `yield` returns the head of the response, or raises the application's exception; after the second the response is
    complete. Yield an ASGI application before the response has started to answer with that one. Raises TypeError for
    anything but a generator function.
    """

    def __init__(self, function: Callable[Concatenate[Scope, P], Around | PlainAround]) -> None:
        _check(function)
        self.function = function
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    def __call__(self, app: ASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> ASGIApp:
        application(app, self)
        function = self.function
        if not args and not kwargs:
            return _AroundHTTP(app, function)
        return _AroundHTTP(app, lambda scope: function(scope, *args, **kwargs))

    def __repr__(self) -> str:
        return f"around_http({self.__name__})"


def _check(function: object) -> None:
    """Raise TypeError unless a function may return a generator."""
    code = getattr(function, "__code__", None)
    if not callable(function) or (code is not None and not code.co_flags & _CO_ANY_GENERATOR):
        raise TypeError(f"{function!r} is not a generator function: it needs a `yield`")


class _AroundHTTP:
    """An application and the generator function around it, called with the scope alone."""

    __slots__ = ("app", "begin")

    def __init__(self, app: ASGIApp, begin: Callable[[Scope], Any]) -> None:
        self.app = app
        self.begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope.get("headers").__class__ is not list:
            request_headers(scope)  # an iterator would be empty for the application after the function has read it
        generator = self.begin(scope)
        app: Any
        if generator.__class__ is GeneratorType:
            app = next(generator, ENDED)
            call: GeneratorCall = PlainGeneratorCall(generator, send)
        else:
            app = await anext(generator, ENDED)
            call = GeneratorCall(generator, send)
        if app is ENDED:
            call.generator = app = None
        try:
            await (self.app if app is None else application_of(generator, app))(scope, receive, call.send)
        except Exception as exc:
            if call.generator is None or not await call.recover(exc, scope, receive):
                raise
        finally:
            # Left to the garbage collector, an async generator would be closed later, in another task.
            if call.generator is not None:
                await call.close()
