"""Encoders and decoders of JSON for an application: the engine that responses, requests and WebSockets use.

    from asgi_framework import App
    from asgi_requests.jsoncodec import orjson_codec

    app = App(json=orjson_codec())

A codec is any object with `dumps` and `loads`, the module `orjson` itself among them. Those made here fall back to the
standard library for what their engine does not know (UTF-16, a byte order mark, a lone surrogate, huge integers), so
that a request is refused with the same words whichever engine reads it. Engines write NaN and infinities as null.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from typing import Any, Protocol

from ._json import CODEC_KEY, current_codec, dump_json, load_json
from .types import ASGIApp, Receive, Scope, Send

__all__ = [
    "JSONCodec",
    "check_codec",
    "current_codec",
    "msgspec_codec",
    "orjson_codec",
    "pydantic_codec",
    "serve_with_codec",
]


class JSONCodec(Protocol):
    """An encoder and decoder of JSON: `dumps` returns UTF-8, `loads` raises ValueError for text that is not JSON."""

    @property
    def dumps(self) -> Callable[[Any], bytes]:
        """Return the content as JSON in UTF-8; raise TypeError or ValueError for what it cannot hold."""
        ...

    @property
    def loads(self) -> Callable[[Any], Any]:
        """Return the value of JSON text, a str or bytes; raise ValueError for what is not JSON."""
        ...


class _Codec:
    """An engine, with the standard library behind it."""

    def __init__(self, dumps: Callable[[Any], bytes], loads: Callable[[Any], Any]) -> None:
        self.dumps = dumps
        self.loads = loads


def orjson_codec(default: Callable[[Any], Any] | None = None, option: int | None = None) -> JSONCodec:
    """Return the codec of orjson; `default` and `option` are those of `orjson.dumps`."""
    import orjson

    return _behind(lambda content: orjson.dumps(content, default, option), orjson.loads)


def msgspec_codec(enc_hook: Callable[[Any], Any] | None = None) -> JSONCodec:
    """Return the codec of msgspec; `enc_hook` is that of `msgspec.json.Encoder`."""
    import msgspec

    return _behind(msgspec.json.Encoder(enc_hook=enc_hook).encode, msgspec.json.Decoder().decode)


def pydantic_codec(**options: Any) -> JSONCodec:
    """Return the codec of pydantic-core, which writes models too; `options` are those of `pydantic_core.to_json`."""
    import pydantic_core

    options = {"inf_nan_mode": "null", **options}

    def loads(text: str | bytes) -> Any:
        return pydantic_core.from_json(text, allow_inf_nan=False)

    return _behind(lambda content: pydantic_core.to_json(content, **options), loads)


def _behind(engine_dumps: Callable[[Any], bytes], engine_loads: Callable[[Any], Any]) -> JSONCodec:
    """Return a codec that turns to the standard library where the engine fails."""

    def dumps(content: Any) -> bytes:
        try:
            return engine_dumps(content)
        except (TypeError, ValueError):
            try:
                # Engines refuse some that the standard library writes: integers beyond 64 bits, keys that are not text.
                return dump_json(content).encode()
            except (TypeError, ValueError, RecursionError):
                pass
            raise

    def loads(text: str | bytes) -> Any:
        if not _may_hold_a_huge_number(text):
            try:
                return engine_loads(text)
            except (TypeError, ValueError, RecursionError):  # TypeError is pydantic's word for a lone surrogate
                pass
        return load_json(text)

    return _Codec(dumps, loads)


# Each digit as 0, and E as e.
_SHAPES = bytes.maketrans(b"123456789E", b"000000000e")


def _may_hold_a_huge_number(text: str | bytes) -> bool:
    """Return whether there is an exponent of three digits in a text, or are 19 digits in a row.

    Engines read 1e400 as infinity, and some read integers over 64 bits as floats: such texts are the standard
    library's. A regular expression would take longer than all of the decoding.
    """
    octets = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    shapes = octets.translate(_SHAPES, b"+")
    return b"0" * 19 in shapes or b"e000" in shapes


def check_codec(codec: JSONCodec) -> JSONCodec:
    """Return the codec; raises TypeError, saying what to write, unless it has `dumps`, to bytes, and `loads`."""
    if not callable(getattr(codec, "dumps", None)) or not callable(getattr(codec, "loads", None)):
        raise TypeError(f"json takes an object with dumps(content) -> bytes and loads(text), not {codec!r}")
    # Tried once here: `json` itself has the right names and returns text, which would fail at the first response.
    made: object = codec.dumps(None)
    if not isinstance(made, bytes):
        raise TypeError(
            f"json: dumps must return bytes, and that of {codec!r} returns {type(made).__name__}: "
            "write a class whose dumps encodes what it returns"
        )
    return codec


def reads_plain_json(codec: JSONCodec | None) -> bool:
    """Return whether a codec reads JSON as the standard library does; that of a program may return other objects."""
    return codec is None or isinstance(codec, _Codec)


_set_codec, _reset_codec = current_codec.set, current_codec.reset


def apply_codec(codec: JSONCodec | None, scope: Scope) -> tuple[Token[Any], JSONCodec | None]:
    """Let a codec, or for None that of an outer application, apply; return what `restore_codec` needs to end that."""
    outer: JSONCodec | None = scope.get(CODEC_KEY)
    if codec is None:
        codec = outer
    scope[CODEC_KEY] = codec
    return _set_codec(codec), outer


def restore_codec(before: tuple[Token[Any], JSONCodec | None], scope: Scope) -> None:
    """Set the codec of a connection back to what it was before `apply_codec`."""
    token, outer = before
    if outer is None:
        del scope[CODEC_KEY]
    else:
        scope[CODEC_KEY] = outer
    try:
        _reset_codec(token)
    except ValueError:
        pass  # a coroutine that never ended is closed by another task or the garbage collector, in another context


async def serve_with_codec(codec: JSONCodec | None, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a connection with a codec for all JSON of the application; None stands for that of an outer application.

    The codec applies in the tasks and worker threads that the application starts too, and no longer than this call;
    it is the value of the context variable `current_codec`.
    """
    before = apply_codec(codec, scope)
    try:
        await app(scope, receive, send)
    finally:
        restore_codec(before, scope)
