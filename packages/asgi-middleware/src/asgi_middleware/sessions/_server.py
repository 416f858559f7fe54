"""Sessions in a store, for which the client has only a random id."""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from .._headers import RawHeaders
from .._in_time import in_time
from .._replies import reject
from ..stores import Store
from ..types import ASGIApp, Receive, Scope, Send
from ._checks import seconds_of
from ._contents import EMPTY
from ._cookie import Cookie
from ._json import decode, encode
from ._reading import Reading
from ._records import ID, Record, index_of, key_of, read_record, unlist
from ._server_session import ServerSession, merge
from ._session import Session
from ._stored_response import RETRY_LATER, StoredResponse
from ._turns import pause, queue_of

Result = TypeVar("Result")

_LONGEST_LIFE = 400 * 24 * 60 * 60  # browsers keep no cookie for longer (RFC 6265bis §5.5)
# A list of a user's sessions lives as long as the user comes back. A login looks at a few of a long one, so that those
# that have expired do not pile up.
_LONG_LIST, _LOOKED_AT = 8, 2
_log = logging.getLogger("asgi_middleware.sessions")


@dataclass(frozen=True)
class Limits:
    """The longest life of a session, and the longest time between two requests that access it, in seconds."""

    max_age: int
    idle: int

    @classmethod
    def of(cls, max_age: int | None, idle_timeout: object) -> Self:
        """Return the limits of these options. Raises ValueError for an `idle_timeout` under a second."""
        longest = _LONGEST_LIFE if max_age is None else max_age
        idle = seconds_of("idle_timeout", idle_timeout)
        if idle is not None and idle < 1:
            raise ValueError(f"idle_timeout={idle_timeout!r} must be a second or more, or None for no limit")
        return cls(longest, longest if idle is None else idle)


