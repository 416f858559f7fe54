"""The servers that run in a thread: each is imported when it is asked for, and given a socket that listens."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from math import ceil
from typing import Any, ClassVar

from .types import ASGIApp


class Runner(ABC):
    """One server. `run` serves until another thread calls `stop`, or `force` if that takes too long.

    `drains` says whether it lets requests end before it stops.
    """

    drains: ClassVar[bool] = True

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float) -> None:
        self.app: Any = app
        self.listener = listener
        self.grace = grace

    @abstractmethod
    def run(self) -> None:
        """Serve."""

    @abstractmethod
    def stop(self) -> None:
        """Have the requests end, then the lifespan, then the server."""

    @abstractmethod
    def force(self) -> None:
        """Have the server end now."""


class OnAsyncio(Runner):
    """A server that is a coroutine of asyncio."""

    _loop: asyncio.AbstractEventLoop | None = None
    _task: asyncio.Task[None]

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        # A task of its own: `force` cancels it from outside, and asyncio.run ends as usual.
        self._task = asyncio.ensure_future(self.serve())
        with suppress(asyncio.CancelledError):
            await self._task

    @abstractmethod
    async def serve(self) -> None:
        """Serve."""

    def post(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, if that runs."""
        # The loop may be closed between the look and the call.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)

    def force(self) -> None:
        self.post(lambda: self._task.cancel())


class Uvicorn(OnAsyncio):
    """Uvicorn on asyncio."""

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float) -> None:
        import uvicorn

        super().__init__(app, listener, grace)
        # Without a configuration of logs: pytest has its own.
        config = uvicorn.Config(self.app, log_config=None, timeout_graceful_shutdown=ceil(grace))
        # In a thread, uvicorn installs no handlers of signals: Ctrl-C stays pytest's.
        self._server = uvicorn.Server(config)

    async def serve(self) -> None:
        await self._server.serve(sockets=[self.listener])

    def stop(self) -> None:
        # The server's loop looks at this every 0.1 s: it needs no call from its own thread.
        self._server.should_exit = True

    def force(self) -> None:
        self._server.force_exit = True
        super().force()


class Granian(OnAsyncio):
    """Granian, embedded in a loop of asyncio: its own processes would know nothing of the test's objects."""

    drains = False

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float) -> None:
        super().__init__(app, listener, grace)
        granian = import_module("granian.server.embed")
        # It opens its own socket. Ours is closed first: both would be given connections.
        host, port = listener.getsockname()
        listener.close()
        self._server = granian.Server(self.app, host, port, interface=granian.Interfaces.ASGI, log_enabled=False)
        self._server.workers_kill_timeout = grace

    async def serve(self) -> None:
        await self._server.serve()

    def stop(self) -> None:
        self.post(self._server.stop)


def _hypercorn(backend: str, app: ASGIApp, listener: socket.socket, grace: float) -> Callable[..., Awaitable[None]]:
    """Return the function that serves an application, with its configuration."""
    hypercorn = import_module("hypercorn.config")
    config = hypercorn.Config()
    # In place of sockets that it would bind itself: the port is known, and taken, before the server runs.
    config.create_sockets = lambda: hypercorn.Sockets([], [listener], [])
    config.graceful_timeout = config.shutdown_timeout = grace
    config.loglevel = "ERROR"
    return partial(import_module(f"hypercorn.{backend}").serve, app, config)


class Hypercorn(OnAsyncio):
    """Hypercorn on asyncio."""

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float) -> None:
        super().__init__(app, listener, grace)
        self._hypercorn = _hypercorn("asyncio", app, listener, grace)

    async def serve(self) -> None:
        self._stopping = asyncio.Event()
        await self._hypercorn(shutdown_trigger=self._stopping.wait)

    def stop(self) -> None:
        self.post(lambda: self._stopping.set())


class HypercornTrio(Runner):
    """Hypercorn on trio."""

    _post: Callable[..., object] | None = None

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float) -> None:
        super().__init__(app, listener, grace)
        self._hypercorn = _hypercorn("trio", app, listener, grace)

    def run(self) -> None:
        import trio

        trio.run(self._serve)

    async def _serve(self) -> None:
        import trio

        self._stopping = trio.Event()
        with trio.CancelScope() as self._scope:
            self._post = trio.lowlevel.current_trio_token().run_sync_soon
            await self._hypercorn(shutdown_trigger=self._stopping.wait)

    def stop(self) -> None:
        self._call(lambda: self._stopping.set())

    def force(self) -> None:
        self._call(lambda: self._scope.cancel())

    def _call(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):
            # A RunFinishedError is a RuntimeError: the server may have ended by itself.
            if self._post is not None:
                self._post(function)
