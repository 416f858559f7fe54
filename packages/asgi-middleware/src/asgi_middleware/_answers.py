"""Answers after a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .types import ASGIApp, Receive, Scope, Send

SCOPE_KEY = "asgi_middleware.exceptions"

ExceptionHandler = Callable[[Scope, Any], ASGIApp | Awaitable[ASGIApp]]
"""`handler(scope, exc)`: returns the ASGI application that answers, or an awaitable of it."""


async def respond(handler: ExceptionHandler, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Call a handler, await what it returns where that is an awaitable, and let the application it made answer."""
    answer: Any = handler(scope, exc)
    if hasattr(answer, "__await__"):
        answer = await answer
    await answer(scope, receive, send)


class Answering:
    """What ExceptionMiddleware is to a neighbour outside that does its work as well, in one coroutine instead of two.

    It stands in the scope while `app` is called, and what `app` raises is given to `answer`.
    """

    app: ASGIApp
    own_call: ClassVar[Any]

    if TYPE_CHECKING:

        async def answer(
            self, exc: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool = False
        ) -> bool: ...

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


def entered_in_place(app: ASGIApp) -> Answering | None:
    """The application, if it is one that answers and neither a subclass nor an instrumentation changed its call."""
    return app if isinstance(app, Answering) and type(app).__call__ is type(app).own_call else None


def leave(scope: Scope, outer: Answering | None) -> None:
    """Put what was in force outside back into the scope."""
    if outer is None:
        del scope[SCOPE_KEY]
    else:
        scope[SCOPE_KEY] = outer
