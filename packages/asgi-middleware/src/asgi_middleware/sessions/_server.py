"""Sessions kept in a store, of which the client has an id that means nothing."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from threading import get_ident
from typing import Any, Literal, TypeVar

from .._cancel import Waiter, current_time, shielding_scope
from .._headers import RawHeaders, merge_vary
from .._replies import reject
from .._watch import ResponseWatcher
from ..stores import Store
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._contents import StoredSession
from ._cookie import Cookie
from ._json import decode, encode
from ._records import ID, Record, index_of, key_of, read_record
from ._session import Session

Result = TypeVar("Result")

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_WITHOUT_END = 400 * 24 * 60 * 60  # what browsers keep a cookie for, at most (RFC 6265bis §5.5)
_TRIES = 100
_log = logging.getLogger("asgi_middleware.sessions")


class ServerSession(Session):
    """A session whose contents are in a store.

    Concurrent requests are merged key by key. Of two that set one key the later stays, but changes made by `apply()`
    are all made.
    """

    renewed = ended = False
    user: str | None = None

    def regenerate(self, user: str | None = None) -> None:
        """Give the session a new id, at a login above all: the old one ends. `user` is whose session it is now."""
        self._change()
        self.renewed = True
        self.user = user or self.user

    def destroy(self) -> None:
        """End the session: its id is worth nothing from now on, whatever other requests write late."""
        self.clear()

    def clear(self) -> None:
        """End the session; what is put into it afterwards gets a new id."""
        super().clear()
        self.ended = True
        self.user = None
        self.applied.clear()

    def apply(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the session by a function, which is called again where another request was faster."""
        self._change()
        before = decode(encode(self))
        change(self)
        self.applied.append((change, _changed_keys(before, self)))

    @property
    def applied(self) -> list[tuple[Callable[[dict[str, Any]], object], set[str]]]:
        """The changes made by functions, and the keys that they have changed."""
        found: list[tuple[Callable[[dict[str, Any]], object], set[str]]] = self.__dict__.setdefault("_applied", [])
        return found


def _changed_keys(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    # By their JSON: True is 1 for Python.
    old, new = ({key: encode(value) for key, value in dict.items(data)} for data in (before, after))
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def merge(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], session: ServerSession) -> dict[str, Any]:
    """Return `theirs` with what has been changed from `base` to `ours`."""
    merged = dict(theirs)
    by_function = {key for _, keys in session.applied for key in keys}
    for key in _changed_keys(base, ours) - by_function:
        if key in ours:
            merged[key] = ours[key]
        else:
            merged.pop(key, None)
    for change, _ in session.applied:
        change(merged)
    return merged


