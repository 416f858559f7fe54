"""Types, type variables and protocols by Starlette's names."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from os import PathLike as _PathLike
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from ..types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from asgi_requests.requests import Request
    from asgi_requests.responses import Response
    from asgi_requests.websockets import WebSocket

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
AppType = TypeVar("AppType")
KeyType = TypeVar("KeyType")
CovariantValueType_co = TypeVar("CovariantValueType_co", covariant=True)

StatelessLifespan = Callable[[AppType], AbstractAsyncContextManager[None]]
StatefulLifespan = Callable[[AppType], AbstractAsyncContextManager[Mapping[str, Any]]]
Lifespan = StatelessLifespan[AppType] | StatefulLifespan[AppType]

HTTPExceptionHandler = Callable[["Request", Exception], "Response | Awaitable[Response]"]
WebSocketExceptionHandler = Callable[["WebSocket", Exception], Awaitable[None]]
ExceptionHandler = HTTPExceptionHandler | WebSocketExceptionHandler
ExceptionHandlers = dict[Any, ExceptionHandler]
StatusHandlers = dict[int, ExceptionHandler]

PathLike = str | _PathLike[str]
SyncContentStream = Iterable[str | bytes | memoryview]
AsyncContentStream = AsyncIterable[str | bytes | memoryview]

ASGIInstance = Callable[[Receive, Send], Awaitable[None]]
ASGI2App = Callable[[Scope], ASGIInstance]
ASGI3App = Callable[[Scope, Receive, Send], Awaitable[None]]


class MiddlewareFactory(Protocol[P]):
    """A class or function that takes an application and returns one."""

    def __call__(self, app: ASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> ASGIApp: ...


class SupportsAsyncClose(Protocol):
    """An object with an async `close`."""

    async def close(self) -> None: ...


SupportsAsyncCloseType = TypeVar("SupportsAsyncCloseType", bound=SupportsAsyncClose)
