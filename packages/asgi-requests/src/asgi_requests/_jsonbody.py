"""A body as JSON, and the exception that says it is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .exceptions import HTTPException

_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class InvalidJSON(HTTPException, json.JSONDecodeError):
    """A body that is not JSON: a json.JSONDecodeError to those who catch one, an answer of 400 where nobody does."""

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        HTTPException.__init__(self, 400, f"Invalid JSON: {msg}: line {self.lineno} column {self.colno}")

    __str__ = json.JSONDecodeError.__str__


def decode_json(body: bytes) -> Any:
    """JSON in UTF-8, UTF-16 or UTF-32 (RFC 8259 §8.1); raises InvalidJSON for anything else."""
    try:
        # Nine bodies in ten are UTF-8 with nothing around the value: the scanner alone reads those.
        text = body.decode()
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except (StopIteration, ValueError, RecursionError):
        pass
    return _decode_carefully(body)


def _decode_carefully(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError as exc:
        raise InvalidJSON(exc.msg, exc.doc, exc.pos) from None
    except UnicodeDecodeError as exc:
        raise InvalidJSON(f"Not {exc.encoding}", body.decode("utf-8", "replace"), 0) from exc
    except ValueError:
        # The interpreter's limit on the digits of an integer.
        raise InvalidJSON("Number too long", body.decode("utf-8", "replace"), 0) from None
    except RecursionError:
        raise InvalidJSON("Nested too deep", body.decode("utf-8", "replace"), 0) from None
