"""Look at a file, open it and read it piece by piece: everything that blocks, to be called in a thread."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from .._guard import ClosingGuard

# A body is bytes to send as they are and `(start, end)` ranges of the file, end exclusive.
Segment = bytes | tuple[int, int]
Segments = Sequence[Segment]
Path = str | os.PathLike[str]

# Bytes that are read in one visit to a thread: a smaller file needs no second one.
READ_SIZE = 128 * 1024
# Bytes that are read at once for a client that has been slow.
SLOW_READ_SIZE = 64 * 1024

# Opening a FIFO would wait for a writer, and hold its thread, where it has taken the name of a file.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_FILE = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist",
    errno.EISDIR: "is not a file",
    errno.ELOOP: "is not a file",
    errno.ENXIO: "is not a file",
}


class UnreadableFile(PermissionError):
    """The file exists and may not be opened."""


class FileReplaced(RuntimeError):
    """The name leads to another file than the one that was looked at."""


def stat_file(path: Path) -> os.stat_result:
    """Return the status of a regular file; raises RuntimeError where there is none."""
    try:
        result = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise RuntimeError(f"File at path {path} does not exist.") from exc
    if not stat.S_ISREG(result.st_mode):
        raise RuntimeError(f"File at path {path} is not a file.")
    return result


@dataclass(frozen=True, slots=True)
class FileAt:
    """A file by its path; with `expected` that very file, whatever has taken its name since it was looked at."""

    path: Path
    expected: os.stat_result | None = None
    follow_symlink: bool = True

    def open(self) -> io.FileIO:
        """Open the file for reading, unbuffered.

        Raises FileReplaced unless it is the `expected` one, UnreadableFile where permission is missing, and
        RuntimeError where it is gone or not a regular file.
        """
        try:
            file: io.FileIO = open(self.path, "rb", buffering=0, opener=self._open)  # noqa: SIM115 - returned
        except PermissionError as exc:
            raise UnreadableFile(*exc.args) from exc
        except OSError as exc:
            if exc.errno not in _NO_FILE:
                raise
            raise self._failure(_NO_FILE[exc.errno]) from exc
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not (self.expected is None or os.path.samestat(status, self.expected)):
            file.close()
            raise self._failure("is not a file")
        return file

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | (_NO_WAIT if self.follow_symlink else _NO_WAIT | _NO_LINK))

    def _failure(self, what: str) -> RuntimeError:
        if self.expected is None:
            return RuntimeError(f"File at path {self.path} {what}.")
        return FileReplaced(f"File at path {self.path} has been replaced.")


class Batch:
    """Blocks of a body that have been read at once; a chunk of them is cut off when it is sent.

    One block instead of many chunks: what is left of it is freed as a whole if it is not sent after all.
    """

    def __init__(self, blocks: list[tuple[bytes, Segment]]) -> None:
        self._blocks = deque(blocks)
        self._offset = 0

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def next_chunk(self, size: int) -> bytes:
        """Return the next bytes of the file, or the next text between parts as a whole, and forget them."""
        block, segment = self._blocks[0]
        if isinstance(segment, bytes):
            size = len(block)
        chunk = block[self._offset : self._offset + size]
        self._offset += size
        if self._offset >= len(block):
            self._blocks.popleft()
            self._offset = 0
        return chunk

    def drop(self) -> list[Segment]:
        """Forget all that is left, and return the segments that it is."""
        segments = [segment for _, segment in self._blocks]
        if self._offset:
            first = segments[0]
            segments[0] = first[self._offset :] if isinstance(first, bytes) else (first[0] + self._offset, first[1])
        self._blocks.clear()
        self._offset = 0
        return segments


class FileReader:
    """The body of a response, read batch by batch in threads; it can be closed whenever its user leaves."""

    def __init__(self, file_at: FileAt, segments: Segments, chunk_size: int) -> None:
        self.chunk_size = chunk_size
        self._file_at = file_at
        # Not a method for the guard to call: in a reference cycle the garbage collector might find the file first.
        self._opened: list[io.FileIO] = []
        self._left = deque(segments)
        self._guard = ClosingGuard(partial(_close_all, self._opened))

    @property
    def has_more(self) -> bool:
        """True if there is something left to read."""
        return bool(self._left)

    def read(self, size: int) -> Batch:
        """Read about `size` bytes; blocks, and raises RuntimeError where the file has shrunk."""
        return self._guard.run(partial(self._read, max(size, self.chunk_size)))

    def put_back(self, batch: Batch) -> None:
        """Empty a batch: what is left of it is read again when it is needed."""
        self._left.extendleft(reversed(batch.drop()))

    def close(self) -> None:
        """Close the file, now or at the end of the reading that is in progress."""
        self._guard.close()

    def __del__(self) -> None:
        # The task that was to use it has been cancelled while a thread opened the file.
        self.close()

    def _read(self, size: int) -> Batch:
        if not self._opened:
            self._opened.append(self._file_at.open())
        [file] = self._opened
        blocks: list[tuple[bytes, Segment]] = []
        while self._left and size > 0:
            segment = self._left.popleft()
            if isinstance(segment, bytes):
                block = segment
            else:
                start, end = segment
                file.seek(start)
                block = file.read(min(size, end - start))
                if not block:
                    raise RuntimeError(f"File at path {self._file_at.path} is shorter than expected.")
                segment = start, start + len(block)
                if segment[1] < end:
                    self._left.appendleft((segment[1], end))
            blocks.append((block, segment))
            size -= len(block)
        return Batch(blocks)


def _close_all(files: list[io.FileIO]) -> None:
    for file in files:
        file.close()


def cut(content: bytes, segments: Segments) -> list[bytes]:
    """Return the body of a file that is in memory, where smaller chunks would save nothing."""
    return [segment if isinstance(segment, bytes) else content[segment[0] : segment[1]] for segment in segments]
