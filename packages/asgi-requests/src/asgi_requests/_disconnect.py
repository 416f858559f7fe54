"""Run a coroutine until it ends or the client leaves, without a task beside it unless it waits.

Rule: a coroutine that never waits is not watched. A stream whose chunks are available and whose server takes them at
once runs to its end in one step; the first time it waits, a task begins to wait for http.disconnect.

The coroutine is ended by an AnyIO cancel scope, never by cancelling its task: work that it shields is finished, and a
worker thread is waited for, on asyncio as on trio.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import anyio

from ._beside import run_beside
from ._bodies import shared_body
from ._steps import FirstStep
from ._tasks import asyncio_task, outlast
from .types import Receive, Scope

if TYPE_CHECKING:
    import asyncio


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
            await run_beside(coroutine, partial(_watch, entered, scope, receive))
            return
        step = FirstStep(coroutine)
        if step.done:
            return
        import asyncio  # loaded by now; on trio it never is

        # The watch ends by a scope of its own: `receive` may be a middleware's, with work that is shielded.
        watching = _asyncio_scope_class()()
        loop = asyncio.get_running_loop()
        watch = loop.create_task(_has_left(watching, scope, receive))
        leave = partial(_cancel_if_left, entered)
        watch.add_done_callback(leave)
        try:
            await step
        finally:
            watch.remove_done_callback(leave)
            if not watch.done():
                # In a turn of its own: by then the `receive` of many servers has ended with the response. And outside
                # of a task: AnyIO would write its description into the reason, a sixth of the time of such a stream.
                loop.call_soon(watching.cancel)
                await outlast(watch)


def _cancel_if_left(cancel_scope: anyio.CancelScope, watch: asyncio.Task[bool]) -> None:
    if not watch.cancelled() and watch.result():
        cancel_scope.cancel()


@cache
def _asyncio_scope_class() -> type[anyio.CancelScope]:
    """Return the class of the scopes that AnyIO makes on asyncio.

    AnyIO's own asks which event loop runs, and initializes each scope twice: 1.3 us where this takes 0.3.
    """
    return type(anyio.CancelScope())


async def _watch(cancel_scope: anyio.CancelScope, scope: Scope, receive: Receive) -> None:
    """Cancel a scope when the client leaves."""
    if await _has_left(anyio.CancelScope(), scope, receive):
        cancel_scope.cancel()


async def _has_left(watching: anyio.CancelScope, scope: Scope, receive: Receive) -> bool:
    """Wait in a scope until the client leaves; return False where that scope is cancelled."""
    with watching:
        try:
            return await shared_body(scope, receive).wait_for_disconnect()
        except Exception:
            # A receive that fails tells nothing about the client, and the response does not need it.
            return False
    return False
