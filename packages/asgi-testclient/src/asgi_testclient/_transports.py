"""The transports, bound to no httpx yet: what they are told, the loop they own, and the lifespan they run."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextvars import copy_context
from types import ModuleType, TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar

from ._apps import as_asgi3
from ._backends import AsyncioLoop, Loop, current_loop
from ._bodies import buffered_body, buffered_body_async
from ._callers import TaskCaller, ThreadCaller
from ._checks import ProtocolViolation, Strict
from ._exchange import Exchange
from ._http import Body, HTTPExchange
from ._records import Record
from ._runs import TaskRun, ThreadRun, gather, settle
from ._scopes import Request, http_scope, websocket_scope
from ._settings import Extensions, LifespanMode, RaiseServerExceptions, Settings, checked, offers, sends_raise
from ._streams import TaskStream, ThreadStream, advised
from ._threads import LoopThread
from ._websocket import WebSocketExchange
from .exceptions import AppTimeout, BlockedEventLoop, UnfinishedTasks
from .lifespan import LifespanExchange

STREAM = "asgi_testclient.stream"
WEBSOCKET = "asgi_testclient.websocket"
HINT = (
    "The lifespan was not run. If the application needs it, make the client a context manager: `with TestClient(app)`."
)
T = TypeVar("T")
Problem = BaseException | None


class Transport:
    """What both transports are: an application, the settings it is driven with, and its lifespan state."""

    httpx: ClassVar[ModuleType]
    backends: ClassVar[tuple[str, ...]] = ("asyncio", "trio")

    def __init__(
        self,
        app: Any,
        *,
        raise_server_exceptions: RaiseServerExceptions = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: Mapping[str, Any] | None = None,
        client: tuple[str, int] | None = ("testclient", 50000),
        lifespan: LifespanMode = "auto",
        strict: Strict = "errors",
        ignore: Iterable[str] = (),
        timeout: float | None = 10.0,
        disconnect_grace: float = 1.0,
        stream_buffer: int = 65536,
        wait_for_app: bool = True,
        spec_version: str = "2.3",
        http_version: str = "1.1",
        extensions: Extensions | None = None,
        state: Mapping[str, Any] | None = None,
        server: tuple[str, int | None] | None = None,
        sync_on_caller: bool | Literal["auto"] = "auto",
        loop: Literal["persistent", "per-request"] = "persistent",
        record: bool = True,
    ) -> None:
        http, websocket = offers(extensions)
        self.app = app
        self.app_state: dict[str, Any] = dict(state or {})
        self.settings = Settings(
            raise_server_exceptions=checked(
                raise_server_exceptions, "raise_server_exceptions", (True, False, "logged")
            ),
            root_path=root_path,
            client=client,
            server=server,
            timeout=timeout,
            disconnect_grace=disconnect_grace,
            stream_buffer=stream_buffer,
            wait_for_app=wait_for_app,
            spec_version=spec_version,
            http_version=http_version,
            strict=checked(strict, "strict", ("errors", "all", "off")),
            ignore=frozenset(ignore),
            sync_on_caller=checked(sync_on_caller, "sync_on_caller", (True, False, "auto")),
            record=record,
            http_extensions=http,
            websocket_extensions=websocket,
            send_raises=sends_raise(spec_version),
            offered_http=frozenset(http),
            offered_websocket=frozenset(websocket),
        )
        self.last: Record[Any] | None = None
        self._asgi3 = as_asgi3(app)
        self._backend = checked(backend, "backend", self.backends)
        self._backend_options = dict(backend_options or {})
        self._lifespan_mode: LifespanMode = checked(lifespan, "lifespan", ("auto", "on", "off"))
        self._per_request = checked(loop, "loop", ("persistent", "per-request")) == "per-request"
        self._lifespan: LifespanExchange | None = None
        self._entered = False
        self._active: weakref.WeakSet[Any] = weakref.WeakSet()
        self._background: set[Any] = set()

    @property
    def entered(self) -> bool:
        """Whether the client is in its block."""
        return self._entered

    def forget(self, run: Any) -> None:
        """A run is over, or its application goes on after a complete response."""
        self._active.discard(run)
        if run.exchange.done:
            self._background.discard(run)
        else:
            self._background.add(run)

    def raise_failure(self, exchange: Exchange) -> None:
        """Raise what the application did wrong, if anything."""
        client_error = getattr(exchange, "client_error", None)
        exc: Problem = client_error or exchange.failure()
        if exc is None:
            return
        told = client_error is not None or isinstance(exc, ProtocolViolation)
        if not told and not self._entered and self._lifespan_mode != "off":
            advised(exc, HINT)
        exchange.exception = None  # the exception's frames know the exchange; the exchange need not know it
        try:
            raise exc
        finally:
            exc = client_error = None

    def seconds_of(self, request: Request) -> float | None:
        limits = request.extensions.get("timeout")
        if not isinstance(limits, Mapping) or "read" not in limits:
            return self.settings.timeout
        seconds: float | None = limits["read"]
        return seconds

    def _http_exchange(self, request: Request, body: Body, loop: Loop, caller: Any) -> HTTPExchange:
        self._raise_lifespan_fault()
        return HTTPExchange(
            self._asgi3,
            http_scope(request, self.settings, self.app_state),
            body,
            self.settings,
            loop,
            caller,
            buffered=request.extensions.get(STREAM) is False,
        )

    def _websocket_exchange(self, request: Request, loop: Loop, caller: Any) -> WebSocketExchange:
        self._raise_lifespan_fault()
        subprotocols: list[str] = request.extensions[WEBSOCKET]
        scope = websocket_scope(request, self.settings, self.app_state, subprotocols)
        return WebSocketExchange(self._asgi3, scope, self.settings, loop, caller, self.settings.offered_websocket)

    def _lifespan_exchange(self, loop: Loop, caller: Any) -> LifespanExchange:
        mode = self._lifespan_mode
        return LifespanExchange(self._asgi3, self.app_state, self.settings, loop, caller, mode)

    def _raise_lifespan_fault(self) -> None:
        """What ended the lifespan before its shutdown; told of once."""
        fault = self._lifespan.fault() if self._lifespan is not None else None
        if fault is not None:
            fault.add_note("It ended the lifespan task while requests were still being served.")
            raise fault

    def _response(self, exchange: HTTPExchange, stream: Any, record: Record[Any]) -> Any:
        extensions: dict[str, Any] = {
            "http_version": f"HTTP/{exchange.scope['http_version']}".encode("ascii"),
            "asgi": record,
        }
        if exchange.debug is not None:
            extensions["http.response.debug"] = exchange.debug
        if exchange.trailers:
            extensions["http.response.trailers"] = exchange.trailers
        status = exchange.status if exchange.started else 500
        response = self.httpx.Response(status, headers=exchange.headers, stream=stream, extensions=extensions)
        response.asgi = record
        for name in ("template", "context"):
            if exchange.debug is not None and name in exchange.debug:
                setattr(response, name, exchange.debug[name])
        self.last = record
        return response

    def _bytes(self, exchange: HTTPExchange) -> Any:
        return self.httpx.ByteStream(b"".join(exchange.chunks))

    def _unanswered(self, exchange: HTTPExchange) -> None:
        """Fail where the application has returned without a response, and no check has said so."""
        if not exchange.started and exchange.exception is None:
            raise AssertionError("the application returned without a response: it never sent http.response.start")


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
        limit = self.settings.timeout
        future = self.portal_start(function, *args)
        if limit is not None and not wait([future], limit).done:
            raise AppTimeout(f"portal_call: {_name(function)} has not returned after {limit:g} s")
        return future.result()

    def portal_start(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Begin what `portal_call` does, and give the future of its result."""
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
        record: Record[None] = Record(exchange, lambda limit: self._wait_closed(run, limit, exchange.advice))
        self.last = record
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

    def _wait_closed(self, run: ThreadRun, limit: float | None, advice: Callable[[], str]) -> None:
        seconds = self.settings.timeout if limit is None else limit
        run.wait(run.done, seconds, lambda: "the application has not returned", advice)
        self.forget(run)
        self.raise_failure(run.exchange)

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
            self._tasks_of_the_lifespan = frozenset(asyncio.all_tasks(thread.loop.native))

    def _await_phase(self, run: ThreadRun, lifespan: LifespanExchange, phase: str) -> None:
        try:
            run.wait(lifespan.settled(phase), self.settings.timeout, lambda: lifespan.expectation(phase))
        except BaseException:
            run.force()
            raise
        problem = lifespan.verdict(phase)
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None

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


