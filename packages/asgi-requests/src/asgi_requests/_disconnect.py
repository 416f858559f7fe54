"""Run a coroutine until it ends or the client leaves, without a task beside it unless it waits.

Rule: a coroutine that never waits is not watched. A stream whose chunks are available and whose server takes them at
once runs to its end in one step; the first time it waits, a task begins to wait for http.disconnect.

The coroutine is ended by an AnyIO cancel scope, never by cancelling its task: work that it shields is finished, and a
worker thread is waited for, on asyncio as on trio.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import cache, partial
from typing import Any

import anyio

from ._beside import run_beside
from ._bodies import shared_body
from ._steps import FirstStep
from ._tasks import asyncio_task, outlast
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
    on_asyncio = asyncio_task() is not None
    if cancel_scope is None:
        cancel_scope = _asyncio_scope_class()() if on_asyncio else anyio.CancelScope()
    # Entered before the first step: scopes that the coroutine opens in it must lie within this one.
    with cancel_scope as entered:
        if not on_asyncio:
            await run_beside(coroutine, partial(_watch, anyio.CancelScope(), entered, scope, receive))
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


@cache
def _asyncio_scope_class() -> type[anyio.CancelScope]:
    """Return the class of the scopes that AnyIO makes on asyncio.

    AnyIO's own asks which event loop runs, and initializes each scope twice: 1.3 us where this takes 0.3.
    """
    return type(anyio.CancelScope())


async def _watch(watching: anyio.CancelScope, cancel_scope: anyio.CancelScope, scope: Scope, receive: Receive) -> None:
    """Cancel the second scope when the client leaves."""
    with watching:
        try:
            left = await shared_body(scope, receive).wait_for_disconnect()
        except Exception:
            # A receive that fails tells nothing about the client, and the response does not need it.
            return
        if left:
            cancel_scope.cancel()
