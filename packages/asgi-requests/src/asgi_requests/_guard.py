"""Close what another thread may be using: at the end of that use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class ClosingGuard:
    """Separates the use of something in a thread from its closing, without making the caller of `close` wait.

    Closing a file while a thread reads it could make the read hit another file with the same descriptor, and a running
    generator cannot be closed at all; a cancelled caller must wait for neither.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self.closed = False

    def run(self, function: Callable[[], T]) -> T:
        """Call a function in the current thread; raises RuntimeError once closed."""
        try:
            with self._lock:
                if self.closed:
                    raise RuntimeError("already closed")
                return function()
        finally:
            # `close` sets `closed` before it tries the lock, and this is read after the release: one of the two closes.
            if self.closed:
                self.close()

    def close(self) -> None:
        """Close now, or at the end of the call that is in progress."""
        self.closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()