class ServerSessions:
    """The sessions of one cookie in a store."""

    def __init__(
        self, store: Store, cookie: Cookie, limits: Limits, on_store_error: str, store_timeout: float, *, lazy: bool
    ) -> None:
        if on_store_error not in ("fail", "empty"):
            raise ValueError(f"on_store_error must be 'fail' or 'empty', not {on_store_error!r}")
        self.identity: Hashable = cookie.identity
        self.store = store
        self._cookie = cookie
        self._max_age, self._idle = limits.max_age, limits.idle
        self._fails = on_store_error == "fail"
        self._timeout = store_timeout
        self._queue = queue_of(store)
        self._lazy = lazy
        self._may_read_now = _has_get_now(store)
        self._failing = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, headers: RawHeaders) -> None:
        """Call the application with the session whose id the request has."""
        reading = self._reading(headers)
        if not (reading.is_near or self._lazy):
            try:
                await reading.read()
            except OSError:
                return await reject(scope, receive, send, 503, "Service Unavailable", RETRY_LATER)
        outer = scope.get("session")
        session = scope["session"] = ServerSession.read_by(reading, self.identity)
        response = StoredResponse(self, scope, session, reading, send)
        try:
            await app(scope, receive, response.send)
        except Exception as exc:
            if response.may_refuse:
                await response.refuse(scope["type"])
            # The outage itself has been logged and answered.
            if not (response.refused and exc is reading.failure):
                raise
        finally:
            session.sealed = True
            if isinstance(outer, Session):
                scope["session"] = outer
        return None

    def _reading(self, headers: RawHeaders) -> Reading:
        """Return the reading of the session whose id the request has."""
        for value in self._cookie.values(headers):
            if ID.fullmatch(value):
                key = key_of(self._cookie.name, value)
                break
        else:
            return Reading(_nothing, None, fails=self._fails)
        # A store that can be read without waiting is read at the first access.
        get_now: Callable[[str], bytes | None] | None = None
        if self._may_read_now:
            get_now = getattr(self.store, "get_now", None)
        if get_now is not None:
            return Reading(lambda: self._read_now(get_now, key), None, fails=self._fails)
        reading = Reading(None, lambda: self._read_in_time(key), fails=self._fails)
        if self._lazy:
            reading.allow_threads()
        return reading

    def _read_now(self, get_now: Callable[[str], bytes | None], key: str) -> Record | None:
        try:
            record = self._living(key, get_now(key))
        except OSError as exc:
            self._complain(exc)
            raise
        self._failing = False
        return record

    async def _read_in_time(self, key: str) -> Record | None:
        try:
            return self._living(key, await self._within_time(lambda: self.store.get(key)))
        except OSError as exc:
            self._complain(exc)
            raise

    def _living(self, key: str, value: bytes | None) -> Record | None:
        record = read_record(key, value)
        if record is None or record.created + self._max_age <= time.time():
            return None
        return record

    def is_to_save(self, session: ServerSession, text: str, record: Record | None) -> bool:
        """Return whether a session with this JSON has to be stored, because it has changed or is due."""
        if record is None:
            return text != EMPTY.text
        return session.ended or session.renewed or text != session.fill().text or self._is_due(record)

    async def save(self, session: ServerSession, text: str, record: Record | None) -> bytes | None:
        """Store a session, and return the value of a Set-Cookie header, or None for no header."""
        ours: dict[str, Any] = decode(text)
        if record is None:
            return await self._create(ours, session.user)
        base: dict[str, Any] = decode(session.fill().text)
        if session.ended or session.renewed:
            theirs = await self._end(record)
            if not session.ended:
                # If another request has ended the session, only the changes of this request survive.
                owner = session.user or (theirs.user if theirs else None)
                ours = merge(base, ours, theirs.data if theirs else {}, session)
                return await self._create(ours, owner) if ours else self._cookie.remove()
            return await self._create(ours, session.user) if ours else self._cookie.remove()
        if text != encode(base):
            await self._change(record, base, ours, session)
        else:
            # If another request was faster it has already stored that the session is in use.
            await self._put(record.changed(base, None), expected=record.value, listed=True)
        return None

    async def _create(self, data: dict[str, Any], user: str | None) -> bytes:
        lost = 0
        while True:  # ended by `store_timeout`
            await pause(lost)
            lost += 1
            identifier = secrets.token_urlsafe(32).encode()
            key, now = key_of(self._cookie.name, identifier), time.time()
            if await self._put(Record(key, now, now, user, data), expected=None, listed=True):
                break  # otherwise `unlist` has taken the key
        if user is not None:
            index = index_of(self._cookie.name, user)
            listed = await self.store.members(index)
            if key not in listed:
                await self.store.delete(key)  # revoked meanwhile
            elif len(listed) > _LONG_LIST:
                for other in random.sample(tuple(listed), _LOOKED_AT):
                    await unlist(self.store, index, other)
        return self._cookie.set(identifier)

    async def _put(self, record: Record, *, expected: bytes | None, listed: bool) -> bool:
        """Store a record; `listed` also keeps it in the list of its user, for the rest of its life."""
        left = max(0.001, record.created + self._max_age - time.time())
        if listed and record.user is not None:
            await self.store.add(index_of(self._cookie.name, record.user), record.key, left)
        return await self.store.put(record.key, record.encode(), min(self._idle, left), expected=expected)

    async def _end(self, record: Record) -> Record | None:
        """End a session and return its last contents, or None if another request has ended it."""
        lost = 0
        while True:  # ended by `store_timeout`
            await pause(lost)
            lost += 1
            value = await self.store.get(record.key)
            current = read_record(record.key, value)
            if current is None:
                return None
            if await self.store.put(record.key, b"", 1, expected=value):  # every later write fails
                await self.store.delete(record.key)
                if current.user is not None:
                    await self.store.discard(index_of(self._cookie.name, current.user), record.key)
                return current

    async def _change(self, record: Record, base: dict[str, Any], ours: dict[str, Any], session: ServerSession) -> None:
        """Store a change; if another request was faster, merge it with that request's contents and try again."""
        waited = await self._queue.enter(record.key)
        try:
            current, data, lost = record, ours, int(waited)
            while True:  # ended by `store_timeout`
                if lost:
                    await pause(lost)
                    found = read_record(record.key, await self.store.get(record.key))
                    if found is None:  # ended meanwhile: a late write must not undo a logout
                        _log.info("a session was ended before a change of it was stored")
                        return
                    current, data = found, merge(base, ours, found.data, session)
                is_due = self._is_due(current)
                if await self._put(current.changed(data, None), expected=current.value, listed=is_due):
                    return
                lost += 1
        finally:
            self._queue.leave(record.key)

    def _is_due(self, record: Record) -> bool:
        """Return whether it is time to store that the session is in use."""
        # Not at every request: a write for each read would cost more than the rest of the session together.
        return time.time() - record.seen >= self._idle / 20

    async def save_in_time(self, session: ServerSession, text: str, record: Record | None) -> bytes | None:
        """Store a session, and return the value of a Set-Cookie header; raises OSError for an outage."""
        try:
            return await self._within_time(lambda: self.save(session, text, record))
        except OSError as exc:
            self._complain(exc)
            raise

    async def _within_time(self, call: Callable[[], Awaitable[Result]]) -> Result:
        result = await in_time(self._timeout, call)
        self._failing = False
        return result

    def _complain(self, exc: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.error("the store of the sessions fails: %s", exc)


def _nothing() -> None:
    """Read the session of a request without an id."""


def _has_get_now(store: Store) -> bool:
    """Return whether a store has a `get_now` that belongs to its `get`; a subclass may have overridden only `get`."""
    owner = next((kind for kind in type(store).__mro__ if "get" in vars(kind)), None)
    return owner is not None and "get_now" in vars(owner)
