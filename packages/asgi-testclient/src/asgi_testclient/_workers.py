"""Threads that outlive one event loop for a moment, for to start one costs more than a request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

IDLE_SECONDS = 5.0
KEPT = 2


class Worker(threading.Thread):
    """A daemon thread that does one job after another; `submit` gives an event that is set when the job is done."""

    def __init__(self) -> None:
        super().__init__(name="asgi-testclient", daemon=True)
        self._jobs: SimpleQueue[tuple[Callable[[], None], threading.Event]] = SimpleQueue()
        self.start()

    def submit(self, job: Callable[[], None]) -> threading.Event:
        done = threading.Event()
        self._jobs.put((job, done))
        return done

    def run(self) -> None:
        while True:
            try:
                job, done = self._jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                if POOL.retire(self):
                    return
                continue  # pragma: no cover - somebody has taken it at this very moment
            try:
                job()
            finally:
                del job
                kept = POOL.give_back(self)
                done.set()
            if not kept:
                return


class Pool:
    """The workers that wait for work; at most a few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []

    def take(self) -> Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Worker()

    def give_back(self, worker: Worker) -> bool:
        """Whether the worker is kept for the next."""
        with self._lock:
            if len(self._idle) >= KEPT:
                return False
            self._idle.append(worker)
            return True

    def retire(self, worker: Worker) -> bool:
        """Whether the worker may end: nobody has taken it meanwhile."""
        with self._lock:
            if worker not in self._idle:
                return False
            self._idle.remove(worker)
            return True


POOL = Pool()
