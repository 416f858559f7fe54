"""The transport of an asynchronous client: an application on the loop its caller runs on."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, ClassVar, Self

from .._backends import Loop, current_loop
from .._bodies import buffered_body_async
from .._callers import TaskCaller
from .._http import HTTPExchange
from .._records import Record
from .._runs import TaskRun, gather, settle
from .._streams import TaskStream
from ..lifespan import LifespanExchange
from .base import STREAM, WEBSOCKET, Transport, collect, warn_unfinished


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
        record: Record[Any] = Record(exchange, self._closing(run, exchange))
        self._remember(record)
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

    def _closing(self, run: TaskRun, exchange: HTTPExchange) -> Callable[[float | None], Coroutine[Any, Any, None]]:
        """What waits until the application has returned. It does not keep the transport, which remembers the record."""
        owner = weakref.ref(self)

        async def wait_closed(limit: float | None) -> None:
            seconds = exchange.settings.timeout if limit is None else limit
            await run.wait(run.done, seconds, lambda: "the application has not returned", exchange.advice)
            transport = owner()
            if transport is not None:
                transport.forget(run)
                transport.raise_failure(exchange)

        return wait_closed

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
            await run.wait(lifespan.answered(phase), self.settings.timeout, lambda: lifespan.expectation(phase))
            if phase == "shutdown" or lifespan.refused(phase):
                await self._see_out(run, lifespan, phase)
        except BaseException:
            await run.abort()
            raise
        problem = lifespan.verdict(phase)
        try:
            if problem is not None:
                raise problem
        finally:
            problem = None

    async def _see_out(self, run: TaskRun, lifespan: LifespanExchange, phase: str) -> None:
        """Let the application return, or end it where it waits for what cannot come: its last word is said."""
        if lifespan.refused(phase):
            await run.caller.until(lifespan.over, self.settings.disconnect_grace)
        else:
            await run.wait(lifespan.over, self.settings.timeout, lambda: lifespan.expectation(phase))
        if not lifespan.done:
            await run.abort()

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


async def collect_async(problems: list[BaseException], step: Callable[..., Any], *args: Any) -> None:
    """Await one thing of several that all have to be done, and keep what it raises."""
    try:
        await step(*args)
    except BaseException as exc:
        problems.append(exc)
