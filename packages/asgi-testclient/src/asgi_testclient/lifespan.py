"""Run the lifespan of an application around a block, for those who bring a client of their own.

    import httpx

    from asgi_testclient import LifespanManager

    async def test_the_application():
        async with LifespanManager(app) as manager:
            transport = httpx.ASGITransport(app=manager.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                assert (await client.get("/")).status_code == 200

TestClient and AsyncTestClient run it in their own blocks.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from ._clients._async.driver import AsyncLifespan
from ._errors import Collecting, combine, raise_or_note
from ._loops.tasks import TaskLoops
from ._options import Settings
from .types import ASGIApp, Receive, Scope, Send

__all__ = ["LifespanManager"]

__tracebackhide__ = True  # pytest shows the code of its reader instead


class LifespanManager:
    """An asynchronous context manager that starts an application up and shuts it down, on asyncio and trio.

    `app` is to be called in place of the application: its requests have a copy of the lifespan's state, `state`. An
    application that refuses the lifespan, such as Django's, goes on without. Raises what the application raises,
    LifespanFailed, and AppTimeout after `startup_timeout` or `shutdown_timeout` seconds; None disables a limit.
    """

    def __init__(self, app: ASGIApp, startup_timeout: float | None = 5, shutdown_timeout: float | None = 5) -> None:
        self.startup_timeout = startup_timeout
        self.shutdown_timeout = shutdown_timeout
        self.state: dict[str, Any] = {}
        self.app: ASGIApp = _WithState(app, self.state)
        self._inner = app
        self._settings = Settings()
        self._loops = TaskLoops(self._settings)
        self._lifespan: AsyncLifespan | None = None

    async def __aenter__(self) -> Self:
        if self._lifespan is not None:
            raise RuntimeError("the lifespan is running already")
        host = self._loops.enter()
        self._lifespan = AsyncLifespan(self._inner, self.state, self._settings, host)
        try:
            await self._lifespan.start(self.startup_timeout)
        except BaseException:
            self._lifespan = None
            self._loops.stop()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._loops.leave()
        self._loops.stop()
        lifespan, self._lifespan = self._lifespan, None
        problems: list[BaseException] = []
        if lifespan is not None:
            with Collecting(problems):
                await lifespan.stop(self.shutdown_timeout)
        raise_or_note(combine(problems), exc_value)


class _WithState:
    """An application whose connections have a copy of the lifespan's state."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            # In place, as any key that is added to a scope: those outside see what the application puts there.
            state = scope["state"] = {} if scope.get("state") is None else scope["state"]
            for name, value in self._state.items():
                state.setdefault(name, value)
        await self._app(scope, receive, send)
