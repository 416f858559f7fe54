"""Notes in SQLite, reached from the event loop through worker threads."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from asgi_framework import run_in_threadpool

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    picture TEXT,
    pinned_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%MZ', 'now'))
);
CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Note:
    id: int
    author: str
    text: str
    picture: str | None
    pinned_at: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class Store:
    """One connection, used by one thread at a time; every method is a coroutine that does not block the loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Store]:
        connection = await run_in_threadpool(sqlite3.connect, path, check_same_thread=False)
        try:
            connection.executescript(SCHEMA)
            yield cls(connection)
        finally:
            connection.close()

    async def notes(self) -> list[Note]:
        """Every note, the newest first."""
        rows = await self._run("SELECT id, author, text, picture, pinned_at FROM notes ORDER BY id DESC")
        return [Note(*row) for row in rows]

    async def note(self, id: int) -> Note | None:
        rows = await self._run("SELECT id, author, text, picture, pinned_at FROM notes WHERE id = ?", id)
        return Note(*rows[0]) if rows else None

    async def add(self, author: str, text: str, picture: str | None = None) -> Note:
        rows = await self._run(
            "INSERT INTO notes (author, text, picture) VALUES (?, ?, ?) RETURNING id, author, text, picture, pinned_at",
            author, text, picture,
        )  # fmt: skip
        return Note(*rows[0])

    async def remove(self, id: int) -> bool:
        return bool(await self._run("DELETE FROM notes WHERE id = ? RETURNING id", id))

    async def count_words(self, text: str) -> None:
        """Add the longer words of a note to the tally under the board."""
        for word in {word.strip(".,;:!?()\"'").lower() for word in text.split()}:
            if 3 < len(word) <= 30:
                await self._run(
                    "INSERT INTO words VALUES (?, 1) ON CONFLICT (word) DO UPDATE SET count = count + 1", word
                )

    async def top_words(self, most: int = 8) -> list[tuple[str, int]]:
        return await self._run("SELECT word, count FROM words ORDER BY count DESC, word LIMIT ?", most)

    async def _run(self, statement: str, *values: object) -> list[tuple]:
        def run() -> list[tuple]:
            with self._lock, self._connection:
                try:
                    return self._connection.execute(statement, values).fetchall()
                except OverflowError:  # no row has a number that SQLite cannot hold
                    return []

        return await run_in_threadpool(run)
