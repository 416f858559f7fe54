r"""Encode text that may hold lone surrogates, as JSON from a client can (`"\ud800"`)."""

from __future__ import annotations

import re

# A tuple: `isinstance` with a union, which is made for each call, takes seven times as long.
BYTES = (bytes, bytearray, memoryview)


def encode_text(text: str, charset: str = "utf-8") -> bytes:
    """Return the text in a charset, with `?` for each lone surrogate.

    An error page that quotes a client must not fail where the quotation cannot be encoded. Raises UnicodeEncodeError
    for other characters that the charset lacks.
    """
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        return without_surrogates(text).encode(charset)


def without_surrogates(text: str, replacement: str = "?") -> str:
    """Return the text with a replacement for each lone surrogate."""
    return re.sub("[\ud800-\udfff]", replacement, text)
