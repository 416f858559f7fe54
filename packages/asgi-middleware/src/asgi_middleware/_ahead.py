"""The part of a body that middleware reads before the application asks for it."""

from __future__ import annotations

from .types import Message

READ_AHEAD = 65536
"""Bytes in memory, as `kept_size` counts them."""

_MESSAGE = 256  # bytes of a message apart from its body


def kept_size(message: Message) -> int:
    """Return the bytes of a message in memory: a client may send its body byte by byte, or empty pieces without end."""
    return len(message.get("body", b"")) + _MESSAGE
