"""The lifespan, before the first request and after the last: contexts, and the lifespans of mounted applications.

    from asgi_routing import Router

    async def pool(app):
        async with open_pool() as connections:
            yield {"connections": connections}

    router = Router(lifespan=pool)

Mounted applications need no task each: they are nested. When one has started and asks for its next message, the next
one is started within that call, and the last one waits for the server; so they stop in reverse, in the tasks they
started in, on any event loop. One that gives up waiting for its message ends those started after it.

Rule: the server is sent a `failed` message whatever ends a lifespan. Otherwise it would serve with nothing started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Protocol

from .routes import BaseRoute, Host, Mount
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Lifespan"]

Lifespan = Callable[[Any], Any]
LifespanContext = Callable[[Any], AbstractAsyncContextManager[Any]]


class _Owner(Protocol):
    lifespan_context: LifespanContext
    lifespan_of_mounts: bool

    @property
    def routes(self) -> list[BaseRoute]: ...


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def as_context(lifespan: Lifespan | None) -> LifespanContext:
    """Return a function from the application to an async context manager, for every kind of lifespan."""
    if lifespan is None:
        return _NoLifespan()
    from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR

    function: Any = lifespan
    while isinstance(function, partial):
        function = function.func
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & CO_ASYNC_GENERATOR:
        return asynccontextmanager(lifespan)
    if flags & CO_GENERATOR:
        context = contextmanager(lifespan)
        return lambda app: _SyncToAsync(context(app))
    return lifespan


class _NoLifespan(AbstractAsyncContextManager[None]):
    """A lifespan that does nothing, and its own context."""

    def __call__(self, app: object) -> _NoLifespan:
        return self

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *exc: object) -> None:
        return None


class _SyncToAsync(AbstractAsyncContextManager[Any]):
    """A context manager as an async one."""

    def __init__(self, context: AbstractContextManager[Any]) -> None:
        self.context = context

    async def __aenter__(self) -> Any:
        return self.context.__enter__()

    async def __aexit__(self, *exc: Any) -> bool | None:  # noqa: PYI036 - passed through as they come
        return self.context.__exit__(*exc)


async def run_lifespan(owner: _Owner, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the lifespan of a router; a failure is sent to the server with its traceback, and raised."""
    await receive()
    mounted = _mounted(owner.routes, {id(owner)}) if owner.lifespan_of_mounts else ()
    nested = NestedLifespans(mounted, scope, receive, send)
    try:
        async with _context(owner.lifespan_context, scope.get("app")) as state:
            if state is not None:
                if "state" not in scope:
                    raise RuntimeError('The server does not support "state" in the lifespan scope.')
                scope["state"].update(state)
            await nested.run(0)
    except BaseException as exc:
        # SystemExit, a cancellation or a group of exceptions as well: uvicorn would serve requests.
        nested.add_failure(_traceback(), exc)
    await nested.report()


def _context(lifespan: LifespanContext, app: Any) -> AbstractAsyncContextManager[Any]:
    """Return the context of an application's lifespan; raise TypeError, naming it, if it is not a context manager."""
    context = lifespan(app)
    if hasattr(type(context), "__aenter__"):
        return context
    if hasattr(context, "close"):
        context.close()  # a coroutine would warn that it was never awaited
    name = getattr(lifespan, "__qualname__", repr(lifespan))
    raise TypeError(
        f"the lifespan {name} returned {context!r}: decorate it with contextlib.asynccontextmanager, and let it yield"
    )


def _mounted(routes: Iterable[BaseRoute], seen: set[int]) -> Iterator[ASGIApp]:
    """Yield the mounted applications, each once, and after a router of ours those mounted in it."""
    for route in routes:
        if isinstance(route, (Mount, Host)) and id(route.app) not in seen:
            seen.add(id(route.app))
            yield route.app
            if getattr(route.base_app, "lifespan_of_mounts", None) is False:
                yield from _mounted(route.routes, seen)


class NestedLifespans:
    """The lifespans of some applications, each within the one before it, and innermost the server's."""

    def __init__(self, apps: Iterable[ASGIApp], scope: Scope, receive: Receive, send: Send) -> None:
        self.apps = list(apps)
        self.scope = scope
        self.receive = receive
        self.send = send
        self.started = False
        self.failures: list[str] = []
        self.error: BaseException | None = None

    async def run(self, place: int) -> None:
        """Start the application at this place and those after it, wait for the end, and stop them again."""
        if place < len(self.apps):
            return await MountedLifespan(self, place).run()
        await self.send({"type": "lifespan.startup.complete"})
        self.started = True
        await self.receive()
        return None

    def add_failure(self, message: str, error: BaseException | None = None) -> None:
        """Keep a failure for the server, and the first exception to be raised."""
        # An exception passes through several applications on its way out, and is reported once.
        if error is None or error is not self.error:
            self.failures.append(message)
        if self.error is None or (isinstance(self.error, Exception) and not isinstance(error, Exception | None)):
            self.error = error  # a cancellation or an exit comes before an error

    async def report(self) -> None:
        """Send the server how it ended, and raise what went wrong, or what the server raises about that."""
        if self.error is None:
            return await self._send_end()
        try:
            raise self.error
        except BaseException:
            await self._send_end()
            raise

    async def _send_end(self) -> None:
        if self.failures:
            phase = "shutdown" if self.started else "startup"
            await self.send({"type": f"lifespan.{phase}.failed", "message": "\n".join(self.failures)})
        else:
            await self.send({"type": "lifespan.shutdown.complete"})


class MountedLifespan:
    """One of the nested applications: what it is sent, and what it has answered."""

    def __init__(self, nested: NestedLifespans, place: int) -> None:
        self.nested = nested
        self.place = place
        self.asked = False
        self.complete = False
        self.went_on = False
        self.failed = False

    async def run(self) -> None:
        app = self.nested.apps[self.place]
        try:
            # A copy: an application may add keys. `state` in it is one object, which all of them fill.
            await app({**self.nested.scope}, self.receive, self.send)
        except Exception as exc:
            self.fail(app, exc)
        except BaseException as exc:
            self.nested.add_failure(_traceback(), exc)
            raise
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
            self.nested.add_failure(message.get("message", ""))

    async def go_on(self) -> None:
        """Run the applications after this one, once, and only if this one did not fail to start."""
        if not self.went_on and not (self.failed and not self.complete):
            self.went_on = True
            await self.nested.run(self.place + 1)

    def fail(self, app: ASGIApp, exc: Exception) -> None:
        """Record a failure, or ignore the exception of an application that does not support lifespans."""
        nested = self.nested
        if self.failed or exc is nested.error:  # reported by itself, or raised by an application after it
            nested.error = nested.error or exc
        elif self.complete or self.went_on:
            nested.add_failure(_traceback(), exc)
        else:  # before it answered anything: Django raises for a scope type that it does not know
            import logging

            logging.getLogger("asgi_routing").info("%r does not support the lifespan protocol", app, exc_info=exc)
