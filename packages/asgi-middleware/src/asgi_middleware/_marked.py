"""Plain functions that return an awaitable, known for the coroutine functions they stand in for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def marked_async(function: _Function) -> _Function:
    """Make `iscoroutinefunction(function)` true: asgiref warns of a `send` that is none."""
    if sys.version_info >= (3, 12):  # pragma: no cover - the other branch is of the other versions
        from inspect import markcoroutinefunction

        return markcoroutinefunction(function)
    from asyncio import coroutines  # pragma: no cover - as above

    setattr(function, "_is_coroutine", getattr(coroutines, "_is_coroutine"))  # noqa: B009, B010  # pragma: no cover
    return function  # pragma: no cover - as above
