"""Decode compressed request bodies, within limits.

    from asgi_middleware.decompression import DecompressionMiddleware

    app = DecompressionMiddleware(app, max_size=10_000_000, max_ratio=100)

The application receives the body as if it had been sent plainly (RFC 9110 §8.4): gzip and deflate, and what is
installed of brotli (pip install asgi-middleware[brotli]) and zstd ([zstd]; part of Python from 3.14 on). Nothing is
decoded before the application asks for it, and never more than a piece of about 64 KiB at a time: a small body that
would become a huge one is refused where it passes a limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from ._headers import all_values, without
from ._replies import reject, send_text
from ._scope import request_headers
from ._watch import watch_response
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DecompressionMiddleware"]

_PIECE = 65536  # bytes that are decoded at a time
_MOST_CODINGS = 3  # one after the other; nobody sends more than one


class _Undecodable(Exception):
    """Raised by the `receive` of an application whose client sends what cannot be taken, with the status to answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class _Decoder(Protocol):
    def decode(self, data: bytes, limit: int) -> bytes:
        """Return at most about `limit` decoded bytes of what has been given so far; b"" when it needs more input."""

    def is_complete(self) -> bool:
        """Return whether the input has ended where it should."""


class DecompressionMiddleware:
    """Middleware that decodes request bodies.

    `max_size` is in bytes of a decoded body, None for no limit, `max_ratio` what it may be as a multiple of the bytes
    received: beyond either it is a 413. A body that is damaged or cut short is a 400, a coding that is not supported a
    415 that says in Accept-Encoding what is (RFC 9110 §15.5.16). `codings` restricts them. The application gets a copy
    of the scope without Content-Encoding and Content-Length.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_size: int | None = 10_000_000,
        max_ratio: float = 100.0,
        codings: Sequence[str] | None = None,
    ) -> None:
        if max_size is not None and max_size < 1:
            raise ValueError(f"max_size={max_size!r}: a number of bytes, 1 or more, or None")
        if not max_ratio >= 1:
            raise ValueError(f"max_ratio={max_ratio!r}: 1 or more")
        available = _available()
        for coding in codings or ():
            if coding not in available:
                known = ", ".join(available)
                raise ValueError(f"codings: {coding!r} is not one of {known}; brotli and zstd are extras")
        self.app = app
        self.max_size = max_size
        self.max_ratio = max_ratio
        self._decoders = {name: make for name, make in available.items() if codings is None or name in codings}
        self._supported = (b"accept-encoding", ", ".join(self._decoders).encode("ascii"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = request_headers(scope)
        fields = all_values(headers, b"content-encoding")
        if not fields:
            return await self.app(scope, receive, send)
        codings = [name.strip(b" \t").lower().decode("latin-1") for name in b",".join(fields).split(b",")]
        codings = [name.removeprefix("x-") for name in codings if name not in ("", "identity")]
        if len(codings) > _MOST_CODINGS or not self._decoders.keys() >= {*codings}:
            return await reject(scope, receive, send, 415, "Unsupported Media Type", [self._supported])
        # They were applied in the order in which they are listed (RFC 9110 §8.4).
        decoders = [self._decoders[name]() for name in reversed(codings)]
        body = _Body(self, receive, decoders)
        watcher = watch_response(send)
        inner = {**scope, "headers": without(headers, b"content-encoding", b"content-length")}
        try:
            return await self.app(inner, body.receive, watcher.send)
        except _Undecodable as exc:
            if watcher.started:
                raise
            return await send_text(scope, send, exc.status, exc.text)


class _Body:
    """The body of one request: a `receive` that decodes."""

    def __init__(self, limits: DecompressionMiddleware, receive: Receive, decoders: list[_Decoder]) -> None:
        self._limits = limits
        self._receive = receive
        self._decoders = decoders
        self._bytes_in = self._bytes_out = 0
        self._ended = self._delivered = False

    async def receive(self) -> Message:
        if self._delivered or not self._decoders:
            return await self._receive()
        data = b""
        while True:
            piece = self._decode(data)
            if piece or self._ended:
                return self._deliver(piece)
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            data = message.get("body", b"")
            self._bytes_in += len(data)
            self._ended = not message.get("more_body", False)
            if self._ended and not self._bytes_in:
                return self._deliver(b"")  # no body at all: nothing to decode

    def _deliver(self, piece: bytes) -> Message:
        """Return a piece of the body; the last of all is empty."""
        if piece or not self._ended:
            return {"type": "http.request", "body": piece, "more_body": True}
        if self._bytes_in and not all(decoder.is_complete() for decoder in self._decoders):
            raise _Undecodable(400, "Bad Request: the body ends too early")
        self._delivered = True
        return {"type": "http.request", "body": b"", "more_body": False}

    def _decode(self, data: bytes) -> bytes:
        try:
            moved = True
            while moved:  # until something comes out at the end, or nothing moves any more
                moved = False
                for decoder in self._decoders:
                    data = decoder.decode(data, _PIECE)
                    moved = moved or bool(data)
                if data:
                    break
        except Exception as exc:  # each library has errors of its own
            raise _Undecodable(400, "Bad Request: the body cannot be decoded") from exc
        self._bytes_out += len(data)
        limits = self._limits
        beyond = limits.max_size is not None and self._bytes_out > limits.max_size
        if beyond or self._bytes_out > max(self._bytes_in * limits.max_ratio, _PIECE):
            raise _Undecodable(413, "Content Too Large")
        return data


class _ZlibDecoder:
    """gzip, of one member or several (RFC 1952 §2.2), or deflate: zlib's format, or the bare one that some send."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._rest = b""
        self._decompressor: Any = None

    def decode(self, data: bytes, limit: int) -> bytes:
        data = self._rest + data
        if self._decompressor is None or self._decompressor.eof:
            if not data:
                return b""
            self._decompressor = self._begin(data)
        piece: bytes = self._decompressor.decompress(data, limit)
        self._rest = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        return piece

    def _begin(self, data: bytes) -> Any:
        if self._coding == "gzip":
            return zlib.decompressobj(31)
        if self._decompressor is not None:
            raise zlib.error("more behind the end")
        # The first byte of zlib's format has the method, 8, in its lower half (RFC 1950 §2.2).
        return zlib.decompressobj(15 if data[0] & 0x0F == 8 else -15)

    def is_complete(self) -> bool:
        return self._decompressor is not None and self._decompressor.eof and not self._rest


