"""A mark for plain functions that return an awaitable and are called like coroutine functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def marked_async(function: _Function) -> _Function:
    """Mark a function, so that `iscoroutinefunction` is true: asgiref warns of a `send` for which it is not."""
    if sys.version_info >= (3, 12):  # pragma: no cover - one of the two branches is of another Python
        from inspect import markcoroutinefunction

        markcoroutinefunction(function)
    # In Python 3.11 only asyncio knows the mark. Importing it takes as long as this package and anyio together; a
    # server has imported it before the application.
    elif asyncio := sys.modules.get("asyncio.coroutines"):  # pragma: no cover - depends on who was imported first
        function._is_coroutine = asyncio._is_coroutine  # type: ignore[attr-defined]
    return function
