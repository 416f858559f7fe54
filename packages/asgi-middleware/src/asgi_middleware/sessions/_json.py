"""JSON as the `json` module writes and reads it by default, with its coders set up once instead of at each call."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any

_DECODER = json.JSONDecoder()
_scan = _DECODER.scan_once  # type: ignore[attr-defined]
_ENCODER = json.JSONEncoder()


def decode(text: str) -> Any:
    """Return the value of a JSON text; raises ValueError if it is invalid."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _DECODER.decode(text)
    return value if end == len(text) else _DECODER.decode(text)


def _prepared_encoder() -> Callable[[Any], str]:
    """Return the C half of `JSONEncoder().encode` if this Python has one; a cycle then raises RecursionError."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _ENCODER.encode
    chunks = make(None, _ENCODER.default, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True)
    return lambda value: "".join(chunks(value, 0))


encode = _prepared_encoder()
