"""The event loop that a test runs on, for clients that are awaited."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from .._errors import warn
from .._options import Settings
from ..exceptions import UnfinishedTasks
from .backends import CALL, AsyncioLoop, Loop, TaskWaiter, TrioLoop, call_now, running_loop

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractContextManager

OTHER_LOOP = (
    "this AsyncTestClient was entered on another event loop than the one it is used on. Give its fixture and the test "
    'the same loop: with pytest-asyncio the same loop_scope, such as @pytest_asyncio.fixture(loop_scope="session") and '
    '@pytest.mark.asyncio(loop_scope="session"); with anyio and pytest-trio a fixture of function scope'
)
NO_CLOCK = (
    "AsyncTestClient runs the application on the loop of the test, whose clock it cannot change: give that loop the "
    "clock. With anyio's plugin the fixture anyio_backend returns clock.backend('asyncio') or clock.backend('trio')"
)


class RunningLoop:
    """The loop of the task that waits for the application."""

    def __init__(self, loop: AsyncioLoop | TrioLoop) -> None:
        self.native = loop.native
        self.loop: Loop = loop
        self.loop.post = call_now

    def post(self, function: Callable[[], object]) -> None:
        """Call a function."""
        function()

    def raise_crash(self) -> None:
        """Do nothing: an exception that ends this loop ends the test too."""

    def waiter(self) -> TaskWaiter:
        """Return what makes a task wait on this loop."""
        return TaskWaiter(self.loop)

    def located(self, task: Any) -> str:
        """Return where a task of this loop is suspended."""
        from .suspended import suspended

        return suspended(self.loop, task)

    def debugged(self) -> bool:
        """Return whether a debugger holds this thread."""
        from .suspended import debugged

        return debugged(None)

    def shield(self) -> AbstractContextManager[object]:
        """Return a scope that a cancellation of the test does not reach, to see the application to its end."""
        from anyio import CancelScope

        return CancelScope(shield=True)


class TaskLoops:
    """The loop of a client's block, and of each request outside one."""

    def __init__(self, settings: Settings) -> None:
        if settings.clock is not None:
            raise ValueError(NO_CLOCK)
        self._settings = settings
        self._entered_on: object = None

    def enter(self) -> RunningLoop:
        """Return the loop for the client's block."""
        host = self._running()
        self._entered_on = host.native
        return host

    def for_request(self, entered: bool) -> RunningLoop:
        """Return the loop for one request or WebSocket. Raises RuntimeError on another loop than the block's."""
        host = self._running()
        if entered and host.native is not self._entered_on:
            raise RuntimeError(OTHER_LOOP)
        return host

    def _running(self) -> RunningLoop:
        loop = running_loop()
        if loop is None:
            raise RuntimeError("AsyncTestClient is used outside an event loop: use TestClient here")
        return RunningLoop(loop)

    async def release(self, host: RunningLoop, call: Any = None) -> None:
        """Outside the client's block, wait for the tasks that the application has started and not awaited.

        They have `disconnect_grace` seconds; then they are named in a warning.
        """
        grace = self._settings.disconnect_grace
        waits = self._entered_on is None and self._settings.wait_for_app and grace > 0
        if call is None or not call.done or not waits or not isinstance(host.loop, AsyncioLoop):
            return
        import asyncio

        # By context, not by age: other requests and other tests start tasks on the same loop.
        if left := {task for task in asyncio.all_tasks() if _call_of(task) is call}:
            _, left = await asyncio.wait(left, timeout=grace)
        if left:
            where = host.located(next(iter(left)))
            names = ", ".join(repr(task.get_name()) for task in left)
            warn(
                f"{call.title}: the application has started tasks that go on after its response: {names}. {where}\n"
                "A client in an `async with` block runs the lifespan, which ends such tasks; or await "
                "client.wait_idle() before the test ends.",
                UnfinishedTasks,
            )

    def leave(self) -> None:
        """Check that the client's block is left on the loop it was entered on. Raises RuntimeError."""
        if self._entered_on is not None:
            self.for_request(entered=True)

    def stop(self) -> None:
        """Note that the client has left its block."""
        self._entered_on = None

    def rest(self) -> None:
        """Do nothing: tasks are known by the call that started them."""

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or await a coroutine function; the caller is on the loop already."""
        result = function(*args)
        return await result if hasattr(result, "__await__") else result

    async def idle(self, seconds: float | None) -> bool:
        """Wait until no task runs that a request has started; return False if the seconds are over first."""
        # trio's tasks have nurseries, and one that a request opens ends within the request.
        if not isinstance(running_loop(), AsyncioLoop):
            return True
        import asyncio

        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while stray := [task for task in asyncio.all_tasks() if self._is_stray(task)]:
            left = None if end is None else end - loop.time()
            if left is not None and left <= 0:
                return False
            await asyncio.wait(stray, timeout=left)
        return True

    def _is_stray(self, task: asyncio.Task[Any]) -> bool:
        call = _call_of(task)
        return call is not None and call.settings is self._settings and call.done


def _call_of(task: asyncio.Task[Any]) -> Any:
    """Return the call of an application that a task was started in, if any."""
    if hasattr(task, "get_context"):
        return task.get_context().get(CALL)
    # Python 3.11 does not tell the context of a task, but the garbage collector knows it.
    contexts = (held for held in gc.get_referents(task) if isinstance(held, Context))
    return next((context.get(CALL) for context in contexts), None)
