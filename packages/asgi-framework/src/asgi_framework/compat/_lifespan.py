"""Starlette's helpers for lifespans: the default one, and generators."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

_T = TypeVar("_T")


class AsyncLiftContextManager(AbstractAsyncContextManager[_T]):
    """An async context manager around a synchronous one."""

    def __init__(self, cm: AbstractContextManager[_T]) -> None:
        self._cm = cm

    async def __aenter__(self) -> _T:
        return self._cm.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._cm.__exit__(exc_type, exc_value, traceback)


class DefaultLifespan:
    """The lifespan of a router without one."""

    def __init__(self, router: object) -> None:
        self._router = router

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    def __call__(self, app: object) -> Self:
        return self


def wrap_gen_lifespan_context(
    lifespan_context: Callable[[Any], Generator[Any, Any, Any]],
) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """Return the lifespan of a generator function."""
    # A sync generator, which Starlette deprecated long ago: what it does blocks the loop, at start and stop only.
    context = contextmanager(lifespan_context)
    return lambda app: AsyncLiftContextManager(context(app))
