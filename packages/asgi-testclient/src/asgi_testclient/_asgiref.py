"""Django's synchronous code runs where the test runs: on its thread, and so inside its transaction."""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from typing import Any, Literal

from ._callers import CallerExecutor, ThreadCaller


def bridge(wanted: bool | Literal["auto"], caller: object) -> Bridge | None:
    """What leads `sync_to_async` to the caller, if asgiref is in use and the caller is a thread."""
    if wanted is False or "asgiref.sync" not in sys.modules or not isinstance(caller, ThreadCaller):
        return None
    return Bridge(caller)


class Bridge:
    """Awaits an application while asgiref's thread-sensitive calls go to the caller's thread."""

    __slots__ = ("_executor",)

    def __init__(self, caller: ThreadCaller) -> None:
        self._executor = CallerExecutor(caller)

    async def run(self, application: Awaitable[Any]) -> Any:
        sync: Any = sys.modules["asgiref.sync"]
        try:
            context = sync.ThreadSensitiveContext(executor=self._executor)
        except TypeError:  # before asgiref 3.13; the attribute is bound to the context of this task
            sync.AsyncToSync.executors.current = self._executor
            return await application
        async with context:
            return await application
