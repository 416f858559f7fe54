"""One publisher, many subscribers: each with a bounded queue of its own, so that a slow one delays no other."""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any, Literal, get_args

from .._tasks import asyncio_task
from ._event import ServerSentEvent
from ._log import EventLog

Slow = Literal["disconnect", "drop_oldest", "coalesce"]


class Broadcast:
    """Publishes events to subscribers, of any event loop and from any thread; it never waits for them.

    A subscriber that is behind by more than `size` events is treated as `slow` says:

    - "disconnect": it gets what is queued, then its stream ends; with a `log` it comes back for the rest;
    - "drop_oldest": it loses the oldest events;
    - "coalesce": of the queued events with the same `key(event)` it gets the last alone, and with more keys than
      `size` it loses the oldest. The default key is the name in `event`.

    With a `log` events have ids, and a client that reconnects gets what it has missed. Raises ValueError for another
    policy and for a size below 1. A signal handler must not publish, as it may interrupt a publish; one that is
    added to the event loop may.
    """

    def __init__(
        self,
        size: int = 100,
        *,
        slow: Slow = "disconnect",
        key: Callable[[Any], Hashable] | None = None,
        log: EventLog | None = None,
    ) -> None:
        if size < 1:
            raise ValueError(f"size={size!r}: the number of events to queue for each subscriber, 1 or more")
        if slow not in get_args(Slow):
            raise ValueError(f"slow={slow!r}: one of {', '.join(map(repr, get_args(Slow)))}")
        if key is not None and slow != "coalesce":
            raise ValueError(f"key= is for slow='coalesce', not {slow!r}")
        self.size = size
        self.slow = slow
        self.key = key or _name_of
        self.log = log
        self.closed = False
        self._lock = threading.RLock()
        # Held weakly: a subscription that is no longer iterated over must not be filled.
        self._subscriptions: set[weakref.ref[Subscription]] = set()

    @property
    def subscribers(self) -> int:
        """The number of open subscriptions."""
        return len(self._subscriptions)

    def publish(self, event: Any) -> Any:
        """Queue an event for every subscriber, and return it, with its id where there is a log."""
        with self._lock:
            if self.log is not None:
                event = self.log.append(event)
            name = self.key(event) if self.slow == "coalesce" else None
            for subscription in self._open():
                subscription._add(event, name)
        return event

    def subscribe(self, last_id: str | None = None, *, if_missed: Any = None) -> Subscription:
        """Return the events from now on, after those since `last_id` that the log keeps.

        `if_missed` is an event for the client: it stands where events are missing that the log does not keep, or that
        the client was too slow for.
        """
        with self._lock:
            subscription = Subscription(self, *self._backlog(last_id, if_missed), if_missed)
            if not self.closed:
                self._subscriptions.add(subscription._reference)
        return subscription

    def _backlog(self, last_id: str | None, if_missed: Any) -> tuple[list[Any], bool]:
        if self.log is None:
            # Without a log there is no record of what came since.
            return ([] if last_id is None or if_missed is None else [if_missed]), last_id is not None
        events, gap = self.log.since(last_id)
        backlog: list[Any] = [if_missed] if gap and if_missed is not None else []
        backlog += events
        # A client that leaves before the first event would come back as a new one: an id alone is not dispatched.
        if not events and last_id != self.log.last_id:
            backlog.append(ServerSentEvent(id=self.log.last_id))
        return backlog, gap

    def close(self) -> None:
        """End every subscription after what is queued for it, and those to come."""
        with self._lock:
            self.closed = True
            for subscription in self._open():
                subscription._end()

    def _open(self) -> list[Subscription]:
        return [found for reference in list(self._subscriptions) if (found := reference()) is not None]


class Subscription:
    """The events of one subscriber: an asynchronous iterator for one task, which ends with the broadcast or `aclose`.

    `gap` says whether events before the first are missing, `dropped` how many of the later ones were lost so far.
    """

    def __init__(self, broadcast: Broadcast, backlog: list[Any], gap: bool, if_missed: Any) -> None:
        self.gap = gap
        self.dropped = 0
        self._broadcast = broadcast
        self._backlog = deque(backlog)
        self._queue: _Queue | _Newest = _Newest() if broadcast.slow == "coalesce" else _Queue()
        self._if_missed = if_missed
        self._missed = False
        self._ended = broadcast.closed
        self._alarm: _Alarm | None = None
        self._reference = weakref.ref(self, broadcast._subscriptions.discard)
        hash(self._reference)  # it keeps the hash, which cannot be had any more when it is discarded

    def __aiter__(self) -> Subscription:
        return self

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def __anext__(self) -> Any:
        lock = self._broadcast._lock
        while True:
            with lock:
                if self._backlog:
                    return self._backlog.popleft()
                if self._missed:
                    self._missed = False
                    return self._if_missed
                if self._queue:
                    return self._queue.popleft()
                if self._ended:
                    raise StopAsyncIteration
                if self._alarm is not None:
                    raise RuntimeError("Another task is waiting for the next event of this subscription")
                alarm = self._alarm = _Alarm()
            try:
                await alarm.wait()
            finally:
                self._alarm = None

    async def aclose(self) -> None:
        """End the subscription and forget what is queued."""
        with self._broadcast._lock:
            self._backlog.clear()
            self._queue.clear()
            self._missed = False
            self._end()

    # What follows is called by the broadcast, which holds the lock.

    def _add(self, event: Any, name: Hashable) -> None:
        queue = self._queue
        queue.forget(name)
        if len(queue) >= self._broadcast.size:
            self.dropped += 1
            if self._broadcast.slow == "disconnect":
                self._end()
                return
            queue.popleft()
            self._missed = self._if_missed is not None
        queue.put(event, name)
        self._wake()

    def _end(self) -> None:
        self._ended = True
        self._broadcast._subscriptions.discard(self._reference)
        self._wake()

    def _wake(self) -> None:
        alarm = self._alarm  # once: its task may take it away meanwhile
        if alarm is not None:
            alarm.set()


class _Queue(deque[Any]):
    """Events in their order."""

    def forget(self, name: Hashable) -> None:
        pass

    def put(self, event: Any, name: Hashable) -> None:
        self.append(event)


class _Newest(OrderedDict[Hashable, Any]):
    """The newest event of each name, in the order of their arrival: a client that leaves between two misses neither."""

    def forget(self, name: Hashable) -> None:
        self.pop(name, None)

    def put(self, event: Any, name: Hashable) -> None:
        self[name] = event

    def popleft(self) -> Any:
        return self.popitem(last=False)[1]


class _Alarm:
    """A wait of one task, which its own thread or any other may end."""

    __slots__ = ("_call", "_event", "_thread")

    def __init__(self) -> None:
        task = asyncio_task()
        self._thread = threading.get_ident()
        self._event: Any = sys.modules["trio" if task is None else "asyncio"].Event()
        self._call: Callable[[Callable[[], object]], object]
        if task is None:
            self._call = sys.modules["trio"].lowlevel.current_trio_token().run_sync_soon
        else:
            self._call = task.get_loop().call_soon_threadsafe

    async def wait(self) -> None:
        await self._event.wait()

    def set(self) -> None:
        try:
            # Waking a loop from outside costs a write to a socket.
            if threading.get_ident() == self._thread:
                self._event.set()
            else:
                self._call(self._event.set)
        except RuntimeError:  # that event loop has ended
            pass


def _name_of(event: Any) -> Hashable:
    return getattr(event, "event", None)
