"""The clock of trio on a timeline; imported only where trio runs."""

from __future__ import annotations

import threading
from math import inf

import trio

from .timeline import Timeline


class TrioClock(trio.abc.Clock):
    """A clock for trio.run whose time is that of a timeline."""

    def __init__(self, timeline: Timeline, *, lone: bool = False) -> None:
        self.lone = lone
        self._timeline = timeline
        self._token: trio.lowlevel.TrioToken
        self._limiter: trio.CapacityLimiter
        self._primed: int | None = None

    def start_clock(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._limiter = trio.to_thread.current_default_thread_limiter()
        self._timeline.attach(self, threading.get_ident())

    def current_time(self) -> float:
        return self._timeline.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        # Trio looks for input after it has asked: time moves when it asks again without a new waiter.
        timeline = self._timeline
        with timeline.mutex:
            if deadline <= timeline.now:
                return 0
            primed, self._primed = self._primed, timeline.may_step()
            if self._primed is None:
                return inf
            if primed == self._primed:
                self._primed = None
                return 0 if timeline.step(deadline) else inf
            return 0

    def is_alive(self) -> bool:
        try:
            self.nudge()
        except trio.RunFinishedError:
            return False
        return True

    def busy(self) -> bool:
        return self._limiter.borrowed_tokens > 0

    def nudge(self) -> None:
        self._token.run_sync_soon(int)
