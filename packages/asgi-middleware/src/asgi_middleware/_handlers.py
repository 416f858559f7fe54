"""Exception handlers: functions of a scope and an exception that return the ASGI application that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .types import ASGIApp, Scope

ExceptionHandler = Callable[[Scope, Any], ASGIApp | Awaitable[ASGIApp]]
"""`handler(scope, exc)` returns the ASGI application that answers, or an awaitable of it."""


async def call_handler(handler: ExceptionHandler, scope: Scope, exc: Exception) -> ASGIApp:
    """Return the application that a handler returns, awaited if the handler is async."""
    answer: Any = handler(scope, exc)
    if hasattr(answer, "__await__"):
        answer = await answer
    application: ASGIApp = answer
    return application
