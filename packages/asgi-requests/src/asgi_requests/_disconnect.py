"""Run a coroutine until it ends or the client leaves, at the price of neither a task nor a group unless it waits.

Rule: what never waits is never watched. A stream whose chunks are at hand and whose server takes them at once runs
to its end in one go; the first time it has to wait, a look-out for http.disconnect is posted beside it.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, cast

import anyio

from ._body import shared_body
from ._threads import asyncio_task
from .types import Receive, Scope

if TYPE_CHECKING:
    import asyncio


async def run_until_disconnect(coroutine: Coroutine[Any, Any, None], scope: Scope, receive: Receive) -> None:
    """Await the coroutine, cancelling it when the client leaves; exceptions pass as they are."""
    task = asyncio_task()
    if task is None:
        await _run_beside_a_watcher(coroutine, scope, receive)
        return
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return
    await _Lookout(task, scope, receive).run(coroutine, waits_for)


async def _run_beside_a_watcher(coroutine: Coroutine[Any, Any, None], scope: Scope, receive: Receive) -> None:
    failure: Exception | None = None

    async def watch() -> None:
        if await _client_left(scope, receive):
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        try:
            await coroutine
        except Exception as exc:
            # Kept out of the group, which would wrap it.
            failure = exc
        tasks.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            # Its traceback holds this frame: no cycle is to remain.
            failure = None


class _Lookout:
    """The watch over one coroutine that runs in `task`; ends it as asyncio.timeout would, by cancelling the task."""

    def __init__(self, task: asyncio.Task[Any], scope: Scope, receive: Receive) -> None:
        self.task = task
        self.scope = scope
        self.receive = receive
        self.left = False

    async def run(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        """Run a coroutine to its end that has begun and waits for the first time."""
        import asyncio  # slow, and loaded by now

        cancelling = self.task.cancelling()
        watcher = self.task.get_loop().create_task(self.watch())
        try:
            await cast("Awaitable[None]", _go_on(coroutine, waits_for))
        except asyncio.CancelledError:
            if not self.left or self.task.cancelling() - 1 > cancelling:
                raise
        finally:
            if self.left:
                self.task.uncancel()
            else:
                watcher.cancel()
                await asyncio.wait((watcher,))

    async def watch(self) -> None:
        if await _client_left(self.scope, self.receive):
            self.left = True
            self.task.cancel()


async def _client_left(scope: Scope, receive: Receive) -> bool:
    try:
        return await shared_body(scope).wait_for_disconnect(receive)
    except Exception:
        # A receive that fails has no news of the client; the response is none the worse for it.
        return False


@types.coroutine
def _go_on(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Drive a coroutine as `await` does, from its first wait onwards."""
    try:
        while True:
            try:
                sent = yield waits_for
            except BaseException as exc:
                waits_for = coroutine.throw(exc)
            else:
                waits_for = coroutine.send(sent)
    except StopIteration:
        return
