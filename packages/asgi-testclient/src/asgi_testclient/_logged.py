"""Exceptions that a framework caught and logged, found by the exchange they happened in."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Sighting:
    """The first exception seen during one exchange."""

    def __init__(self) -> None:
        self.exception: BaseException | None = None


CURRENT: ContextVar[Sighting | None] = ContextVar("asgi_testclient.sighting", default=None)


class Lookout:
    """Watches every record the process logs, and Django's signal, while at least one exchange asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers = 0
        self._inner: Any = None

    def enter(self) -> None:
        with self._lock:
            self._watchers += 1
            if self._watchers == 1:
                self._signal("connect")
            if self._inner is None:
                self._inner = logging.getLogRecordFactory()
                logging.setLogRecordFactory(self._record)

    def leave(self) -> None:
        with self._lock:
            self._watchers -= 1
            if self._watchers == 0:
                self._signal("disconnect")
                # Somebody else's factory may call ours by now: then ours stays where it is.
                if logging.getLogRecordFactory() == self._record:
                    logging.setLogRecordFactory(self._inner)
                    self._inner = None

    def _record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._inner(*args, **kwargs)
        if record.exc_info:
            _saw(record.exc_info[1])
        return record

    def _signal(self, action: str) -> None:
        django: Any = sys.modules.get("django.core.signals")
        if django is not None:
            getattr(django.got_request_exception, action)(self._got)

    def _got(self, **_: Any) -> None:
        _saw(sys.exc_info()[1])


LOOKOUT = Lookout()


def _saw(exc: BaseException | None) -> None:
    sighting = CURRENT.get()
    if sighting is not None and sighting.exception is None:
        sighting.exception = exc


@contextmanager
def watching() -> Iterator[Sighting]:
    """Look for exceptions in whatever runs in the context of this task."""
    sighting = Sighting()
    token = CURRENT.set(sighting)
    LOOKOUT.enter()
    try:
        yield sighting
    finally:
        LOOKOUT.leave()
        CURRENT.reset(token)
