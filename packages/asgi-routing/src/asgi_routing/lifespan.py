"""What runs before the first request and after the last: contexts, and the lifespans of mounted applications.

    async def pool(app):
        async with open_pool() as connections:
            yield {"connections": connections}

    router = Router(routes, lifespan=pool)

Mounted applications need no task each: they are nested. When one has started and asks for its next message, the next
one is started within that call, and the last one waits for the server; so they stop in reverse, in the tasks they
started in, on any event loop. One that gives up waiting for its message ends those started after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Protocol

from .routes import BaseRoute, Host, Mount
from .types import ASGIApp, Message, Receive, Scope, Send

Lifespan = Callable[[Any], Any]
LifespanContext = Callable[[Any], AbstractAsyncContextManager[Any]]

_GENERATOR = 0x20  # inspect.CO_GENERATOR; importing inspect costs more than this package
_ASYNC_GENERATOR = 0x200


class _Owner(Protocol):
    lifespan_context: LifespanContext
    lifespan_of_mounts: bool

    @property
    def routes(self) -> list[BaseRoute]: ...


def as_context(lifespan: Lifespan | None) -> LifespanContext:
    """A function from the application to an async context manager, of a generator function or of such a function."""
    if lifespan is None:
        return _NoLifespan()
    function: Any = lifespan
    while isinstance(function, partial):
        function = function.func
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & _ASYNC_GENERATOR:
        return asynccontextmanager(lifespan)
    if flags & _GENERATOR:
        context = contextmanager(lifespan)
        return lambda app: _Lifted(context(app))
    return lifespan


class _NoLifespan(AbstractAsyncContextManager[None]):
    """A lifespan that does nothing, and its own context."""

    def __call__(self, app: object) -> _NoLifespan:
        return self

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *exc: object) -> None:
        return None


class _Lifted(AbstractAsyncContextManager[Any]):
    """A context manager as an async one."""

    def __init__(self, context: AbstractContextManager[Any]) -> None:
        self.context = context

    async def __aenter__(self) -> Any:
        return self.context.__enter__()

    async def __aexit__(self, *exc: Any) -> bool | None:  # noqa: PYI036 - handed on as they come
        return self.context.__exit__(*exc)


async def run_lifespan(owner: _Owner, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the lifespan of a router; a failure is told to the server with its traceback, and raised."""
    await receive()
    nest = _Nest(_mounted(owner.routes, {id(owner)}) if owner.lifespan_of_mounts else (), scope, receive, send)
    try:
        async with owner.lifespan_context(scope.get("app")) as state:
            if state is not None:
                if "state" not in scope:
                    raise RuntimeError('The server does not support "state" in the lifespan scope.')
                scope["state"].update(state)
            await nest.run(0)
    except Exception as exc:
        import traceback

        nest.failed(traceback.format_exc(), exc)
    await nest.report()


def _mounted(routes: Iterable[BaseRoute], seen: set[int]) -> Iterator[ASGIApp]:
    """The mounted applications, each once, and after a router of ours those mounted in it."""
    for route in routes:
        if isinstance(route, (Mount, Host)) and id(route.app) not in seen:
            seen.add(id(route.app))
            yield route.app
            if getattr(route.base_app, "lifespan_of_mounts", None) is False:
                yield from _mounted(route.routes, seen)


class _Nest:
    """The lifespans of some applications, each within the one before it, and innermost the server's."""

    def __init__(self, apps: Iterable[ASGIApp], scope: Scope, receive: Receive, send: Send) -> None:
        self.apps = list(apps)
        self.scope = scope
        self.receive = receive
        self.send = send
        self.started = False
        self.failures: list[str] = []
        self.error: Exception | None = None

    async def run(self, place: int) -> None:
        """Start what stands at this place and after it, wait for the end, and stop it again."""
        if place < len(self.apps):
            return await _Mounted(self, place).run()
        await self.send({"type": "lifespan.startup.complete"})
        self.started = True
        await self.receive()
        return None

    def failed(self, message: str, error: Exception | None = None) -> None:
        """Keep a failure for the server, and the first exception to raise."""
        self.failures.append(message)
        self.error = self.error or error

    async def report(self) -> None:
        """Tell the server how it ended."""
        if self.failures:
            phase = "shutdown" if self.started else "startup"
            await self.send({"type": f"lifespan.{phase}.failed", "message": "\n".join(self.failures)})
        else:
            await self.send({"type": "lifespan.shutdown.complete"})
        if self.error is not None:
            raise self.error


class _Mounted:
    """One application in the nest: what it is told, and what it says."""

    def __init__(self, nest: _Nest, place: int) -> None:
        self.nest = nest
        self.place = place
        self.asked = False
        self.complete = False
        self.went_on = False
        self.failed = False

    async def run(self) -> None:
        app = self.nest.apps[self.place]
        try:
            await app({**self.nest.scope}, self.receive, self.send)
        except Exception as exc:
            self.fail(app, exc)
        await self.go_on()

    async def receive(self) -> Message:
        if not self.asked:
            self.asked = True
            return {"type": "lifespan.startup"}
        await self.go_on()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self.complete = True
        elif kind in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            self.failed = True
            self.nest.failed(message.get("message", ""))

    async def go_on(self) -> None:
        """Run those that come after, once; none does where this one failed to start."""
        if not self.went_on and not (self.failed and not self.complete):
            self.went_on = True
            await self.nest.run(self.place + 1)

    def fail(self, app: ASGIApp, exc: Exception) -> None:
        """Tell an application that does not speak lifespan from one that failed, and may have said so."""
        nest = self.nest
        if self.failed:
            nest.error = nest.error or exc
        elif self.complete or self.went_on:
            import traceback

            nest.failed(traceback.format_exc(), exc)
        else:
            import logging

            logging.getLogger("asgi_routing").info("%r does not speak lifespan", app, exc_info=exc)
