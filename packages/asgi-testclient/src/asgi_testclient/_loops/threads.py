"""The loop threads of one client, whose caller has no event loop: one that lasts, or one for each request."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._errors import warn
from .._options import Settings
from ..exceptions import AppTimeout, BlockedEventLoop
from .backends import AsyncioLoop, running_loop
from .loop_thread import LoopThread

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ["LoopThread", "ThreadLoops"]

OF_A_LOOP = frozenset({"clock", "loop_factory", "use_uvloop"})
"""The backend options that a clock brings itself."""


class ThreadLoops:
    """The loop threads of one client.

    One thread serves the client until it is closed. With `loop="per-request"` each request and WebSocket outside the
    client's block has one of its own, as in Starlette's client: what it leaves running is cancelled with it. Nothing is
    warned of then, neither tasks that the block leaves nor a running loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = dict(settings.backend_options or {})
        if settings.clock is not None and (own := OF_A_LOOP & self._options.keys()):
            raise ValueError(f"clock= brings the event loop and its time: leave out {', '.join(sorted(own))}")
        self._lock = threading.Lock()
        self._lasting: list[LoopThread] = []
        self._at_rest: frozenset[Any] = frozenset()
        self._warns = settings.loop != "per-request"
        # The list and not `self`: a finalizer that refers to its object keeps it alive, and the threads with it.
        self._finalizer = weakref.finalize(self, _stop_all, self._lasting)

    def enter(self) -> LoopThread:
        """Return the loop for the client's block."""
        if self._settings.loop == "per-request":
            self.stop()
        return self.lasting()

    def for_request(self, entered: bool) -> LoopThread:
        """Return the loop for one request or WebSocket."""
        if self._warns and running_loop() is not None:
            self._warn_of_a_running_loop()
        if self._settings.loop == "per-request" and not entered:
            return self._new()
        return self.lasting()

    def lasting(self) -> LoopThread:
        """Return the loop that serves until the client is closed."""
        # Two threads of a test may send their first requests at once; the lifespan and they share one loop.
        with self._lock:
            if not self._lasting or not self._lasting[0].alive:
                self._lasting[:] = [self._new()]
            return self._lasting[0]

    def _new(self) -> LoopThread:
        return LoopThread(self._settings.backend, self._options, self._settings.clock).start()

    def release(self, host: LoopThread, call: Any = None) -> None:
        """End the loop of one request."""
        if host not in self._lasting:
            host.stop()

    def leave(self) -> None:
        """Do nothing: a block may be left in another thread."""

    def stop(self) -> None:
        """End the lasting loop, and warn of what it has left."""
        with self._lock:
            threads, self._lasting[:] = list(self._lasting), []
        self._at_rest = frozenset()
        # Without the lock: each waits for the application to end, whose code may use this client as well.
        for thread in threads:
            thread.stop()
            if self._settings.loop != "per-request":
                thread.report_unfinished()

    def rest(self) -> None:
        """Take the tasks that run now for those of the lifespan, which `idle` does not wait for."""
        loop = self.lasting().loop
        if isinstance(loop, AsyncioLoop):
            import asyncio

            self._at_rest = frozenset(asyncio.all_tasks(loop.native))

    def portal(self) -> BlockingPortal:
        """Return anyio's portal to the lasting loop."""
        return self.lasting().portal()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or await a coroutine function, on the lasting loop; return its result."""
        from concurrent.futures import wait

        limit = self._settings.timeout
        future = self.lasting().call_soon(function, *args)
        # Not `future.result(limit)`: its TimeoutError could not be distinguished from one that the function raises.
        if limit is not None and not wait([future], limit).done:
            raise AppTimeout(f"portal_call: {_name(function)} has not returned after {limit:g} s")
        return future.result()

    def idle(self, seconds: float | None) -> bool:
        """Wait until the lasting loop has no task but those of the lifespan; False if the seconds are over first."""
        thread = self.lasting()
        return bool(thread.call_soon(self._idle, thread, seconds).result())

    async def _idle(self, thread: LoopThread, seconds: float | None) -> bool:
        # A trio task lives in a nursery that waits for it: none outlives what has started it.
        if not isinstance(thread.loop, AsyncioLoop):
            return True
        import asyncio

        ours = {asyncio.current_task(), *self._at_rest}
        end = None if seconds is None else thread.loop.native.time() + seconds
        while stray := [task for task in asyncio.all_tasks() if task not in ours and not thread.is_own(task)]:
            left = None if end is None else end - thread.loop.native.time()
            if left is not None and left <= 0:
                return False
            await asyncio.wait(stray, timeout=left)
        return True

    def _warn_of_a_running_loop(self) -> None:
        self._warns = False
        warn(
            "the synchronous test client is used inside a running event loop, which stands still until the response "
            "has come: use AsyncTestClient here",
            BlockedEventLoop,
        )


def _name(function: Callable[..., Any]) -> str:
    """Return a function as an error shows it."""
    return f"{function.__module__}.{function.__qualname__}" if hasattr(function, "__qualname__") else repr(function)


def _stop_all(threads: list[LoopThread]) -> None:
    for thread in threads:
        thread.stop()
