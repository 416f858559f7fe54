"""The file-like objects of a WSGI environ, and the exception for a client that has left."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any


class ClientGone(OSError):
    """Raised in the application's thread if it reads from or writes to a client that has left."""


class FileWrapper:
    """`wsgi.file_wrapper`: a file in blocks of `block_size` bytes, or sent by the server itself if it can do that."""

    def __init__(self, file: Any, block_size: int = 64 * 1024) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.block_size), b"")

    def close(self) -> None:
        """Close the file, if it has a `close`."""
        if hasattr(self.file, "close"):
            self.file.close()


class RequestBody(io.RawIOBase):
    """`wsgi.input`, unbuffered: each read waits for the next bytes of the client; `read` returns b"" at the end."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(self._read())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
