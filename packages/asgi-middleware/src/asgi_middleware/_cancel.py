"""Cancel scopes and clocks of the running event loop.

Rule: only this file knows which event loop runs. A scope from `native_scope()` cancels as the event loop does; one from
`shielding_scope()` is AnyIO's if AnyIO has been imported, so that work that AnyIO shields is finished first.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, Self

NEVER = float("inf")


class CancelScope(Protocol):
    """The part of trio's and AnyIO's CancelScope that is used here; `deadline` is in seconds of `current_time()`."""

    @property
    def deadline(self) -> float: ...

    @deadline.setter
    def deadline(self, value: float) -> None: ...

    @property
    def cancelled_caught(self) -> bool: ...

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> bool: ...

    def cancel(self) -> None: ...


def asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """Return the running event loop of asyncio; None on trio."""
    # The private function returns None where the public one raises, and is what the public one calls. In Python 3.11
    # each call asks the system for the id of the process.
    return asyncio._get_running_loop()


def native_scope() -> CancelScope:
    """Return a scope that cancels as the running event loop does; on asyncio it ignores AnyIO's shields."""
    loop = asyncio_loop()
    return _trio().CancelScope() if loop is None else AsyncioScope(loop)


def shielding_scope() -> CancelScope:
    """Return a scope that respects AnyIO's shields; without AnyIO there are none."""
    anyio = sys.modules.get("anyio")
    return native_scope() if anyio is None else anyio.CancelScope()


def protected_scope() -> CancelScope:
    """Return a scope in which work is finished even if the task is being cancelled; give it a deadline."""
    anyio = sys.modules.get("anyio")
    if anyio is not None:
        protected: CancelScope = anyio.CancelScope(shield=True)
        return protected
    # asyncio raises a cancellation only once, so code after it can await.
    loop = asyncio_loop()
    return _trio().CancelScope(shield=True) if loop is None else AsyncioScope(loop)


def current_time() -> float:
    """Return the time on the clock of the event loop, in seconds."""
    loop = asyncio_loop()
    now: float = _trio().current_time() if loop is None else loop.time()
    return now


async def sleep(seconds: float) -> None:
    """Wait, on the clock of the event loop."""
    await (_trio() if asyncio_loop() is None else asyncio).sleep(seconds)


def runner_for_threads() -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Return a function for other threads that runs a coroutine function in this event loop and waits for it."""
    loop = asyncio_loop()
    if loop is not None:

        async def run(call: Callable[[], Awaitable[Any]]) -> Any:
            return await call()

        return lambda call: asyncio.run_coroutine_threadsafe(run(call), loop).result()
    trio = _trio()
    token = trio.lowlevel.current_trio_token()
    return lambda call: trio.from_thread.run(call, trio_token=token)


def call_soon(callback: Callable[[], object]) -> None:
    """Run a callback in this event loop, outside any task."""
    loop = asyncio_loop()
    if loop is None:
        _trio().lowlevel.current_trio_token().run_sync_soon(callback)
    else:
        loop.call_soon(callback)


def native_scope_and_caller() -> tuple[CancelScope, Callable[[Callable[[], object]], object]]:
    """Return a native scope, and a function that runs a callback in this event loop.

    Threads and signal handlers may call the function.
    """
    loop = asyncio_loop()
    if loop is not None:
        return AsyncioScope(loop), loop.call_soon_threadsafe
    trio = _trio()
    return trio.CancelScope(), trio.lowlevel.current_trio_token().run_sync_soon


class AsyncioScope:
    """A cancel scope around code of one asyncio task, implemented as `asyncio.timeout()` is."""

    __slots__ = ("_cancelling", "_deadline", "_loop", "_task", "_timer", "cancel_called", "cancelled_caught")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = NEVER
        self.cancel_called = self.cancelled_caught = False

    @property
    def deadline(self) -> float:
        return self._deadline

    @deadline.setter
    def deadline(self, value: float) -> None:
        self._deadline = value
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if value == NEVER else self._loop.call_at(value, self.cancel)

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        return self

    def cancel(self) -> None:
        """Cancel the code in the scope, once; call it from a callback of the loop, not from the task itself."""
        if self._task is not None and not self.cancel_called:
            self.cancel_called = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        if self._timer is not None:
            self.deadline = NEVER
        if not self.cancel_called or task is None:
            return False
        # If the count is higher the task was cancelled from outside as well, and that cancellation has to propagate.
        if task.uncancel() <= self._cancelling and kind is not None and issubclass(kind, asyncio.CancelledError):
            self.cancelled_caught = True
        return self.cancelled_caught


class Waiter:
    """A condition on which tasks of one event loop wait for a change."""

    def __init__(self) -> None:
        self._event: Any = None

    async def wait(self) -> None:
        """Wait for the next `wake()`."""
        if self._event is None:
            self._event = (_trio() if asyncio_loop() is None else asyncio).Event()
        await self._event.wait()

    def wake(self) -> None:
        """Wake every task that waits now."""
        event, self._event = self._event, None
        if event is not None:
            event.set()


async def beside(companion: Callable[[], Awaitable[None]], call: Callable[[], Awaitable[None]]) -> None:
    """Await `call()` in this task while `companion()` runs in another task, which is cancelled at the end.

    Exceptions of `call` propagate unchanged.
    """
    if asyncio_loop() is not None:
        task = asyncio.ensure_future(companion())
        try:
            return await call()
        finally:
            task.cancel()
            await asyncio.wait([task])
    failure: BaseException | None = None
    async with _trio().open_nursery() as nursery:
        nursery.start_soon(companion)
        try:
            await call()
        except _trio().Cancelled:
            raise
        except BaseException as exc:  # raised below: the nursery would wrap it in an ExceptionGroup
            failure = exc
        nursery.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            failure = None  # its traceback refers to this frame: avoid a reference cycle
    return None


def _trio() -> Any:
    return sys.modules["trio"]
