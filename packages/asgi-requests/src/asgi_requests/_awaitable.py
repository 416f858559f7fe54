"""The result of a call that can be awaited or entered: `await request.form()`, `async with request.form() as form`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class AwaitableOrContextManager(Generic[_T]):
    """A coroutine that can be awaited, or entered with `async with`; `close` is awaited at the end of the block."""

    __slots__ = ("_close", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, _T], close: Callable[[], Awaitable[None]]) -> None:
        self._coroutine = coroutine
        self._close = close

    def __await__(self) -> Generator[Any, None, _T]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> _T:
        return await self._coroutine

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()
