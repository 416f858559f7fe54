"""What Starlette's form parsers are made of, for those who import it."""

from __future__ import annotations

from enum import Enum


class FormMessage(Enum):
    """The steps of a parser of urlencoded forms."""

    FIELD_START = 1
    FIELD_NAME = 2
    FIELD_DATA = 3
    FIELD_END = 4
    END = 5


def user_safe_decode(src: bytes | bytearray, codec: str) -> str:
    """The text of some bytes, as latin-1 where they are not of that codec or there is no such codec."""
    try:
        return src.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return src.decode("latin-1")
