"""What of a file's answer blocks: looking at the file, and reading it piece by piece."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Generator, Sequence

from .._guard import ClosingGuard

# A body is bytes to send as they are and `(start, end)` ranges of the file, end exclusive.
Segments = Sequence[bytes | tuple[int, int]]
Path = str | os.PathLike[str]

# As much is read in one visit to a thread; a file no larger needs no second one.
READ_SIZE = 256 * 1024


def stat_file(path: Path) -> os.stat_result:
    """The status of a regular file; raises RuntimeError where there is none."""
    try:
        result = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise RuntimeError(f"File at path {path} does not exist.") from exc
    if not stat.S_ISREG(result.st_mode):
        raise RuntimeError(f"File at path {path} is not a file.")
    return result


class FileReader:
    """The chunks of a body, read a few at a time in threads; closed whenever its user leaves."""

    def __init__(self, path: Path, segments: Segments, chunk_size: int) -> None:
        self._chunks = _read(path, segments, chunk_size)
        self._exclusive = ClosingGuard(self._chunks.close)

    def take(self) -> tuple[list[bytes], bool]:
        """Some chunks, and whether there may be more; blocks, and raises RuntimeError where the file has shrunk."""
        return self._exclusive.run(self._take)

    def close(self) -> None:
        self._exclusive.close()

    def _take(self) -> tuple[list[bytes], bool]:
        taken = []
        budget = READ_SIZE
        for chunk in self._chunks:
            taken.append(chunk)
            budget -= len(chunk)
            if budget < 0:
                return taken, True
        return taken, False


class UnreadableFile(PermissionError):
    """The file is there and may not be opened."""


def open_file(path: Path) -> io.FileIO:
    """The file, unbuffered; raises RuntimeError where it is gone, UnreadableFile where it must not be read."""
    try:
        return io.FileIO(path)
    except FileNotFoundError as exc:
        raise RuntimeError(f"File at path {path} does not exist.") from exc
    except PermissionError as exc:
        raise UnreadableFile(*exc.args) from exc


def _read(path: Path, segments: Segments, chunk_size: int) -> Generator[bytes, None, None]:
    with open_file(path) as file:
        for segment in segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            position, end = segment
            file.seek(position)
            while position < end:
                chunk = file.read(min(chunk_size, end - position))
                if not chunk:
                    raise RuntimeError(f"File at path {path} has shrunk to {position} bytes while it was sent.")
                position += len(chunk)
                yield chunk


def cut(content: bytes, segments: Segments) -> list[bytes]:
    """A body whose file is in memory, which leaves nothing to be saved by smaller chunks."""
    return [segment if isinstance(segment, bytes) else content[segment[0] : segment[1]] for segment in segments]
