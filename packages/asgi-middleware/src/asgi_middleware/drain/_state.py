"""The state of a shutdown, and the signals that begin it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import Any, Protocol

from .._configuration import check_seconds


class Drained(OSError):
    """Raised by `send` if an application keeps sending to a response or WebSocket that has been ended.

    It is an OSError, like a disconnect, so that applications treat it as one.
    """


class OpenCall(Protocol):
    """A call of the application that is still running."""

    @property
    def run_in_loop(self) -> Callable[[Callable[[], object]], object]:
        """The function that runs a callback in the event loop of this call, from any thread."""

    def drain(self) -> None:
        """End the call if it would not end by itself, and cancel it after the grace period."""


class Drain:
    """The state of a shutdown: begun by a signal, by the lifespan, or by `begin()`, which any thread may call."""

    def __init__(self, *, grace: float = 25.0) -> None:
        check_seconds("grace", grace)
        self.grace = grace
        self.draining = False
        self.calls: set[OpenCall] = set()
        self._ends_at = 0.0
        self._replaced: dict[int, Any] = {}

    def begin(self) -> None:
        """End endless responses and WebSockets now, and cancel everything else after `grace` seconds."""
        if self.draining:
            return
        self._ends_at = time.monotonic() + self.grace
        self.draining = True
        # A signal handler may interrupt any line of the event loop, so each loop ends its calls in a callback. The set
        # is copied in one step, since another thread may change it.
        for run_in_loop in {call.run_in_loop for call in list(self.calls)}:
            try:
                run_in_loop(partial(self._drain_loop, run_in_loop))
            except RuntimeError:  # that event loop is closed
                continue

    @property
    def remaining(self) -> float:
        """The seconds left of the grace period, which are fewer for requests that begin during it."""
        return max(0.0, self._ends_at - time.monotonic()) if self.draining else self.grace

    def _drain_loop(self, run_in_loop: Callable[..., object]) -> None:
        for call in list(self.calls):
            if call.run_in_loop == run_in_loop:
                call.drain()

    def install(self, signals: Iterable[int]) -> None:
        """Chain the handlers of these signals, in the main thread only (Python allows no other)."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in signals:
            handler = signal.getsignal(number)
            # SIG_DFL and SIG_IGN are not callable. Replacing the default would keep the process from ending.
            if callable(handler) and number not in self._replaced:
                self._replaced[number] = handler
                signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Restore the previous handlers, unless other code has replaced ours since."""
        if threading.current_thread() is threading.main_thread():
            while self._replaced:
                number, handler = self._replaced.popitem()
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.begin()
        self._replaced[number](number, frame)
