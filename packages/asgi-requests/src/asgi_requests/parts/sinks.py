"""Sinks for the content of a part: any object with an asynchronous `write`, and files that appear once they are whole.

    from asgi_requests import Request
    from asgi_requests.parts.sinks import DiskSink

    async def keep(request: Request) -> None:
        async for part in request.parts():
            await part.save(DiskSink("uploads", part.safe_filename))

`safe_filename` is one harmless path segment: a client's file name is never used as it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import anyio

from .._chunks import Chunks
from .._filename import safe_filename
from .._spool import write_all
from .._threads import finish_in_thread

# Bytes are collected and written in pieces of this size: each takes a visit to a thread.
_WRITE_SIZE = 1024 * 1024


class Sink(Protocol):
    """An object that takes the content of a part.

    `close`, if it has one, is called once the content is whole; `abort`, if it has one, when it will never be. Either
    may be asynchronous. A sink without `abort` is left as it is.
    """

    async def write(self, chunk: bytes, /) -> object:
        """Take the next chunk; the next one is received when this returns."""


class DiskSink:
    """A sink that writes a file into a directory, where it appears under its name once it is whole.

    Until then its content is in a hidden file of the same directory, `.*.part`, which is removed if the content is cut
    short. The file is written through to the disk (fsync), and so is its directory entry, unless `fsync` is False.
    Raises FileExistsError where the name is taken, unless `overwrite` is True.

    `name` is one harmless path segment, such as `part.safe_filename`; ValueError is raised for any other, so that a
    client's file name never becomes a path. The disk is used in threads. Entered with `async with`, the sink is closed
    at the end of the block, or aborted by an exception.
    """

    def __init__(
        self, directory: str | os.PathLike[str], name: str, *, overwrite: bool = False, fsync: bool = True
    ) -> None:
        harmless = safe_filename(name)
        if name != harmless:
            raise ValueError(f"{name!r} is not a harmless file name: pass part.safe_filename, or {harmless!r}")
        self.directory = Path(directory)
        self.path = self.directory / name
        self.overwrite = overwrite
        self.fsync = fsync
        self._temporary: Path | None = None
        self._file: Any = None
        self._held = Chunks()

    async def write(self, chunk: bytes, /) -> None:
        """Write a chunk, or keep it for the next write to disk."""
        self._held.append(chunk)
        if self._held.size >= _WRITE_SIZE:
            await finish_in_thread(self._write)

    async def close(self) -> None:
        """Write what is left, and give the file its name."""
        await finish_in_thread(self._publish)

    async def abort(self) -> None:
        """Remove what has been written; a file that has its name stays."""
        # Shielded: this cleans up after a cancellation.
        with anyio.CancelScope(shield=True):
            await finish_in_thread(self._discard)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            return await self.abort()
        try:
            await self.close()
        except BaseException:
            await self.abort()
            raise

    def _write(self) -> None:
        if self._file is None:
            self._create()
        content, self._held = self._held.join(), Chunks()
        write_all(self._file, content)

    def _create(self) -> None:
        # lexists: a link that leads nowhere has taken the name, too.
        if not self.overwrite and os.path.lexists(self.path):
            raise self._taken()
        import secrets

        temporary = self.directory / f".{secrets.token_hex(8)}.part"
        self._file = open(temporary, "xb", buffering=0)  # noqa: SIM115 - closed by `_publish` or `_discard`
        self._temporary = temporary

    def _publish(self) -> None:
        self._write()
        if self.fsync:
            # Before the file gets its name: after a crash the name could lead to an empty file.
            os.fsync(self._file.fileno())
        self._file.close()
        assert self._temporary is not None
        if self.overwrite:
            os.replace(self._temporary, self.path)
        else:
            self._name(self._temporary)
        self._temporary = None
        # Windows has no descriptors of directories.
        if self.fsync and hasattr(os, "O_DIRECTORY"):
            self._sync_directory()

    def _name(self, temporary: Path) -> None:
        """Give the file its name unless it is taken by now: a link is made at once or not at all."""
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            raise self._taken() from None
        except OSError:
            # A file system without hard links: the name is taken first, by an empty file.
            try:
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                raise self._taken() from None
            os.replace(temporary, self.path)
        else:
            os.unlink(temporary)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _discard(self) -> None:
        self._held = Chunks()
        if self._file is not None:
            self._file.close()
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary)
            self._temporary = None

    def _taken(self) -> FileExistsError:
        return FileExistsError(errno.EEXIST, "File exists, and overwrite is False", str(self.path))
