"""Threads that outlive one event loop for some seconds: starting one costs more than a request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

IDLE_SECONDS = 5.0
KEPT = 2


class Worker(threading.Thread):
    """A daemon thread that does one job after another."""

    def __init__(self) -> None:
        super().__init__(name="asgi-testclient", daemon=True)
        self._jobs: SimpleQueue[tuple[Callable[[], None], threading.Event]] = SimpleQueue()
        self.start()

    def submit(self, job: Callable[[], None]) -> threading.Event:
        """Do a job; return an event that is set when it is done."""
        done = threading.Event()
        self._jobs.put((job, done))
        return done

    def run(self) -> None:
        """Do jobs until there were none for a while."""
        while True:
            try:
                job, done = self._jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                if POOL.retire(self):
                    return
                continue  # pragma: no cover - it was taken at this very moment
            try:
                job()
            finally:
                # A frame that waits for its next job would keep this one alive, and the application in it.
                del job
                # Before `done`: a client that waits for it may take the same thread for its next loop.
                kept = POOL.give_back(self)
                done.set()
            if not kept:
                return


class Pool:
    """The idle workers of the process; at most two are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []

    def take(self) -> Worker:
        """Return an idle worker, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Worker()

    def give_back(self, worker: Worker) -> bool:
        """Return whether the worker is kept."""
        with self._lock:
            if len(self._idle) >= KEPT:
                return False
            self._idle.append(worker)
            return True

    def retire(self, worker: Worker) -> bool:
        """Return whether the worker may end: it has not been taken meanwhile."""
        with self._lock:
            if worker not in self._idle:
                return False
            self._idle.remove(worker)
            return True


POOL = Pool()
