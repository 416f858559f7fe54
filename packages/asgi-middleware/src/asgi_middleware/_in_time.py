"""A time limit for calls to a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ._cancel import current_time, shielding_scope

Result = TypeVar("Result")


async def in_time(seconds: float, call: Callable[[], Awaitable[Result]]) -> Result:
    """Return the result of `call()`; raises OSError, as for an outage, if it takes longer than `seconds`."""
    limit = shielding_scope()
    limit.deadline = current_time() + seconds
    with limit:
        return await call()
    raise OSError(f"no answer in {seconds} s")
