"""JSON, read and written within RFC 8259: NaN and infinities are neither accepted nor sent.

Rule: bodies, JSONResponse and WebSockets read and write JSON with nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from json import encoder as stdlib
from typing import Any

from .exceptions import HTTPException

CODEC_KEY = "asgi_requests.json"
"""The scope key of the application's codec, which reads and writes in place of this module."""
current_codec: ContextVar[Any] = ContextVar("asgi_requests.json", default=None)
"""The same for what is made without a scope: responses."""


class InvalidJSON(json.JSONDecodeError, HTTPException):
    """Text that is not JSON: a json.JSONDecodeError, and the ASGI application that answers it with 400."""

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        HTTPException.__init__(self, 400, f"Invalid JSON: {msg}: line {self.lineno} column {self.colno}")

    __str__ = json.JSONDecodeError.__str__


class _NotANumber(ValueError):
    """A number that JSON does not have, or that a float cannot hold."""


def _parse_float(text: str) -> float:
    number = float(text)
    # 1e400 is grammatical (RFC 8259 §6 leaves the range open), but infinity could not be written again.
    if number in _INFINITIES:
        raise _NotANumber(f"Number out of range: {text[:40]}")
    return number


def _refuse_constant(name: str) -> None:
    raise _NotANumber(f"{name} is not a JSON number")


_INFINITIES = (float("inf"), float("-inf"))
_decoder = json.JSONDecoder(parse_float=_parse_float, parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def load_json(text: str | bytes) -> Any:
    """Return the value of JSON text, or of its bytes in UTF-8, UTF-16 or UTF-32; raises InvalidJSON.

    NaN, infinities and numbers out of the range of a float are invalid, as are too many digits and too deep nesting.
    """
    try:
        # Nearly all text is a value with nothing around it, and all bytes are UTF-8: the scanner alone reads those.
        decoded = text if isinstance(text, str) else text.decode()
        value, end = _scan(decoded, 0)
        if end == len(decoded):
            return value
    except (StopIteration, ValueError, RecursionError):
        pass
    return _load_carefully(text)


def load_json_of(scope: Mapping[str, Any], text: str | bytes) -> Any:
    """Return the value of JSON text as the codec of the application reads it; raises InvalidJSON."""
    codec = scope.get(CODEC_KEY)
    return load_json(text) if codec is None else _load_with(codec, text)


def dump_json_of(scope: Mapping[str, Any], content: Any) -> bytes:
    """Return content as JSON that the codec of the application has written; raises what it raises."""
    codec = scope.get(CODEC_KEY)
    written: bytes = dump_json(content).encode() if codec is None else codec.dumps(content)
    return written


def _load_with(codec: Any, text: str | bytes) -> Any:
    try:
        return codec.loads(text)
    # In this order: InvalidJSON is a JSONDecodeError, which is a ValueError, as UnicodeDecodeError is.
    except InvalidJSON:
        raise
    except json.JSONDecodeError as exc:
        raise InvalidJSON(exc.msg, _readable(text), exc.pos) from None
    except UnicodeDecodeError as exc:
        raise InvalidJSON(f"Not {exc.encoding}", _readable(text), 0) from exc
    except RecursionError:
        raise InvalidJSON("Nested too deep", _readable(text), 0) from None
    except ValueError as exc:
        raise InvalidJSON(f"{exc}"[:200], _readable(text), 0) from exc


def _load_carefully(text: str | bytes) -> Any:
    try:
        # A lone surrogate passes, as in json.loads, and so does a byte order mark in a str (RFC 8259 §8.1).
        decoded = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
        return _decoder.decode(decoded.removeprefix("\ufeff"))
    except json.JSONDecodeError as exc:
        raise InvalidJSON(exc.msg, exc.doc, exc.pos) from None
    except UnicodeDecodeError as exc:
        raise InvalidJSON(f"Not {exc.encoding}", _readable(text), 0) from exc
    except _NotANumber as exc:
        raise InvalidJSON(str(exc), _readable(text), 0) from None
    except ValueError:
        # The interpreter's limit on the digits of an integer, which keeps parsing linear.
        raise InvalidJSON("Number too long", _readable(text), 0) from None
    except RecursionError:
        raise InvalidJSON("Nested too deep", _readable(text), 0) from None


def _readable(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


def _make_json_chunks() -> Callable[[Any, int], Iterable[str]]:
    """Return the standard library's C encoder as `JSONEncoder` builds it for each call, without its record of cycles.

    That record is not safe to share between threads; a cycle ends in RecursionError instead.
    """
    make, quote = getattr(stdlib, "c_make_encoder", None), getattr(stdlib, "c_encode_basestring", None)
    try:
        return make(None, _encoder.default, quote, None, ":", ",", False, False, False)  # type: ignore[no-any-return, misc]
    except TypeError:  # pragma: no cover - not CPython, or one with another signature
        return lambda content, _: _encoder.iterencode(content)


json_chunks = _make_json_chunks()
"""`json_chunks(content, 0)`: the parts of its compact JSON. Raises TypeError, naming the type, for what JSON cannot
hold, ValueError for NaN and infinities, RecursionError for cycles."""


def dump_json(content: Any) -> str:
    r"""Return content as compact JSON that UTF-8 can encode: a lone surrogate is escaped as `\udXXX`.

    Raises TypeError, naming the type, for what JSON cannot hold, and ValueError for NaN, infinities and cycles.
    """
    try:
        text = "".join(json_chunks(content, 0))
        if text.isascii():
            return text
    except RecursionError:
        text = _encoder.encode(content)
    return text.encode("utf-8", "backslashreplace").decode()


def encode_with_care(content: Any) -> bytes:
    r"""Return what chunks cannot give: a lone surrogate escaped as `\udXXX`; raises ValueError for a cycle."""
    return _encoder.encode(content).encode("utf-8", "backslashreplace")
