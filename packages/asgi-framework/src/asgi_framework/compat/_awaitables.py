"""Helpers for task groups, and for results that can be awaited or entered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Protocol

import anyio
from anyio.abc import TaskGroup

from ._typing import SupportsAsyncCloseType, T_co


class AwaitableOrContextManager(Awaitable[T_co], AbstractAsyncContextManager[T_co], Protocol[T_co]):
    """An awaitable that can be entered with `async with` instead."""


class AwaitableOrContextManagerWrapper(Generic[SupportsAsyncCloseType]):
    """A result that can be awaited, or entered with `async with` and closed at the end of the block."""

    __slots__ = ("aw", "entered")

    def __init__(self, aw: Awaitable[SupportsAsyncCloseType]) -> None:
        self.aw = aw

    def __await__(self) -> Generator[Any, None, SupportsAsyncCloseType]:
        return self.aw.__await__()

    async def __aenter__(self) -> SupportsAsyncCloseType:
        self.entered = await self.aw
        return self.entered

    async def __aexit__(self, *args: object) -> None:
        await self.entered.close()


@asynccontextmanager
async def create_collapsing_task_group() -> AsyncGenerator[TaskGroup, None]:
    """Enter a task group that raises its only exception without the groups around it."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as exc:
        only: BaseException = exc
        while isinstance(only, BaseExceptionGroup) and len(only.exceptions) == 1:
            only = only.exceptions[0]
        if only is exc:
            raise
        context = None if only.__suppress_context__ else only.__context__
        # Otherwise its traceback would show the group, which is being handled here, as its context.
        raise only from only.__cause__ or context