class _Queue:
    """One holder at a time for each key, in the order of arrival, so that a process does not compete with itself."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, str], deque[Waiter]] = {}

    async def enter(self, name: str) -> None:
        key = (get_ident(), name)
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = deque()
            return
        waiter = Waiter()
        queue.append(waiter)
        try:
            await waiter.wait()
        except BaseException:
            if waiter in queue:
                queue.remove(waiter)
            else:  # it was our turn already
                self.leave(name)
            raise

    def leave(self, name: str) -> None:
        key = (get_ident(), name)
        queue = self._waiting[key]
        if queue:
            queue.popleft().wake()
        else:
            del self._waiting[key]


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
    ) -> None:
        self.identity: Hashable = cookie.identity
        self.store = store
        self._cookie = cookie
        self._max_age = _WITHOUT_END if max_age is None else max_age
        self._idle = self._max_age if idle_timeout is None else idle_timeout
        self._fails = on_store_error == "fail"
        self._timeout = store_timeout
        self._queue = _Queue()
        self._failing = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, headers: RawHeaders) -> None:
        """Call the application with the session that the request has the id of."""
        identifiers = [value for value in self._cookie.values(headers) if ID.fullmatch(value)]
        key = key_of(self._cookie.name, identifiers[0]) if identifiers else None
        record, usable = None, True
        if key is not None:
            try:
                record = await self._within_time(lambda: self._read(key))
            except OSError as exc:
                self._complain(exc)
                if self._fails:
                    return await reject(scope, receive, send, 503, "Service Unavailable", [(b"retry-after", b"1")])
                usable = False
        outer = scope.get("session")
        text = encode({} if record is None else record.data)
        stored = StoredSession(decode(text), text)
        session = scope["session"] = ServerSession.loaded_by(lambda: stored, self.identity)
        response = _StoredResponse(self, scope, session, record, usable, send)
        try:
            await app(scope, receive, response.send)
        finally:
            session.sealed = True
            if isinstance(outer, Session):
                scope["session"] = outer
        return None

    async def _read(self, key: str) -> Record | None:
        record = read_record(key, await self.store.get(key))
        if record is None or record.created + self._max_age <= time.time():
            return None
        return record

    async def save(self, session: ServerSession, ours: dict[str, Any], record: Record | None) -> bytes | None:
        """Store a session, and return the value of a Set-Cookie header, or None for no header."""
        base: dict[str, Any] = decode(session.fill().text)
        if record is None:
            return await self._create(ours, session.user) if ours else None
        if session.ended or session.renewed:
            theirs = await self._end(record)
            if not session.ended:
                # Where the session was ended by another request, only what this one has put into it goes on.
                owner = session.user or (theirs.user if theirs else None)
                ours = merge(base, ours, theirs.data if theirs else {}, session)
                return await self._create(ours, owner) if ours else self._cookie.remove()
            return await self._create(ours, session.user) if ours else self._cookie.remove()
        if encode(ours) != encode(base):
            await self._change(record, base, ours, session)
        elif time.time() - record.seen >= self._idle / 20:
            # Another request that was faster has shown the same: that the session is in use.
            await self._put(record.changed(record.data, None), expected=record.encode())
        return None

    async def _create(self, data: dict[str, Any], user: str | None) -> bytes:
        identifier = secrets.token_urlsafe(32).encode()
        key, now = key_of(self._cookie.name, identifier), time.time()
        await self._put(Record(key, now, now, user, data), expected=None)
        if user is not None and key not in await self.store.members(index_of(self._cookie.name, user)):
            await self.store.delete(key)  # revoked at this moment
        return self._cookie.set(identifier)

    async def _put(self, record: Record, *, expected: bytes | None) -> bool:
        left = record.created + self._max_age - time.time()
        ttl = max(0.001, min(self._idle, left))
        if record.user is not None:
            await self.store.add(index_of(self._cookie.name, record.user), record.key, ttl)
        return await self.store.put(record.key, record.encode(), ttl, expected=expected)

    async def _end(self, record: Record) -> Record | None:
        """End a session and return its last contents: None where another request has ended it."""
        for _ in range(_TRIES):
            value = await self.store.get(record.key)
            current = read_record(record.key, value)
            if current is None:
                return None
            if await self.store.put(record.key, b"", 1, expected=value):  # from now on every late write fails
                await self.store.delete(record.key)
                if current.user is not None:
                    await self.store.discard(index_of(self._cookie.name, current.user), record.key)
                return current
        raise OSError("the session is changed all the time")

    async def _change(self, record: Record, base: dict[str, Any], ours: dict[str, Any], session: ServerSession) -> None:
        await self._queue.enter(record.key)
        try:
            current, data = record, ours
            for _ in range(_TRIES):
                if await self._put(current.changed(data, None), expected=current.encode()):
                    return
                found = read_record(record.key, await self.store.get(record.key))
                if found is None:  # ended meanwhile: it is not brought back
                    _log.info("a session was ended before a change of it was stored")
                    return
                current, data = found, merge(base, ours, found.data, session)
        finally:
            self._queue.leave(record.key)
        raise OSError("the session is changed all the time")

    async def save_in_time(
        self, session: ServerSession, ours: dict[str, Any], record: Record | None
    ) -> tuple[bool, bytes | None]:
        """Store a session; the first of the result says whether the response may go out."""
        try:
            cookie = await self._within_time(lambda: self.save(session, ours, record))
        except OSError as exc:
            self._complain(exc)
            return not self._fails, None
        return True, cookie

    async def _within_time(self, call: Callable[[], Awaitable[Result]]) -> Result:
        limit = shielding_scope()
        limit.deadline = current_time() + self._timeout
        with limit:
            result = await call()
            self._failing = False
            return result
        raise OSError(f"no answer in {self._timeout} s")

    def _complain(self, exc: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.error("the store of the sessions fails: %s", exc)


class _StoredResponse(ResponseWatcher):
    """A watcher that stores the session before the head of the answer is sent."""

    __slots__ = ("_record", "_refused", "_scope", "_session", "_sessions", "_usable")

    def __init__(
        self,
        sessions: ServerSessions,
        scope: Scope,
        session: ServerSession,
        record: Record | None,
        usable: bool,
        send: Send,
    ) -> None:
        super().__init__(send)
        self._sessions = sessions
        self._scope = scope
        self._session = session
        self._record = record
        self._usable = usable
        self._refused = False

    async def send(self, message: Message) -> None:
        if self._refused:
            return None
        if self.started or message["type"] not in _STARTS:
            return await self._send(message)
        self.started = True
        session = self._session
        current = session if session.shadowed else self._scope.get("session")
        session.sealed = True
        if current is session and not session.accessed:
            return await self._send(message)
        headers = merge_vary(list(message.get("headers", ())), b"Cookie")
        if self._usable:
            ours = decode(encode(dict(current or {})))
            may_go, cookie = await self._sessions.save_in_time(session, ours, self._record)
            if not may_go:
                return await self._refuse(message["type"])
            if cookie is not None:
                headers.append((b"set-cookie", cookie))
        return await self._send({**message, "headers": headers})

    async def _refuse(self, kind: str) -> None:
        """Answer 503 in the place of the application, whose messages are dropped from now on."""
        self._refused = True
        scope = {**self._scope, "type": "websocket"} if kind.startswith("websocket") else self._scope

        async def connect() -> Message:
            return {"type": "websocket.connect"}

        await reject(scope, connect, self._send, 503, "Service Unavailable", [(b"retry-after", b"1")])