class _BrotliDecoder:
    def __init__(self, module: Any) -> None:
        self._decompressor = module.Decompressor()
        self._rest = b""

    def decode(self, data: bytes, limit: int) -> bytes:
        self._rest += data
        if self._decompressor.is_finished():
            return b""
        data = b""
        if self._decompressor.can_accept_more_data():
            data, self._rest = self._rest, b""
        piece: bytes = self._decompressor.process(data, output_buffer_limit=limit)
        return piece

    def is_complete(self) -> bool:
        return bool(self._decompressor.is_finished()) and not self._rest


class _ZstdDecoder:
    def __init__(self, module: Any) -> None:
        self._module = module
        self._decompressor = module.ZstdDecompressor()
        self._begun = False

    def decode(self, data: bytes, limit: int) -> bytes:
        if self._decompressor.eof:
            data = self._decompressor.unused_data + data
            if not data:
                return b""
            self._decompressor = self._module.ZstdDecompressor()
        if not data and self._decompressor.needs_input:
            return b""
        self._begun = True
        piece: bytes = self._decompressor.decompress(data, limit)
        return piece

    def is_complete(self) -> bool:
        return self._begun and self._decompressor.eof and not self._decompressor.unused_data


def _available() -> dict[str, Callable[[], _Decoder]]:
    """Return the codings that can be decoded here."""
    found: dict[str, Callable[[], _Decoder]] = {
        "gzip": lambda: _ZlibDecoder("gzip"),
        "deflate": lambda: _ZlibDecoder("deflate"),
    }
    brotli = _installed("brotli")
    if brotli is not None and hasattr(brotli.Decompressor, "can_accept_more_data"):  # 1.2: output can be limited
        found["br"] = lambda: _BrotliDecoder(brotli)
    zstd = _installed("compression.zstd") or _installed("backports.zstd")
    if zstd is not None:
        found["zstd"] = lambda: _ZstdDecoder(zstd)
    return found


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None
