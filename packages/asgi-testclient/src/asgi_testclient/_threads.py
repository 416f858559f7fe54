"""An event loop in a thread of its own, for clients whose caller has none."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._backends import AsyncioLoop, Loop, TrioLoop
from ._workers import POOL, Worker
from .exceptions import UnfinishedTasks

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal

UVLOOP = "uvloop"  # by its name: whoever asks for it has installed it


class LoopThread:
    """Runs one event loop from `start` to `stop`; `loop` is there once `start` has returned."""

    def __init__(self, backend: str, options: dict[str, Any]) -> None:
        self.backend = backend
        self.loop: Loop
        self.alive = False
        self.crash: BaseException | None = None
        self.unfinished: list[str] = []
        self._options = options
        self._worker: Worker
        self._ended: threading.Event
        self._stop: Callable[[], object]
        self._portal: BlockingPortal | None = None

    def start(self) -> LoopThread:
        if self.backend == "trio":
            self._start_trio()
        else:
            self._start_asyncio()
        return self

    @property
    def ident(self) -> int | None:
        """The identity of the thread, as `sys._current_frames` knows it."""
        return self._worker.ident

    def portal(self) -> BlockingPortal:
        """Return anyio's portal to the loop; it is opened when it is first asked for, and closed with the loop."""
        if self._portal is None:
            from concurrent.futures import Future

            opened: Future[BlockingPortal] = Future()
            self.loop.post(self.loop.spawn, partial(self._serve_portal, opened), Context())
            self._portal = opened.result()
        return self._portal

    async def _serve_portal(self, opened: Future[BlockingPortal]) -> None:
        from anyio.from_thread import BlockingPortal

        async with BlockingPortal() as portal:
            opened.set_result(portal)
            await portal.sleep_until_stopped()

    def stop(self, seconds: float = 1.0) -> None:
        """End the loop and wait for that at most the given seconds."""
        if not self.alive:
            return
        with suppress(RuntimeError):  # the loop may have ended by itself
            self._stop()
        if threading.get_ident() != self.ident:
            self._ended.wait(seconds)

    @classmethod
    def is_own(cls, task: asyncio.Task[Any]) -> bool:
        """Return whether a task on the loop was started by this class and not by the application."""
        code = getattr(task.get_coro(), "cr_code", None)
        return code in (cls._until_stopped.__code__, cls._serve_portal.__code__)

    def report_unfinished(self) -> None:
        """Warn of the tasks that had to be cancelled when the loop ended."""
        names, self.unfinished = self.unfinished, []
        if names:
            warnings.warn(
                f"{len(names)} task(s) of the application were still running when the test client closed its event "
                f"loop, and were cancelled: {', '.join(names)}. Await them in the lifespan's shutdown, or call "
                "client.wait_idle() before leaving.",
                UnfinishedTasks,
                stacklevel=4,
            )

    def _launch(self, job: Callable[[], None]) -> None:
        self.alive = True
        self._worker = POOL.take()
        self._ended = self._worker.submit(job)

    def _start_asyncio(self) -> None:
        import asyncio

        factory = self._options.get("loop_factory")
        if factory is None and self._options.get("use_uvloop"):
            factory = import_module(UVLOOP).new_event_loop
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
        except BaseException as exc:  # SystemExit of a task that nobody awaits
            self.alive = False
            self.crash = exc
            native.run_until_complete(self._sweep(native))
        finally:
            self.alive = False
            native.close()

    async def _until_stopped(self, native: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
        await stopping.wait()
        await self._sweep(native)

    async def _sweep(self, native: asyncio.AbstractEventLoop) -> None:
        """End what still runs."""
        import asyncio

        current = asyncio.current_task()
        unfinished = [task for task in asyncio.all_tasks() if task is not current]
        self.unfinished = [repr(task.get_name()) for task in unfinished if not self.is_own(task)]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.gather(*unfinished, return_exceptions=True)
        await native.shutdown_asyncgens()
        await native.shutdown_default_executor()

    def _start_trio(self) -> None:
        ready = threading.Event()
        self._launch(partial(self._run_trio, ready))
        ready.wait()
        if self.crash is not None:
            raise self.crash

    def _run_trio(self, ready: threading.Event) -> None:
        import trio

        async def main() -> None:
            self.loop = TrioLoop(trio)
            stopping = trio.Event()
            self._stop = partial(self.loop.post, stopping.set)
            ready.set()
            await stopping.wait()

        try:
            trio.run(main, **self._options)
        except BaseException as exc:
            self.crash = exc
        finally:
            self.alive = False
            ready.set()
