"""The transport of a synchronous client: an application on an event loop in a thread of its own."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .._backends import AsyncioLoop, Loop
from .._bodies import buffered_body
from .._callers import ThreadCaller
from .._http import HTTPExchange
from .._records import Record
from .._runs import ThreadRun, gather, settle
from .._streams import ThreadStream
from .._threads import LoopThread
from ..exceptions import AppTimeout, BlockedEventLoop
from ..lifespan import LifespanExchange
from .base import STREAM, WEBSOCKET, Transport, collect, warn_unfinished

if TYPE_CHECKING:
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal


class ThreadTransport(Transport):
    """Drives an application on an event loop in a thread of its own, for httpx's synchronous client.

    The thread starts with the first request and ends with `close()`, with the block, or with the transport itself.
    As a context manager it runs the lifespan.
    """

    stream_type: ClassVar[type[Any]]

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._lock = threading.Lock()
        self._threads: list[LoopThread] = []
        self._lifespan_run: ThreadRun | None = None
        self._warned = False
        self._finalizer = weakref.finalize(self, _stop_all, self._threads)

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError("the client is in its `with` block already")
        if self._per_request:
            self._stop_thread()
        self._entered = True
        try:
            if self._lifespan_mode != "off":
                self._start_up(self._thread())
        except BaseException:
            self._entered = False
            self._lifespan = self._lifespan_run = None
            self._stop_thread()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        problem = gather(self._leave())
        try:
            settle(problem, exc_value)
        finally:
            problem = None

    def close(self) -> None:
        """Leave open responses, shut the lifespan down and end the thread."""
        self.__exit__()

    def handle_request(self, request: Any) -> Any:
        """Answer a request of httpx; raises what the application raised, ProtocolViolation and AppTimeout."""
        self._warn_of_a_running_loop()
        thread = LoopThread(self._backend, self._backend_options).start() if self._short_lived() else self._thread()
        try:
            if WEBSOCKET in request.extensions:
                return self._connect(request, thread)
            return self._exchange(request, thread)
        except BaseException:
            if thread not in self._threads:
                thread.stop()
            raise

    def portal_call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or await a coroutine function, on the application's loop, and give its result."""
        from concurrent.futures import wait

        limit = self.settings.timeout
        future = self.portal_start(function, *args)
        if limit is not None and not wait([future], limit).done:
            raise AppTimeout(f"portal_call: {_name(function)} has not returned after {limit:g} s")
        return future.result()

    def portal_start(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Begin what `portal_call` does, and give the future of its result."""
        from concurrent.futures import Future

        future: Future[Any] = Future()
        loop = self._thread().loop
        context = copy_context()

        async def steps() -> None:
            try:
                result = function(*args)
                future.set_result(await result if inspect.isawaitable(result) else result)
            except BaseException as exc:
                future.set_exception(exc)

        loop.post(lambda: loop.spawn(steps, context))
        return future

    def portal(self) -> BlockingPortal:
        """Return anyio's portal to the application's event loop."""
        return self._thread().portal()

    def wait_idle(self, seconds: float | None) -> bool:
        """Wait until no task of the application runs but the lifespan's own; False when the time is over first."""
        loop = self._thread().loop
        return bool(self.portal_start(idle, loop, self._resting(), seconds).result())

    def _resting(self) -> frozenset[Any]:
        return self._tasks_of_the_lifespan

    _tasks_of_the_lifespan: frozenset[Any] = frozenset()

    def forget(self, run: Any) -> None:
        super().forget(run)
        if run.exchange.done and run.thread not in self._threads:
            run.thread.stop()

    def _short_lived(self) -> bool:
        return self._per_request and not self._entered

    def _thread(self) -> LoopThread:
        with self._lock:
            if not self._threads or not self._threads[0].alive:
                self._threads[:] = [LoopThread(self._backend, self._backend_options).start()]
            return self._threads[0]

    def _stop_thread(self) -> None:
        with self._lock:
            threads, self._threads[:] = list(self._threads), []
        for thread in threads:
            thread.stop()
            thread.report_unfinished()

    def _warn_of_a_running_loop(self) -> None:
        if self._warned or not _in_running_loop():
            return
        self._warned = True
        warnings.warn(
            "the synchronous test client is used inside a running event loop, which stands still until the response "
            "has come: use AsyncTestClient here",
            BlockedEventLoop,
            stacklevel=2,
        )

    def _exchange(self, request: Any, thread: LoopThread) -> Any:
        caller = ThreadCaller()
        body = buffered_body(request, self.httpx)
        exchange = self._http_exchange(request, body, thread.loop, caller)
        run = ThreadRun(exchange, caller, thread, f"{request.method} {exchange.scope['path']}")
        seconds = self.seconds_of(request)
        buffered = request.extensions.get(STREAM) is False
        record: Record[None] = Record(exchange, self._closing(run, exchange))
        self._remember(record)
        run.start()
        try:
            run.wait(self._ready(exchange, buffered), seconds, exchange.expectation, exchange.advice)
        except BaseException as exc:
            run.abort(exc)
            raise
        if exchange.done and (buffered or not exchange.started):
            self.raise_failure(exchange)
            self._unanswered(exchange)
        if not buffered:
            return self._response(exchange, self._open_stream(run, exchange, seconds), record)
        self.forget(run)
        return self._response(exchange, self._bytes(exchange), record)

    def _ready(self, exchange: HTTPExchange, buffered: bool) -> Callable[[], bool]:
        if not buffered:
            return lambda: exchange.started or exchange.done
        if self.settings.wait_for_app:
            return lambda: exchange.done
        return lambda: exchange.complete or exchange.done

    def _open_stream(self, run: ThreadRun, exchange: HTTPExchange, seconds: float | None) -> ThreadStream:
        stream: ThreadStream = self.stream_type()
        self._active.add(run)
        stream.begin(run, exchange, seconds, self)
        return stream

    def _closing(self, run: ThreadRun, exchange: HTTPExchange) -> Callable[[float | None], None]:
        """What waits until the application has returned. It does not keep the transport, which remembers the record."""
        owner = weakref.ref(self)

        def wait_closed(limit: float | None) -> None:
            seconds = exchange.settings.timeout if limit is None else limit
            run.wait(run.done, seconds, lambda: "the application has not returned", exchange.advice)
            transport = owner()
            if transport is not None:
                transport.forget(run)
                transport.raise_failure(exchange)

        return wait_closed

    def _connect(self, request: Any, thread: LoopThread) -> Any:
        caller = ThreadCaller()
        exchange = self._websocket_exchange(request, thread.loop, caller)
        run = ThreadRun(exchange, caller, thread, f"WebSocket {exchange.scope['path']}")
        run.start()
        try:
            run.wait(exchange.answered, self.seconds_of(request), exchange.expectation, exchange.advice)
        except BaseException as exc:
            run.abort(exc)
            raise
        if exchange.answer is None:
            self.raise_failure(exchange)
        self._active.add(run)
        return exchange.response(self.httpx, run, self)

    def _start_up(self, thread: LoopThread) -> None:
        caller = ThreadCaller()
        lifespan = self._lifespan = self._lifespan_exchange(thread.loop, caller)
        run = self._lifespan_run = ThreadRun(lifespan, caller, thread, "lifespan startup")
        run.start()
        self._await_phase(run, lifespan, "startup")
        if isinstance(thread.loop, AsyncioLoop):
            import asyncio

            self._tasks_of_the_lifespan = frozenset(asyncio.all_tasks(thread.loop.native))

    def _await_phase(self, run: ThreadRun, lifespan: LifespanExchange, phase: str) -> None:
        try:
            run.wait(lifespan.answered(phase), self.settings.timeout, lambda: lifespan.expectation(phase))
            if phase == "shutdown" or lifespan.refused(phase):
                self._see_out(run, lifespan, phase)
        except BaseException:
            run.force()
            raise
        problem = lifespan.verdict(phase)
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None

    def _see_out(self, run: ThreadRun, lifespan: LifespanExchange, phase: str) -> None:
        """Let the application return, or end it where it waits for what cannot come: its last word is said."""
        if lifespan.refused(phase):
            run.caller.until(lifespan.over, self.settings.disconnect_grace)
        else:
            run.wait(lifespan.over, self.settings.timeout, lambda: lifespan.expectation(phase))
        if not lifespan.done:
            run.force()

    def _leave(self) -> list[BaseException]:
        """Everything that ends; the problems met on the way."""
        problems: list[BaseException] = []
        for run in [*self._active]:
            collect(problems, run.leave)
            collect(problems, self.raise_failure, run.exchange)
        for run in [*self._background]:
            collect(problems, self._end_background, run)
        self._active.clear()
        self._background.clear()
        collect(problems, self._shut_down)
        self._entered = False
        collect(problems, self._stop_thread)
        return problems

    def _end_background(self, run: ThreadRun) -> None:
        """Let an application that goes on after its response finish, for its grace."""
        if not run.caller.until(run.done, self.settings.disconnect_grace):
            run.force()
            warn_unfinished(run.title)
        self.raise_failure(run.exchange)

    def _shut_down(self) -> None:
        lifespan, run = self._lifespan, self._lifespan_run
        self._lifespan = self._lifespan_run = None
        self._tasks_of_the_lifespan = frozenset()
        if lifespan is None or run is None:
            return
        run.title = "lifespan shutdown"
        run.tell(lifespan.shut_down)
        self._await_phase(run, lifespan, "shutdown")


async def idle(loop: Loop, resting: frozenset[Any], seconds: float | None) -> bool:
    """Wait on the loop until no task is left but those at rest and this one."""
    if not isinstance(loop, AsyncioLoop):
        return True
    import asyncio

    me = asyncio.current_task()
    end = None if seconds is None else loop.native.time() + seconds
    while stray := [
        task for task in asyncio.all_tasks() if task is not me and not LoopThread.is_own(task) and task not in resting
    ]:
        left = None if end is None else end - loop.native.time()
        if left is not None and left <= 0:
            return False
        await asyncio.wait(stray, timeout=left)
    return True


def _name(function: Callable[..., Any]) -> str:
    """A function as an error shows it."""
    return f"{function.__module__}.{function.__qualname__}" if hasattr(function, "__qualname__") else repr(function)


def _stop_all(threads: list[LoopThread]) -> None:
    for thread in threads:
        thread.stop()


def _in_running_loop() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        return trio is not None and bool(getattr(trio.lowlevel, "in_trio_run", bool)())
    return True
