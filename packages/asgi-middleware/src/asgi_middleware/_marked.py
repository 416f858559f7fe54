"""Plain functions that return an awaitable, known for the coroutine functions they stand in for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def marked_async(function: _Function) -> _Function:
    """Make `iscoroutinefunction(function)` true: asgiref warns of a `send` that is none."""
    if sys.version_info >= (3, 12):  # pragma: no cover - one of the two branches is of another Python
        from inspect import markcoroutinefunction

        return markcoroutinefunction(function)
    else:  # noqa: RET505  # pragma: no cover - one of the two branches is of another Python
        from asyncio import coroutines

        function._is_coroutine = coroutines._is_coroutine  # type: ignore[attr-defined]
        return function
