"""The records of sessions in a store: their keys, their contents, and the list of a user's sessions."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, replace
from typing import Any

from ..stores import Store
from ._json import decode, encode

ID = re.compile(rb"[A-Za-z0-9_-]{43}")
"""256 bits in URL-safe base64."""


@dataclass(frozen=True)
class Record:
    """A session in a store; `created` and `seen` are seconds of time.time(), `value` is the stored text."""

    key: str
    created: float
    seen: float
    user: str | None
    data: dict[str, Any]
    value: bytes = b""

    def encode(self) -> bytes:
        return encode([self.key, self.created, self.seen, self.user, self.data]).encode()

    def changed(self, data: dict[str, Any], user: str | None) -> Record:
        return replace(self, data=data, user=self.user if user is None else user, seen=time.time())


def key_of(cookie_name: str, identifier: bytes) -> str:
    """Return the key of a session: a digest, so that whoever reads the store cannot use the sessions in it."""
    return f"session:{cookie_name}:{hashlib.sha256(identifier).hexdigest()}"


def index_of(cookie_name: str, user: str) -> str:
    """Return the key of the list of one user's sessions, a digest like every key in the store."""
    return f"sessions-of:{cookie_name}:{hashlib.sha256(user.encode()).hexdigest()}"


def read_record(key: str, value: bytes | None) -> Record | None:
    """Return the record stored under a key, or None.

    Raises OSError for a record of another key: a pooled connection whose earlier reply was never read answers every
    question with the reply to the one before, and one user would get the session of another.
    """
    if not value:
        return None
    try:
        stored_under, created, seen, user, data = decode(value.decode())
    except (ValueError, TypeError):
        return None
    record = Record(stored_under, created, seen, user, data, value)
    if record.key != key:
        raise OSError("the store answered with the session of another key")
    return record


@dataclass(frozen=True)
class SessionOf:
    """A session of a user; `handle` identifies it, but is not a session id that a client could send."""

    handle: str
    created: float
    seen: float


async def unlist(store: Store, index: str, key: str) -> None:
    """Take a session off its user's list if it has expired.

    Its key is taken for a second: a login lists its session before it stores it, and then has to take another id.
    """
    if await store.put(key, b"", 1, expected=None):
        await store.discard(index, key)


async def sessions_of(store: Store, user: str, *, session_cookie: str = "session") -> list[SessionOf]:
    """Return the sessions of a user, the newest first."""
    index = index_of(session_cookie, user)
    found = []
    for key in await store.members(index):
        record = read_record(key, await store.get(key))
        if record is not None and record.user == user:
            found.append(SessionOf(key, record.created, record.seen))
        else:
            await unlist(store, index, key)
    return sorted(found, key=lambda session: session.created, reverse=True)


async def revoke(store: Store, user: str, *, handle: str | None = None, session_cookie: str = "session") -> int:
    """End the sessions of a user, or the one with this handle; return how many there were."""
    index = index_of(session_cookie, user)
    count = 0
    for key in await store.members(index):
        if handle in (None, key):
            count += await store.delete(key)
            await store.discard(index, key)
            # A login lists its session, stores it, and looks whether it is still listed. If it stored the session after
            # the deletion above it finds it unlisted; if between the two it is deleted here.
            await store.delete(key)
    return count
