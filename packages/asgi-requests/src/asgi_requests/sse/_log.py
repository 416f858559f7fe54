"""The last events, kept to be sent again to clients that come back."""

from __future__ import annotations

import os
import threading
from collections import deque
from itertools import islice
from typing import Any, NamedTuple

from ._event import ServerSentEvent


class Replay(NamedTuple):
    """Events that came after an id, oldest first; `gap` says that others came between, which are no longer kept."""

    events: tuple[ServerSentEvent, ...]
    gap: bool


class EventLog:
    """The last `size` events in memory, each with an id; threads may share it.

    An event without an id gets one that no other log gives, so that a client that comes to another process, or after a
    restart, is not taken for one that has missed nothing. Raises ValueError for a size below 1.
    """

    def __init__(self, size: int = 1000) -> None:
        if size < 1:
            raise ValueError(f"size={size!r}: the number of events to keep, 1 or more")
        self.size = size
        self._events: deque[ServerSentEvent] = deque()
        self._numbers: dict[str, int] = {}
        import secrets

        self._name = secrets.token_hex(4)
        self._count = 0
        self._lock = threading.RLock()
        # The id of the last event that is no longer kept.
        self._forgotten: str | None = None

    def __len__(self) -> int:
        return len(self._events)

    @property
    def last_id(self) -> str:
        """The id of the last event; before the first one, an id that stands for having seen none."""
        with self._lock:
            return str(self._events[-1].id) if self._events else self._before

    @property
    def _before(self) -> str:
        """The id of a client that has seen all that came before the first event kept."""
        return self._number(0) if self._forgotten is None else self._forgotten

    def _number(self, count: int) -> str:
        # A server may load the application once and fork: its workers have the same log, and then different events.
        return f"{self._name}.{os.getpid():x}-{count}"

    def append(self, event: Any) -> ServerSentEvent:
        """Keep an event, or text or JSON as one, and return it with its id; raises ValueError for an empty id."""
        kept = event if isinstance(event, ServerSentEvent) else ServerSentEvent(event)
        if kept.id == "":
            raise ValueError("id='': a client with an empty id sends none when it comes back")
        with self._lock:
            self._count += 1
            if kept.id is None:
                kept = ServerSentEvent(kept.data, kept.event, self._number(self._count), kept.retry, kept.comment)
            self._events.append(kept)
            self._numbers[str(kept.id)] = self._count
            if len(self._events) > self.size:
                self._forget_first()
        return kept

    def _forget_first(self) -> None:
        number = self._count - len(self._events) + 1
        forgotten = self._forgotten = str(self._events.popleft().id)
        # An id that was given twice is that of its last event.
        if self._numbers.get(forgotten) == number:
            del self._numbers[forgotten]

    def since(self, last_id: str | None) -> Replay:
        """Return the events after the one with this id: none for None, which is a client that has seen no event.

        For an id that is unknown, or too old, it is all events that are kept, and a gap.
        """
        if last_id is None:
            return Replay((), gap=False)
        with self._lock:
            number = self._numbers.get(last_id)
            if number is not None:
                seen = number - self._count + len(self._events)
                return Replay(tuple(islice(self._events, seen, None)), gap=False)
            return Replay(tuple(self._events), gap=last_id != self._before)
