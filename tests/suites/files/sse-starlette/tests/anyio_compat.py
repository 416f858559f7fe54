"""One exception in place of a group that holds no other, for the tests of sse-starlette, which import it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collapse_excgroups() -> Iterator[None]:
    """Raise the only exception of nested groups by itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        exc: BaseException = group
        while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
            exc = exc.exceptions[0]
        raise exc from None
