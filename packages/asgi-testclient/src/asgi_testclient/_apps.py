"""ASGI 2 applications, made to look like ASGI 3."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from .types import ASGIApp, Receive, Scope, Send


def as_asgi3(app: Any) -> ASGIApp:
    """The application itself, or ASGI 2's two calls behind one where its signature takes a scope alone."""
    return DoubleCallable(app) if _is_asgi2(app) else app


class DoubleCallable:
    """An ASGI 2 application: called with the scope, its result is called with receive and send."""

    def __init__(self, app: Callable[[Scope], Callable[[Receive, Send], Any]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope)(receive, send)


def _is_asgi2(app: Any) -> bool:
    inner = app
    while isinstance(inner, partial):
        inner = inner.func
    if inspect.isclass(inner):
        return not hasattr(inner, "__await__")
    if inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None)):  # noqa: B004
        return False
    return _positional(app) == 1


def _positional(app: Any) -> int:
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return 3
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return 3
    return sum(1 for parameter in parameters if parameter.kind in plain and parameter.default is parameter.empty)
