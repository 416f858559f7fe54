"""Bytes kept in the order in which they arrived."""

from __future__ import annotations

# Chunks below this many bytes are joined once there are many of them: each costs as an object what 40 bytes cost.
_SMALL = 4096
_MANY = 256


class Chunks:
    """A queue of chunks of bytes, `size` bytes in all; a million tiny chunks take the room of their bytes."""

    __slots__ = ("_chunks", "_most", "size")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._most = _MANY
        self.size = 0

    def __len__(self) -> int:
        return len(self._chunks)

    def append(self, chunk: bytes) -> None:
        """Add a chunk at the end."""
        self._chunks.append(chunk)
        self.size += len(chunk)
        if len(self._chunks) > self._most:
            self._join_small()

    def popleft(self) -> bytes:
        """Remove and return the first chunk; raises IndexError where there is none."""
        chunk = self._chunks.pop(0)
        self.size -= len(chunk)
        return chunk

    def join(self) -> bytes:
        """Return all chunks as one; the only one is returned as it is."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _join_small(self) -> None:
        """Join neighbours that are small; a chunk that has grown is not copied again, so that the cost is linear."""
        chunks: list[bytes] = []
        small: list[bytes] = []
        for chunk in self._chunks:
            if len(chunk) < _SMALL:
                small.append(chunk)
                continue
            if small:
                chunks.append(b"".join(small))
                small.clear()
            chunks.append(chunk)
        if small:
            chunks.append(b"".join(small))
        self._chunks = chunks
        self._most = 2 * len(chunks) + _MANY
