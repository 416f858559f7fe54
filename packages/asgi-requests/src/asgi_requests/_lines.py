"""Lines of bytes out of chunks that end anywhere, in linear time."""

from __future__ import annotations

from collections.abc import Iterator

from .exceptions import HTTPException

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r"


class Lines:
    """Cuts chunks into lines without their ends and the space around them; `number` is that of the last, from 1.

    Raises HTTPException (413) for a line of more than `max_size` bytes.
    """

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self.number = 0
        self._begun = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Iterate over the lines that end in this chunk."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            yield self._finish(chunk[start:end])
            start = end + 1
        self._begun += chunk[start:]
        # One more byte may be the CR of the line's end.
        self._limit(len(self._begun) - 1)

    def end(self) -> bytes:
        """Return the last line, which needs no end."""
        return self._finish(b"")

    def _finish(self, rest: bytes) -> bytes:
        line = rest
        if self._begun:
            line = bytes(self._begun) + rest
            self._begun.clear()
        line = line.removesuffix(b"\r")
        self._limit(len(line))
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(_BOM)
        return line.strip(_SPACE)

    def _limit(self, size: int) -> None:
        if size > self.max_size:
            raise HTTPException(413, f"Line {self.number + 1} is longer than {self.max_size} bytes")
