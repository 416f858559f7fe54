"""A store in an SQLite file, shared by several processes of one machine."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
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
_SWEEP_EVERY = 256  # writes, after which some expired entries are deleted
_SWEPT_AT_ONCE = 512
_READ_TIMEOUT = 0.1  # seconds; a reader in WAL mode waits only while another process recovers the file after a crash


class SQLiteStore:
    """A store for the processes of one machine: the standard library's sqlite3 in a worker thread, in WAL mode.

    The file at `path` is created if it does not exist. A call waits at most `timeout` seconds for other processes.
    Errors of sqlite3 (a full disk, a file that stays locked) raise OSError. Expired entries are deleted faster than new
    ones are written, and their space is used again; nothing else bounds the file, which holds as much as the clients
    store within the lifetime of an entry.
    """

    def __init__(self, path: str | Path, *, timeout: float = 5.0) -> None:
        self.path = str(path)
        self.timeout = timeout
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._reader_lock = threading.Lock()
        self._writes = 0
        # A store that is dropped, or still open at the exit, closes its file. A finalizer keeps the connections outside
        # of the garbage, where the collector would clear them in any order, and in the middle of a method (__del__).
        self._opened: dict[sqlite3.Connection, int] = {}  # and the process that has opened each
        weakref.finalize(self, _close_all, self._opened, (self._lock, self._reader_lock))

    async def _run(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        """Run a transaction in a worker thread."""
        return await in_thread(self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        with self._lock:
            try:
                connection = self._open()
                # The write lock is taken at once. A transaction that reads first and then writes may fail with
                # SQLITE_BUSY without waiting, because its snapshot is out of date.
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
            connection = self._connect(self.timeout)
            self._connection = connection  # now, so that it is closed if the file turns out not to be a database
            mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
            # In WAL mode this cannot corrupt the file; a power failure may lose the last transactions.
            connection.execute("pragma synchronous = normal")
            connection.executescript(_SCHEMA)
            # A file in memory or on some network drives has no WAL. There a reader would wait for writers.
            if mode == "wal":
                with self._reader_lock:
                    self._reader = self._connect(_READ_TIMEOUT)
        return self._connection

    def _connect(self, timeout: float) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=timeout, isolation_level=None, check_same_thread=False)
        self._opened[connection] = os.getpid()
        return connection

    @property
    def get_now(self) -> Callable[[str], bytes | None] | None:
        """A function that reads in this thread, or None if it might have to wait for a writer."""
        return None if self._reader is None else self._get_now

    def _get_now(self, key: str) -> bytes | None:
        return self._read(lambda connection, now: _value(connection, key, now))

    def _read(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        """Read on the connection that waits for no writer, if there is one."""
        with self._reader_lock:
            if self._reader is not None:
                try:
                    return work(self._reader, time.time())
                except sqlite3.Error as exc:
                    del self._opened[self._reader]
                    self._reader.close()
                    self._reader = None
                    raise OSError(f"the store {self.path} does not answer: {exc}") from exc
        return self._transact(work)

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Delete a few expired entries, so that no call has to delete many."""
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0:
            connection.execute(
                "delete from entries where key in (select key from entries where expires <= ? limit ?)",
                (time.time(), _SWEPT_AT_ONCE),
            )

    def _close(self) -> None:
        with self._reader_lock:
            opened = list(self._opened)
            self._opened.clear()
            self._connection = self._reader = None
        for connection in opened:
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


def _close_all(opened: dict[sqlite3.Connection, int], locks: Iterable[threading.Lock]) -> None:
    """Close what a store has left open, except while a daemon thread uses it at the exit.

    A forked child leaves the connections of its parent alone: SQLite must not close them there.
    """
    with ExitStack() as held:
        for lock in locks:
            if not lock.acquire(blocking=False):
                return
            held.callback(lock.release)
        for connection, process in opened.items():
            if process == os.getpid():
                connection.close()


def _value(connection: sqlite3.Connection, key: str, now: float) -> bytes | None:
    row = connection.execute("select value from entries where key = ? and expires > ?", (key, now)).fetchone()
    return None if row is None else bytes(row[0])


def _set(connection: sqlite3.Connection, key: str, value: bytes, expires: float) -> None:
    connection.execute("insert or replace into entries values (?, ?, ?)", (key, value, expires))


def _members(connection: sqlite3.Connection, key: str, now: float) -> set[str]:
    value: Any = _value(connection, key, now)
    return set(json.loads(value)) if value else set()
