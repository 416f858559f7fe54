"""A store in a file of SQLite, which several processes of one machine share."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from .._threads import in_thread
from ._base import ANYTHING
from ._limits import Limit, Spent, decide, decode, encode, lifetime

Result = TypeVar("Result")

_SCHEMA = """
create table if not exists entries (key text primary key, value blob not null, expires real not null) without rowid;
create index if not exists expiring on entries (expires);
"""
_SWEEP_EVERY = 256  # writes, after each of which some entries whose time is over are deleted
_SWEPT_AT_ONCE = 64
_READ_TIMEOUT = 0.1  # seconds, for another process that recovers the file after a crash


class SQLiteStore:
    """A store for the processes of one machine: the standard library's sqlite3 in a worker thread, in WAL mode.

    `path` is that of the file, which is made where there is none. A call waits at most `timeout` seconds for other
    processes. What sqlite3 cannot do (a full disk, a file that is locked for longer) raises OSError.
    """

    def __init__(self, path: str | Path, *, timeout: float = 5.0) -> None:
        self.path = str(path)
        self.timeout = timeout
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._reader_lock = threading.Lock()
        self._writes = 0

    async def _run(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        """Run a transaction in a thread; it holds the lock of the file from its beginning."""
        return await in_thread(self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        with self._lock:
            try:
                connection = self._open()
                connection.execute("begin immediate")
                try:
                    result = work(connection, time.time())
                    self._sweep(connection)
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
                return result
            except sqlite3.Error as exc:
                self._close()
                raise OSError(f"the store {self.path} does not answer: {exc}") from exc

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self.path, timeout=self.timeout, isolation_level=None, check_same_thread=False)
            self._connection = connection  # now, so that it is closed if the file turns out not to be a database
            mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
            connection.execute("pragma synchronous = normal")
            connection.executescript(_SCHEMA)
            if mode == "wal":  # in which a reader waits for no writer; not in memory and on some network drives
                with self._reader_lock:
                    self._reader = sqlite3.connect(
                        self.path, timeout=_READ_TIMEOUT, isolation_level=None, check_same_thread=False
                    )
        return self._connection

    @property
    def get_now(self) -> Callable[[str], bytes | None] | None:
        """A function that reads in this thread, or None where that could be long; 3 µs, of which a thread costs 60."""
        return None if self._reader is None else self._get_now

    def _get_now(self, key: str) -> bytes | None:
        return self._read(lambda connection, now: _value(connection, key, now))

    def _read(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        """Read without a transaction, where no writer is in the way."""
        with self._reader_lock:
            if self._reader is not None:
                try:
                    return work(self._reader, time.time())
                except sqlite3.Error as exc:
                    self._reader.close()
                    self._reader = None
                    raise OSError(f"the store {self.path} does not answer: {exc}") from exc
        return self._transact(work)

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Delete a few entries whose time is over, so that no call has to delete many."""
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0:
            connection.execute(
                "delete from entries where key in (select key from entries where expires <= ? limit ?)",
                (time.time(), _SWEPT_AT_ONCE * 8),
            )

    def _close(self) -> None:
        with self._reader_lock:
            opened = [self._connection, self._reader]
            self._connection = self._reader = None
        for connection in opened:
            if connection is not None:
                connection.close()

    async def get(self, key: str) -> bytes | None:
        return await in_thread(self._get_now, key)

    async def put(self, key: str, value: bytes, ttl: float, *, expected: bytes | None = ANYTHING) -> bool:
        def work(connection: sqlite3.Connection, now: float) -> bool:
            if expected is not ANYTHING and _value(connection, key, now) != expected:
                return False
            _set(connection, key, value, now + ttl)
            return True

        return await self._run(work)

    async def delete(self, key: str) -> bool:
        def work(connection: sqlite3.Connection, now: float) -> bool:
            there = _value(connection, key, now) is not None
            connection.execute("delete from entries where key = ?", (key,))
            return there

        return await self._run(work)

    async def touch(self, key: str, ttl: float) -> bool:
        def work(connection: sqlite3.Connection, now: float) -> bool:
            statement = "update entries set expires = ? where key = ? and expires > ?"
            with closing(connection.execute(statement, (now + ttl, key, now))) as cursor:
                return cursor.rowcount > 0

        return await self._run(work)

    async def add(self, key: str, member: str, ttl: float) -> None:
        def work(connection: sqlite3.Connection, now: float) -> None:
            members = _members(connection, key, now)
            row = connection.execute("select expires from entries where key = ?", (key,)).fetchone()
            expires = max(now + ttl, row[0] if row else 0.0)
            _set(connection, key, json.dumps(sorted(members | {member})).encode(), expires)

        await self._run(work)

    async def members(self, key: str) -> set[str]:
        return await in_thread(self._read, lambda connection, now: _members(connection, key, now))

    async def discard(self, key: str, member: str) -> None:
        def work(connection: sqlite3.Connection, now: float) -> None:
            members = _members(connection, key, now)
            if member in members:
                value = json.dumps(sorted(members - {member})).encode()
                connection.execute("update entries set value = ? where key = ?", (value, key))

        await self._run(work)

    async def spend(self, key: str, limits: Sequence[Limit], cost: int) -> Spent:
        def work(connection: sqlite3.Connection, now: float) -> Spent:
            lines = (_value(connection, key, now) or b"").split(b"\n")
            states = [decode(line) for line in lines] if len(lines) == len(limits) else [None] * len(limits)
            spent, after = decide(limits, states, cost, now)
            _set(connection, key, b"\n".join(map(encode, after)), now + lifetime(limits))
            return spent

        return await self._run(work)

    async def aclose(self) -> None:
        with self._lock:
            self._close()


def _value(connection: sqlite3.Connection, key: str, now: float) -> bytes | None:
    row = connection.execute("select value from entries where key = ? and expires > ?", (key, now)).fetchone()
    return None if row is None else bytes(row[0])


def _set(connection: sqlite3.Connection, key: str, value: bytes, expires: float) -> None:
    connection.execute("insert or replace into entries values (?, ?, ?)", (key, value, expires))


def _members(connection: sqlite3.Connection, key: str, now: float) -> set[str]:
    value: Any = _value(connection, key, now)
    return set(json.loads(value)) if value else set()
