"""JSON text as JSONResponse writes it, by an encoder that is built once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from json import encoder as stdlib
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _chunks_of() -> Callable[[Any, int], Iterable[str]]:
    """The standard library's C encoder as `JSONEncoder` would build it for every call, without the memory of cycles.

    That memory is not safe to share between threads; a cycle ends in RecursionError instead.
    """
    make, quote = getattr(stdlib, "c_make_encoder", None), getattr(stdlib, "c_encode_basestring", None)
    if make is None or quote is None:  # pragma: no cover - not CPython
        return lambda content, _: _encoder.iterencode(content)
    chunks: Callable[[Any, int], Iterable[str]] = make(
        None, _encoder.default, quote, None, ":", ",", False, False, False
    )
    return chunks


json_chunks = _chunks_of()
"""`json_chunks(content, 0)`: the parts of its compact JSON (RFC 8259). Raises TypeError, naming the type, for what JSON
cannot hold, ValueError for NaN and infinities, RecursionError for cycles."""


def encode_with_care(content: Any) -> bytes:
    r"""What chunks cannot give: a lone surrogate stays what it was, escaped as `\udXXX`; a cycle is a ValueError."""
    return _encoder.encode(content).encode("utf-8", "backslashreplace")
