"""Run a coroutine until it ends or the client leaves, without a task beside it unless it waits.

Rule: a coroutine that never waits is not watched. A stream whose chunks are available and whose server takes them at
once runs to its end in one step; the first time it waits, a task begins to wait for http.disconnect.

The coroutine is ended by an AnyIO cancel scope, never by cancelling its task: work that it shields is finished, and a
worker thread is waited for, on asyncio as on trio.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import anyio

from ._bodies import shared_body
from ._steps import FirstStep
from ._threads import asyncio_task, outlast
from .types import Receive, Scope


async def run_until_disconnect(
    coroutine: Coroutine[Any, Any, None],
    scope: Scope,
    receive: Receive,
    cancel_scope: anyio.CancelScope | None = None,
) -> None:
    """Await the coroutine, cancelling it when the client leaves; its exceptions are raised unchanged.

    It runs in the cancel scope, a new one by default: whoever cancels that ends it as a client does that leaves.
    """
    # Entered before the first step: scopes that the coroutine opens in it must lie within this one.
    with cancel_scope or anyio.CancelScope() as entered:
        if asyncio_task() is None:
            await _run_in_a_group(entered, coroutine, scope, receive)
            return
        step = FirstStep(coroutine)
        if step.done:
            return
        import asyncio  # loaded by now; on trio it never is

        # The watch ends by a scope of its own: `receive` may be a middleware's, with work that is shielded.
        watching = anyio.CancelScope()
        watcher = asyncio.get_running_loop().create_task(_watch(watching, entered, scope, receive))
        try:
            await step
        finally:
            watching.cancel()
            if not watcher.done():
                await outlast(watcher)


async def _run_in_a_group(
    cancel_scope: anyio.CancelScope, coroutine: Coroutine[Any, Any, None], scope: Scope, receive: Receive
) -> None:
    failure: BaseException | None = None

    async def watch() -> None:
        if await _client_left(scope, receive):
            cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        try:
            await coroutine
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:
            # Kept out of the group, which would wrap it.
            failure = exc
        tasks.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            # Avoid a reference cycle through the traceback.
            failure = None


async def _watch(watching: anyio.CancelScope, cancel_scope: anyio.CancelScope, scope: Scope, receive: Receive) -> None:
    with watching:
        if await _client_left(scope, receive):
            cancel_scope.cancel()


async def _client_left(scope: Scope, receive: Receive) -> bool:
    try:
        return await shared_body(scope, receive).wait_for_disconnect()
    except Exception:
        # A receive that fails tells nothing about the client, and the response does not need it.
        return False
