"""Exceptions that a framework caught and logged, attributed to the call in which they were raised.

While a call with `raise_server_exceptions="logged"` runs, the log record factory of the process is wrapped, and
Django's signal `got_request_exception` has one receiver more. Both end with the last such call.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from ._loops.backends import CALL


class LogWatcher:
    """Watches every record that the process logs, and Django's signal, while at least one call has entered it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._factory: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._signal("connect")
            if self._factory is None:
                self._factory = logging.getLogRecordFactory()
                logging.setLogRecordFactory(self._make_record)

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._signal("disconnect")
                # A factory that was set meanwhile may call this one: then this one stays in place.
                if logging.getLogRecordFactory() == self._make_record:
                    logging.setLogRecordFactory(self._factory)
                    self._factory = None

    def _make_record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._factory(*args, **kwargs)
        if record.exc_info:
            _attribute(record.exc_info[1])
        return record

    def _signal(self, action: str) -> None:
        django: Any = sys.modules.get("django.core.signals")
        if django is not None:
            getattr(django.got_request_exception, action)(self._got_request_exception)

    def _got_request_exception(self, **_: Any) -> None:
        _attribute(sys.exc_info()[1])


LOG_WATCHER = LogWatcher()


def _attribute(exc: BaseException | None) -> None:
    """Keep an exception as the first that was logged during the call that runs in this context."""
    call = CALL.get()
    if call is not None and call.logged is None and call.settings.raise_server_exceptions == "logged":
        call.logged = exc
