"""Plain functions that return an awaitable, marked as the coroutine functions that they stand in for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def marked_async(function: _Function) -> _Function:
    """Have `iscoroutinefunction(function)` be true: asgiref warns of a `send` that is not a coroutine function."""
    if sys.version_info >= (3, 12):  # pragma: no cover - one of the two branches is of another Python
        from inspect import markcoroutinefunction

        return markcoroutinefunction(function)
    # Python 3.11 knows the mark in asyncio alone, which takes as long to import as this package and anyio together;
    # a server has loaded it before the application.
    if asyncio := sys.modules.get("asyncio.coroutines"):  # pragma: no cover - depends on who was imported first
        function._is_coroutine = asyncio._is_coroutine  # type: ignore[attr-defined]
    return function
