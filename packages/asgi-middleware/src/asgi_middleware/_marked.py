"""Plain functions that return an awaitable, known for the coroutine functions they stand in for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])

_unmarked: list[Callable[..., Any]] = []


def marked_async(function: _Function) -> _Function:
    """Have `iscoroutinefunction(function)` be true once `mark` was called: asgiref warns of a `send` that is none."""
    _unmarked.append(function)
    return function


def mark() -> None:
    """Mark them, when a middleware is built: asyncio or inspect, slow to import, are there by then or soon will be."""
    while _unmarked:
        function: Any = _unmarked.pop()
        if sys.version_info >= (3, 12):  # pragma: no cover - one of the two branches is of another Python
            from inspect import markcoroutinefunction

            markcoroutinefunction(function)
        else:  # pragma: no cover - one of the two branches is of another Python
            from asyncio import coroutines

            function._is_coroutine = coroutines._is_coroutine  # type: ignore[attr-defined]
