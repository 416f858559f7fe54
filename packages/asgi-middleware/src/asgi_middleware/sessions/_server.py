"""Sessions kept in a store, of which the client has an id that means nothing."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Literal, TypeVar

from .._headers import RawHeaders, merge_vary
from .._in_time import in_time
from .._replies import reject
from .._watch import ResponseWatcher
from ..stores import Store
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._contents import EMPTY
from ._cookie import Cookie
from ._json import decode, encode
from ._reading import Reading
from ._records import ID, Record, index_of, key_of, read_record
from ._server_session import ServerSession, merge
from ._session import Session
from ._turns import pause, queue_of

Result = TypeVar("Result")

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_WITHOUT_END = 400 * 24 * 60 * 60  # what browsers keep a cookie for, at most (RFC 6265bis §5.5)
_LATER = [(b"retry-after", b"1")]
_log = logging.getLogger("asgi_middleware.sessions")


class ServerSessions:
    """The sessions of one cookie in a store."""

    def __init__(
        self,
        store: Store,
        cookie: Cookie,
        *,
        max_age: int | None,
        idle_timeout: int | None,
        on_store_error: Literal["fail", "empty"],
        store_timeout: float,
        lazy: bool,
    ) -> None:
        self.identity: Hashable = cookie.identity
        self.store = store
        self._cookie = cookie
        self._max_age = _WITHOUT_END if max_age is None else max_age
        self._idle = self._max_age if idle_timeout is None else idle_timeout
        self._fails = on_store_error == "fail"
        self._timeout = store_timeout
        self._queue = queue_of(store)
        self._lazy = lazy
        self._may_read_now = _has_get_now(store)
        self._failing = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, headers: RawHeaders) -> None:
        """Call the application with the session that the request has the id of."""
        reading = self._reading(headers)
        if not (reading.is_near or self._lazy):
            try:
                await reading.read()
            except OSError:
                return await reject(scope, receive, send, 503, "Service Unavailable", _LATER)
        outer = scope.get("session")
        session = scope["session"] = ServerSession.read_by(reading, self.identity)
        response = _StoredResponse(self, scope, session, reading, send)
        try:
            await app(scope, receive, response.send)
        except Exception as exc:
            if response.may_refuse:
                await response.refuse(scope["type"])
            if not (response.refused and exc is reading.failure):  # the outage has been logged
                raise
        finally:
            session.sealed = True
            if isinstance(outer, Session):
                scope["session"] = outer
        return None

    def _reading(self, headers: RawHeaders) -> Reading:
        """Return the reading of the session that the request has the id of."""
        for value in self._cookie.values(headers):
            if ID.fullmatch(value):
                key = key_of(self._cookie.name, value)
                break
        else:
            return Reading(_nothing, None, fails=self._fails)
        # A store that need not be waited for is read at the first look.
        get_now: Callable[[str], bytes | None] | None = self.store.get_now if self._may_read_now else None  # type: ignore[attr-defined]
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
        """Return whether a session with this JSON has to be stored: not if it is as it was, and was stored lately."""
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
                # Where the session was ended by another request, only what this one has put into it goes on.
                owner = session.user or (theirs.user if theirs else None)
                ours = merge(base, ours, theirs.data if theirs else {}, session)
                return await self._create(ours, owner) if ours else self._cookie.remove()
            return await self._create(ours, session.user) if ours else self._cookie.remove()
        if text != encode(base):
            await self._change(record, base, ours, session)
        else:
            # Where another request was faster, it has shown the same: that the session is in use.
            await self._put(record.changed(base, None), expected=record.value, listed=True)
        return None

    async def _create(self, data: dict[str, Any], user: str | None) -> bytes:
        identifier = secrets.token_urlsafe(32).encode()
        key, now = key_of(self._cookie.name, identifier), time.time()
        await self._put(Record(key, now, now, user, data), expected=None, listed=True)
        if user is not None and key not in await self.store.members(index_of(self._cookie.name, user)):
            await self.store.delete(key)  # revoked at this moment
        return self._cookie.set(identifier)

    async def _put(self, record: Record, *, expected: bytes | None, listed: bool) -> bool:
        """Store a record; `listed` keeps it in the list of its user for as long as it may live."""
        left = max(0.001, record.created + self._max_age - time.time())
        if listed and record.user is not None:
            await self.store.add(index_of(self._cookie.name, record.user), record.key, left)
        return await self.store.put(record.key, record.encode(), min(self._idle, left), expected=expected)

    async def _end(self, record: Record) -> Record | None:
        """End a session and return its last contents: None where another request has ended it."""
        lost = 0
        while True:  # until the time is over
            await pause(lost)
            lost += 1
            value = await self.store.get(record.key)
            current = read_record(record.key, value)
            if current is None:
                return None
            if await self.store.put(record.key, b"", 1, expected=value):  # from now on every late write fails
                await self.store.delete(record.key)
                if current.user is not None:
                    await self.store.discard(index_of(self._cookie.name, current.user), record.key)
                return current

    async def _change(self, record: Record, base: dict[str, Any], ours: dict[str, Any], session: ServerSession) -> None:
        """Store a change, within the time: on what others have stored by now, as often as another was faster."""
        waited = await self._queue.enter(record.key)
        try:
            current, data, lost = record, ours, int(waited)
            while True:  # until the time is over
                if lost:
                    await pause(lost)
                    found = read_record(record.key, await self.store.get(record.key))
                    if found is None:  # ended meanwhile: it is not brought back
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
    """Return whether a store says of its `get` that it may be asked without waiting; a subclass may have another."""
    owner = next((kind for kind in type(store).__mro__ if "get" in vars(kind)), None)
    return owner is not None and "get_now" in vars(owner)


class _StoredResponse(ResponseWatcher):
    """A watcher that stores the session before the head of the answer is sent."""

    __slots__ = ("_reading", "_scope", "_session", "_sessions", "refused")

    def __init__(
        self,
        sessions: ServerSessions,
        scope: Scope,
        session: ServerSession,
        reading: Reading,
        send: Send,
    ) -> None:
        super().__init__(send)
        self._sessions = sessions
        self._scope = scope
        self._session = session
        self._reading = reading
        self.refused = False

    @property
    def may_refuse(self) -> bool:
        """True where an outage of the store is to be answered in the place of the application, and can be."""
        return self._reading.failure is not None and self._reading.fails and not self.started

    async def send(self, message: Message) -> None:
        if self.refused:
            return None
        if self.started or message["type"] not in _STARTS:
            return await self._send(message)
        if self.may_refuse:
            return await self.refuse(message["type"])
        self.started = True
        session, reading = self._session, self._reading
        current = session if session.shadowed else self._scope.get("session")
        session.sealed = True
        if current is session and not session.accessed:
            return await self._send(message)
        headers = merge_vary(list(message.get("headers", ())), b"Cookie")
        try:
            if not reading.is_near:  # another object was put into the scope, and the session never looked at
                await reading.read()
            session.fill()
            text = encode(session if current is session else dict(current or {}))
            if reading.failure is None and self._sessions.is_to_save(session, text, reading.record):
                cookie = await self._sessions.save_in_time(session, text, reading.record)
                if cookie is not None:
                    headers.append((b"set-cookie", cookie))
        except OSError:
            if reading.fails:
                return await self.refuse(message["type"])
        return await self._send({**message, "headers": headers})

    async def refuse(self, kind: str) -> None:
        """Answer 503 in the place of the application, whose messages are dropped from now on."""
        self.started = self.refused = True
        scope = {**self._scope, "type": "websocket"} if kind.startswith("websocket") else self._scope

        async def connect() -> Message:
            return {"type": "websocket.connect"}

        await reject(scope, connect, self._send, 503, "Service Unavailable", _LATER)
