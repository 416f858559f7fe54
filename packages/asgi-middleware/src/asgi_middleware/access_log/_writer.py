"""The thread that formats and handles records, so that a slow disk or network never blocks the event loop."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable
from contextvars import Context, copy_context

from ._formats import Entry


class Writer:
    """A writer of entries to a logger, in order, from a thread that is started with the first entry.

    If `most_waiting` entries wait, new ones are dropped; their number is logged once there is room. The context of an
    entry is kept for filters such as RequestIDFilter, which read the context variables of the request. It may hold the
    whole request and its body, so that beyond `most_contexts` entries wait without one.
    """

    most_waiting = 10_000
    most_contexts = 100

    def __init__(self, logger: logging.Logger, level: int, style: Callable[[Entry], str], *, background: bool) -> None:
        self._logger = logger
        self._level = level
        self._style = style
        self._background = background
        self._queue: queue.SimpleQueue[tuple[Context, Entry] | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def write(self, entry: Entry) -> None:
        """Log an entry, if its level is enabled."""
        if not self._logger.isEnabledFor(self._level):
            return None
        if not self._background:
            return self._log(entry)
        if self._thread is None or not self._thread.is_alive():
            self._start()
        waiting = self._queue.qsize()
        if waiting < self.most_waiting:
            return self._queue.put((copy_context() if waiting < self.most_contexts else Context(), entry))
        self._dropped += 1
        return None

    def flush(self) -> None:
        """Wait until all entries written so far are logged."""
        if self._thread is not None and self._thread.is_alive():
            written = threading.Event()
            self._queue.put(written)
            written.wait()

    def _start(self) -> None:
        with self._lock:
            # After a fork the thread exists only in the parent, so a worker of a pre-forking server starts its own.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="asgi_middleware.access_log", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            self._log_next()

    # A function of its own: the thread keeps nothing of a request while it waits for the next.
    def _log_next(self) -> None:
        item = self._queue.get()
        if isinstance(item, threading.Event):
            return item.set()
        context, entry = item
        try:
            return context.run(self._log, entry)
        except Exception:  # a custom format may fail for one entry and work for the next
            return self._logger.exception("an access record could not be written")

    def _log(self, entry: Entry) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._logger.warning("%d access records were dropped: the handlers are too slow", dropped)
        logger = self._logger
        record = logger.makeRecord(logger.name, self._level, "(access)", 0, self._style(entry), (), None)
        record.access = entry.as_dict()
        record.created = entry.began + entry.duration
        logger.handle(record)
