"""One event loop in a thread of its own, from its start to its end."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from .._errors import warn
from ..exceptions import UnfinishedTasks
from .backends import AsyncioLoop, Loop, ThreadWaiter, TrioLoop, required
from .workers import POOL, Worker

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal

    from ..clock import Clock
    from .timeline import ClockLoop


class LoopThread:
    """One event loop in its thread, from `start` to `stop`; `loop` is there once `start` has returned."""

    shield = nullcontext  # a thread that waits cannot be cancelled

    def __init__(self, backend: str, options: dict[str, Any], clock: Clock | None = None) -> None:
        self.loop: Loop
        self.alive = False
        self._crash: BaseException | None = None
        self.unfinished: list[str] = []
        self._backend = backend
        self._options = options
        self._timeline = None if clock is None else clock.timeline
        self._worker: Worker
        self._ended: threading.Event
        self._stop: Callable[[], object]
        self._portal: BlockingPortal | None = None

    def start(self) -> LoopThread:
        """Start the loop, and return it running."""
        if self._timeline is not None:
            self._timeline.check_free()
        if self._backend == "trio":
            self._start_trio()
        else:
            self._start_asyncio()
        return self

    def post(self, function: Callable[[], object]) -> None:
        """Have the loop call a function, if it still runs."""
        with suppress(RuntimeError):
            self.loop.post(function)

    def raise_crash(self) -> None:
        """Raise what ended the loop before `stop`, such as the SystemExit of a task that is never awaited."""
        if self._crash is not None:
            raise self._crash

    def waiter(self) -> ThreadWaiter:
        """Return what makes a thread wait for this loop."""
        if self._timeline is None:
            return ThreadWaiter()
        from .timeline import ClockWaiter

        return ClockWaiter(self._timeline)

    def located(self, task: Any) -> str:
        """Return where a task of this loop is suspended, or what blocks the loop."""
        from .suspended import located

        return located(self.loop, self._worker.ident, task)

    def debugged(self) -> bool:
        """Return whether a debugger holds this thread or the caller's."""
        from .suspended import debugged

        return debugged(self._worker.ident)

    def portal(self) -> BlockingPortal:
        """Return anyio's portal to the loop; it is opened when it is first asked for, and closed with the loop."""
        if self._portal is None:
            from concurrent.futures import Future

            opened: Future[BlockingPortal] = Future()
            # In an empty context: the portal outlives the test that asks for it first.
            self.loop.post(self.loop.spawn, partial(self._serve_portal, opened), Context())
            self._portal = opened.result()
        return self._portal

    async def _serve_portal(self, opened: Future[BlockingPortal]) -> None:
        from anyio.from_thread import BlockingPortal

        async with BlockingPortal() as portal:
            opened.set_result(portal)
            await portal.sleep_until_stopped()

    def call_soon(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call a function, or await a coroutine function, on the loop; return the future of its result."""
        from concurrent.futures import Future

        future: Future[Any] = Future()

        async def steps() -> None:
            try:
                result = function(*args)
                future.set_result(await result if inspect.isawaitable(result) else result)
            except BaseException as exc:
                future.set_exception(exc)

        self.loop.post(self.loop.spawn, steps, copy_context())
        if self._timeline is not None:
            self._timeline.wait_for(future)
        return future

    def stop(self, seconds: float = 1.0) -> None:
        """End the loop, and wait for that at most so many seconds."""
        if not self.alive:
            return
        with suppress(RuntimeError):  # the loop may have ended by itself
            self._stop()
        if threading.get_ident() != self._worker.ident:
            self._ended.wait(seconds)

    @staticmethod
    def is_own(task: asyncio.Task[Any]) -> bool:
        """Return whether a task on the loop was started by this class and not by the application."""
        code = getattr(task.get_coro(), "cr_code", None)
        return code in (LoopThread._until_stopped.__code__, LoopThread._serve_portal.__code__)

    def report_unfinished(self) -> None:
        """Warn of the tasks that had to be cancelled when the loop ended."""
        names, self.unfinished = self.unfinished, []
        if names:
            warn(
                f"{len(names)} task(s) of the application were still running when the test client closed its event "
                f"loop, and were cancelled: {', '.join(names)}. Await them in the lifespan's shutdown, or call "
                "client.wait_idle() before leaving.",
                UnfinishedTasks,
            )

    def _launch(self, job: Callable[[], None]) -> None:
        self.alive = True
        self._worker = POOL.take()
        self._ended = self._worker.submit(job)

    def _start_asyncio(self) -> None:
        import asyncio

        factory = self._options.get("loop_factory")
        if factory is None and self._options.get("use_uvloop"):
            factory = required("uvloop", "use_uvloop").new_event_loop
        if self._timeline is not None:
            from .timeline import ClockLoop

            factory = partial(ClockLoop, self._timeline)
        native: asyncio.AbstractEventLoop = (factory or asyncio.new_event_loop)()
        if "debug" in self._options:
            native.set_debug(self._options["debug"])
        self.loop = AsyncioLoop(native)
        stopping = asyncio.Event()
        self._stop = partial(native.call_soon_threadsafe, stopping.set)
        self._launch(partial(self._run_asyncio, native, stopping))

    def _run_asyncio(self, native: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
        # By run_until_complete anyio knows the root task; its worker threads then live as long as the loop instead of
        # one request.
        try:
            native.run_until_complete(self._until_stopped(native, stopping))
        except BaseException as exc:  # such as the SystemExit of a task that is never awaited
            self.alive = False
            self._crash = exc
            native.run_until_complete(self._sweep(native))
        finally:
            self.alive = False
            native.close()

    async def _until_stopped(self, native: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
        if self._timeline is not None:
            await cast("ClockLoop", native).begin()
        await stopping.wait()
        await self._sweep(native)

    async def _sweep(self, native: asyncio.AbstractEventLoop) -> None:
        """Cancel what still runs."""
        import asyncio

        current = asyncio.current_task()
        unfinished = [task for task in asyncio.all_tasks() if task is not current]
        self.unfinished = [repr(task.get_name()) for task in unfinished if not self.is_own(task)]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.gather(*unfinished, return_exceptions=True)
        # In the order of asyncio.run: generators may need the threads to end.
        await native.shutdown_asyncgens()
        await native.shutdown_default_executor()

    def _start_trio(self) -> None:
        required("trio", "the backend 'trio'")
        ready = threading.Event()
        self._launch(partial(self._run_trio, ready))
        ready.wait()
        self.raise_crash()

    def _trio_options(self) -> dict[str, Any]:
        if self._timeline is None:
            return self._options
        from .trio_clock import TrioClock

        return {**self._options, "clock": TrioClock(self._timeline)}

    def _run_trio(self, ready: threading.Event) -> None:
        import trio

        async def main() -> None:
            self.loop = TrioLoop(trio)
            stopping = trio.Event()
            self._stop = partial(self.loop.post, stopping.set)
            ready.set()
            await stopping.wait()

        try:
            trio.run(main, **self._trio_options())
        except BaseException as exc:
            self._crash = exc
        finally:
            self.alive = False
            ready.set()
