"""One temporary file for many uploads, so that a form of a thousand files takes no descriptors until it is read."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from tempfile import TemporaryFile, mkstemp
from typing import IO, Any
from weakref import finalize

_COPY_SIZE = 1024 * 1024
# A link put in the place of the file is not followed (POSIX); no line breaks are translated (Windows).
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Spool:
    """A temporary file to which uploads are appended one after the other; it is deleted with the last of them.

    It is opened for each call. Only a process that is killed leaves it behind.
    """

    def __init__(self) -> None:
        self._path: str | None = None
        self._uploads = 0
        # Uploads may be closed in several threads at once.
        self._lock = threading.Lock()

    def add(self) -> SpooledUpload:
        """Return an upload that begins where the file ends once the upload is appended to."""
        self._uploads += 1
        return SpooledUpload(self)

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file."""
        with self._open() as file:
            file.seek(offset)
            return file.read(size)

    def append(self, content: bytes) -> int:
        """Write at the end of the file, and return where."""
        with self._open() as file:
            offset = file.seek(0, io.SEEK_END)
            write_all(file, content)
            return offset

    def release(self) -> None:
        """Delete the file if no other upload is in it."""
        with self._lock:
            self._uploads -= 1
            if not self._uploads and self._path is not None:
                self._delete()

    def _open(self) -> IO[bytes]:
        if self._path is None:
            descriptor, self._path = mkstemp()
            self._delete = finalize(self, _delete, self._path, os.getpid())
        else:
            descriptor = os.open(self._path, _FLAGS)
        return open(descriptor, "r+b", buffering=0)


def _delete(path: str, owner: int) -> None:
    # A forked process has a copy of this object, but not of the file.
    if os.getpid() == owner:
        with contextlib.suppress(OSError):
            os.unlink(path)


class SpooledUpload(io.RawIOBase):
    """One upload in a Spool; it moves to a file of its own when it is changed, or asked for its descriptor."""

    def __init__(self, spool: Spool) -> None:
        super().__init__()
        self._spool: Spool | None = spool
        self._start = self._size = self._position = 0
        self._own: io.FileIO | None = None

    def append(self, content: bytes) -> None:
        """Add bytes at the end, before the next upload of the spool is appended to."""
        assert self._spool is not None
        offset = self._spool.append(content)
        if not self._size:
            self._start = offset
        self._size += len(content)

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer, and return how many."""
        if self._spool is None:
            return int(self._moved().readinto(buffer))
        content = self._spool.read(self._start + self._position, min(len(buffer), max(self._size - self._position, 0)))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def write(self, content: Any) -> int:
        """Write bytes at the position, and return how many."""
        return self._moved().write(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset in bytes, and return the new position."""
        if self._spool is None:
            return self._moved().seek(offset, whence)
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"negative seek position {origin + offset}")
        self._position = origin + offset
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Cut the upload, or fill it with zeros."""
        return self._moved().truncate(size)

    def fileno(self) -> int:
        """Return the descriptor of a file that holds this upload alone."""
        return self._moved().fileno()

    def close(self) -> None:
        """Close the upload; its bytes are gone with the last upload of the spool."""
        if not self.closed:
            super().close()
            if self._own is not None:
                self._own.close()
            if self._spool is not None:
                self._spool.release()
                self._spool = None

    def _moved(self) -> io.FileIO:
        """Return the file of its own, made when it is first needed."""
        if self._own is None:
            if self._spool is None:
                raise ValueError("I/O operation on closed file.")
            own = TemporaryFile(buffering=0)  # noqa: SIM115 - closed by `close`
            for offset in range(0, self._size, _COPY_SIZE):
                write_all(own, self._spool.read(self._start + offset, min(_COPY_SIZE, self._size - offset)))
            own.seek(self._position)
            self._own = own
            self._spool.release()
            self._spool = None
        return self._own


def write_all(file: IO[bytes], content: bytes) -> None:
    """Write to an unbuffered file, which may take less at once: of a disk that is nearly full, what is left."""
    written = file.write(content)
    while written < len(content):
        written += file.write(content[written:])