class TaskTransport(Transport):
    """Drives an application on the loop its caller runs on, asyncio or trio, for httpx's asynchronous client.

    As an asynchronous context manager it runs the lifespan, in a task that belongs to no cancel scope: it may be
    entered in one task and left in another, as fixtures are.
    """

    stream_type: ClassVar[type[Any]]

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._lifespan_run: TaskRun | None = None

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError("the client is in its `async with` block already")
        self._entered = True
        try:
            if self._lifespan_mode != "off":
                await self._start_up()
        except BaseException:
            self._entered = False
            self._lifespan = self._lifespan_run = None
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        problem = gather(await self._leave())
        try:
            settle(problem, exc_value)
        finally:
            problem = None

    async def aclose(self) -> None:
        """Leave open responses and shut the lifespan down."""
        await self.__aexit__()

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request of httpx; raises what the application raised, ProtocolViolation and AppTimeout."""
        loop = current_loop()
        if WEBSOCKET in request.extensions:
            return await self._connect(request, loop)
        return await self._exchange(request, loop)

    async def wait_idle(self, seconds: float | None) -> bool:
        """Wait until no application runs after its response; False when the time is over first."""
        for run in [*self._background]:
            if not await run.caller.until(run.done, seconds):
                return False
            self._background.discard(run)
        return True

    async def _exchange(self, request: Any, loop: Loop) -> Any:
        caller = TaskCaller(loop)
        body = await buffered_body_async(request, self.httpx)
        exchange = self._http_exchange(request, body, loop, caller)
        run = TaskRun(exchange, caller, f"{request.method} {exchange.scope['path']}")
        seconds = self.seconds_of(request)
        buffered = request.extensions.get(STREAM) is False
        record: Record[Any] = Record(exchange, lambda limit: self._wait_closed(run, limit, exchange.advice))
        self.last = record
        run.start()
        try:
            await run.wait(self._ready(exchange, buffered), seconds, exchange.expectation, exchange.advice)
        except BaseException:
            await run.abort()
            raise
        if exchange.client_error:
            await run.leave()
        if exchange.client_error or (exchange.done and (buffered or not exchange.started)):
            self.raise_failure(exchange)
            self._unanswered(exchange)
        if not buffered:
            return self._response(exchange, self._open_stream(run, exchange, seconds), record)
        self.forget(run)
        return self._response(exchange, self._bytes(exchange), record)

    def _ready(self, exchange: HTTPExchange, buffered: bool) -> Callable[[], bool]:
        if not buffered:
            return lambda: exchange.started or exchange.done or exchange.client_error is not None
        if self.settings.wait_for_app:
            return lambda: exchange.done or exchange.client_error is not None
        return lambda: exchange.complete or exchange.done or exchange.client_error is not None

    def _open_stream(self, run: TaskRun, exchange: HTTPExchange, seconds: float | None) -> TaskStream:
        stream: TaskStream = self.stream_type()
        self._active.add(run)
        stream.begin(run, exchange, seconds, self)
        return stream

    async def _wait_closed(self, run: TaskRun, limit: float | None, advice: Callable[[], str]) -> None:
        seconds = self.settings.timeout if limit is None else limit
        await run.wait(run.done, seconds, lambda: "the application has not returned", advice)
        self.forget(run)
        self.raise_failure(run.exchange)

    async def _connect(self, request: Any, loop: Loop) -> Any:
        caller = TaskCaller(loop)
        exchange = self._websocket_exchange(request, loop, caller)
        run = TaskRun(exchange, caller, f"WebSocket {exchange.scope['path']}")
        run.start()
        try:
            await run.wait(exchange.answered, self.seconds_of(request), exchange.expectation, exchange.advice)
        except BaseException:
            await run.abort()
            raise
        if exchange.answer is None:
            self.raise_failure(exchange)
        self._active.add(run)
        return exchange.response(self.httpx, run, self)

    async def _start_up(self) -> None:
        loop = current_loop()
        caller = TaskCaller(loop)
        lifespan = self._lifespan = self._lifespan_exchange(loop, caller)
        run = self._lifespan_run = TaskRun(lifespan, caller, "lifespan startup")
        run.start()
        await self._await_phase(run, lifespan, "startup")

    async def _await_phase(self, run: TaskRun, lifespan: LifespanExchange, phase: str) -> None:
        try:
            await run.wait(lifespan.settled(phase), self.settings.timeout, lambda: lifespan.expectation(phase))
        except BaseException:
            await run.abort()
            raise
        problem = lifespan.verdict(phase)
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None

    async def _leave(self) -> list[BaseException]:
        """Everything that ends; the problems met on the way."""
        problems: list[BaseException] = []
        for run in [*self._active]:
            await collect_async(problems, run.leave)
            collect(problems, self.raise_failure, run.exchange)
        for run in [*self._background]:
            await collect_async(problems, self._end_background, run)
        self._active.clear()
        self._background.clear()
        await collect_async(problems, self._shut_down)
        self._entered = False
        return problems

    async def _end_background(self, run: TaskRun) -> None:
        """Let an application that goes on after its response finish, for its grace."""
        if not await run.caller.until(run.done, self.settings.disconnect_grace):
            await run.abort()
            warn_unfinished(run.title)
        self.raise_failure(run.exchange)

    async def _shut_down(self) -> None:
        lifespan, run = self._lifespan, self._lifespan_run
        self._lifespan = self._lifespan_run = None
        if lifespan is None or run is None:
            return
        run.title = "lifespan shutdown"
        lifespan.shut_down()
        await self._await_phase(run, lifespan, "shutdown")


def collect(problems: list[BaseException], step: Callable[..., object], *args: Any) -> None:
    """Do one thing of several that all have to be done, and keep what it raises."""
    try:
        step(*args)
    except BaseException as exc:
        problems.append(exc)


async def collect_async(problems: list[BaseException], step: Callable[..., Any], *args: Any) -> None:
    """Await one thing of several that all have to be done, and keep what it raises."""
    try:
        await step(*args)
    except BaseException as exc:
        problems.append(exc)


def warn_unfinished(title: str) -> None:
    """Warn of an application that went on after its response and did not come to an end."""
    warnings.warn(
        f"{title}: the application was still at work after its response when the client was closed, and was cancelled; "
        "wait for it with response.asgi.wait_closed() or client.wait_idle()",
        UnfinishedTasks,
        stacklevel=5,
    )


async def idle(loop: Loop, resting: frozenset[Any], seconds: float | None) -> bool:
    """Wait on the loop until no task is left but those at rest and this one."""
    if not isinstance(loop, AsyncioLoop):
        return True
    me = asyncio.current_task()
    end = None if seconds is None else loop.native.time() + seconds
    while stray := [
        task for task in asyncio.all_tasks() if task is not me and not is_own(task) and task not in resting
    ]:
        left = None if end is None else end - loop.native.time()
        if left is not None and left <= 0:
            return False
        await asyncio.wait(stray, timeout=left)
    return True


def is_own(task: Any) -> bool:
    """Whether a task is the loop thread's own, which ends with the thread."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is LoopThread._until_stopped.__code__


def _name(function: Callable[..., Any]) -> str:
    """A function as an error shows it."""
    return f"{function.__module__}.{function.__qualname__}" if hasattr(function, "__qualname__") else repr(function)


def _stop_all(threads: list[LoopThread]) -> None:
    for thread in threads:
        thread.stop()


def _in_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        return trio is not None and bool(getattr(trio.lowlevel, "in_trio_run", bool)())
    return True
