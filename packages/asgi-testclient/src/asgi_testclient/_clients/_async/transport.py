"""Call an application for the requests of httpx, and run its lifespan."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any, ClassVar, Self

from ..._calls.http import HTTPCall
from ..._calls.requests import task_body
from ..._errors import Collecting, combine, raise_or_note, warn
from ..._loops.tasks import RunningLoop, TaskLoops
from ..._options import TransportOptions
from ...exceptions import UnfinishedTasks
from ..transport import STREAM, WEBSOCKET, BaseRecord, BaseTransport
from .driver import AsyncDriver, AsyncLifespan
from .stream import AsyncStream

__tracebackhide__ = True  # pytest shows the code of its reader instead


class AsyncRecord(BaseRecord):
    """The ASGI side of one response."""

    def __init__(self, driver: AsyncDriver[HTTPCall], owner: AsyncTransport) -> None:
        super().__init__(driver.call)
        self._driver = driver
        self._owner = weakref.ref(owner)  # it remembers this record

    async def wait_closed(self, timeout: float | None = None) -> None:
        """Wait until the application has returned, and raise what it raised.

        Raises AppTimeout after so many seconds, by default the client's limit.
        """
        await self._driver.wait_closed(self._call.settings.timeout if timeout is None else timeout)
        owner = self._owner()
        if owner is not None:
            await owner.forget(self._driver)
            owner.raise_failure(self._call)


class AsyncTransport(BaseTransport):
    """The transport of a client. As a context manager, which the client's own block enters, it runs the lifespan."""

    stream_type: ClassVar[type[Any]]
    loops: TaskLoops

    def __init__(self, app: Any, options: TransportOptions) -> None:
        super().__init__(app, options)
        self.loops = TaskLoops(self.settings)
        self._lifespan: AsyncLifespan | None = None

    async def __aenter__(self) -> Self:
        if self.entered:
            raise RuntimeError("the client is in its `async with` block already")
        if self.is_sibling:
            self.entered = True
            return self
        host = self.loops.enter()
        self.entered = True
        try:
            if self.settings.lifespan != "off":
                self._lifespan = AsyncLifespan(self.app, self.app_state, self.settings, host)
                self._lifespan_call = self._lifespan.call
                await self._lifespan.start(self.settings.timeout)
                self.loops.rest()
        # Without the lifespan the client is as it was before: it can be entered again.
        except BaseException:
            self.entered = False
            self._lifespan = self._lifespan_call = None
            self.loops.stop()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.loops.leave()
        problem = combine(await self._leave())
        try:
            raise_or_note(problem, exc_value)
        finally:
            # The traceback of an exception holds this frame: without this they would keep each other alive.
            problem = None

    async def aclose(self) -> None:
        """Leave open responses, shut the lifespan down and end the client's own loop."""
        await self.__aexit__()

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request of httpx. Raises what the application raised, ProtocolViolation and AppTimeout."""
        host = self.loops.for_request(self.entered)
        try:
            if WEBSOCKET in request.extensions:
                return await self._connect(request, host)
            return await self._exchange(request, host)
        except BaseException:
            await self.loops.release(host)
            raise

    async def _exchange(self, request: Any, host: RunningLoop) -> Any:
        call = self.http_call(request, await task_body(request, self.library), host)
        driver = AsyncDriver(call, host, f"{request.method} {call.scope['path']}")
        record = AsyncRecord(driver, self)
        self.remember(record)
        seconds, buffered = self.seconds_of(request), request.extensions.get(STREAM) is False
        await self._run(driver, self._ready(call, buffered), seconds)
        if call.left:
            await driver.leave()
        if call.left or (call.done and (buffered or not call.started)):
            self.raise_failure(call)
            # After the exception of an application that has failed, which is why there is no response.
            self.raise_unanswered(call)
        if buffered:
            await self.forget(driver)
            return self.response(call, self.library.ByteStream(b"".join(call.chunks)), record)
        self._active.add(driver)
        stream: AsyncStream = self.stream_type()
        stream.begin(driver, seconds, self)
        return self.response(call, stream, record)

    async def _connect(self, request: Any, host: RunningLoop) -> Any:
        call = self.websocket_call(request, host)
        driver = AsyncDriver(call, host, f"WebSocket {call.scope['path']}")
        await self._run(driver, call.answered, self.seconds_of(request))
        if call.answer is None:
            self.raise_failure(call)
        self._active.add(driver)
        return call.response(self.library, driver, self)

    async def _run(self, driver: AsyncDriver[Any], ready: Callable[[], bool], seconds: float | None) -> None:
        driver.start()
        try:
            await driver.wait(ready, seconds)
        # A KeyboardInterrupt and a cancelled test, too, leave no application behind that runs on.
        except BaseException:
            await driver.abort()
            raise

    def _ready(self, call: HTTPCall, buffered: bool) -> Callable[[], bool]:
        """Return a function that tells whether there is a response, or there will be none."""
        if not buffered:
            return lambda: call.started or call.done or call.left
        if self.settings.wait_for_app:
            return lambda: call.done or call.left
        return lambda: call.complete or call.done or call.left

    async def forget(self, driver: AsyncDriver[Any]) -> None:
        """Note that a response or a WebSocket is over, though its application may go on."""
        self._active.discard(driver)
        if driver.call.done:
            self._background.discard(driver)
            await self.loops.release(driver.host, driver.call)
        else:
            self._background.add(driver)

    async def wait_idle(self, seconds: float | None) -> bool:
        """Wait until nothing of the application runs but its lifespan; return False if the seconds are over first."""
        end = None if seconds is None else monotonic() + seconds
        for driver in [*self._background]:
            if not await driver.waiter.until(driver.done, None if end is None else end - monotonic()):
                return False
        return await self.loops.idle(None if end is None else end - monotonic())

    async def _leave(self) -> list[BaseException]:
        """End everything; return the problems met on the way."""
        problems: list[BaseException] = []
        # First the responses, then the work behind them, then the lifespan: what a request uses is there until it ends.
        for driver in [*self._active]:
            with Collecting(problems):
                await driver.leave()
            with Collecting(problems):
                self.raise_failure(driver.call)
        for driver in [*self._background]:
            with Collecting(problems):
                await self._end_background(driver)
        self._active.clear()
        self._background.clear()
        if self.is_sibling:
            self.entered = False
            return problems
        lifespan, self._lifespan, self._lifespan_call = self._lifespan, None, None
        if lifespan is not None:
            with Collecting(problems):
                await lifespan.stop(self.settings.timeout)
        self.entered = False
        with Collecting(problems):
            self.loops.stop()
        return problems

    async def _end_background(self, driver: AsyncDriver[Any]) -> None:
        """Let an application that goes on after its response finish, for its grace."""
        if not await driver.waiter.until(driver.done, self.settings.disconnect_grace):
            await driver.abort()
            warn(
                f"{driver.title}: the application was still at work after its response when the client was closed, and "
                "was cancelled; wait for it with response.asgi.wait_closed() or client.wait_idle()",
                UnfinishedTasks,
            )
        await self.loops.release(driver.host)
        self.raise_failure(driver.call)
