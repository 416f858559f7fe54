"""The content codings of responses: whole bodies at once, streams flushed chunk by chunk.

Rule: the memory of a stream is bounded here. A stream may last for hours, and thousands of them may be open, so their
windows and tables are smaller than those of whole bodies, which are encoded at once.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from .._codecs import brotli_module, zstd_module

_GZIP_FORMAT = 31
"""zlib's `wbits` for a gzip wrapper around a full window; its mtime is 0, so equal bodies have equal encodings."""
_BROTLI_STREAM_WINDOW = 19  # 512 KiB, the default of nginx's module: about 2 MiB of memory
_BROTLI_STREAM_QUALITY = 6  # 4 MiB; 7 needs 10, 9 more than 30, and 11 seconds for a megabyte
_ZSTD_STREAM_WINDOW = 21  # 2 MiB, as in levels 3 to 8
_ZSTD_STREAM_HASHES, _ZSTD_STREAM_CHAINS = 20, 19  # 4 and 2 MiB, as in levels 7 and 8
_REUSED = 128 * 1024  # bytes; for smaller bodies, making a zstd compressor costs more than running it

Encoder = Callable[[bytes, bool], bytes]
"""`encoder(chunk, is_last)` returns the encoded chunk, flushed so that a client can read all of it at once."""


class Coding(Protocol):
    """A content coding at one level."""

    name: bytes

    def encode(self, body: bytes, /) -> bytes:
        """Return a whole body encoded."""

    def stream(self) -> Encoder:
        """Return the encoder of a new stream."""


class Gzip:
    """gzip (RFC 1952), with a header that is padded with up to `max_random_bytes` bytes."""

    name = b"gzip"

    def __init__(self, level: int, max_random_bytes: int = 0) -> None:
        self.level = level
        self.max_random_bytes = max_random_bytes

    def encode(self, body: bytes, /) -> bytes:
        encoded = zlib.compress(body, self.level, _GZIP_FORMAT)
        return self._padded(encoded) if self.max_random_bytes else encoded

    def stream(self) -> Encoder:
        compressor = zlib.compressobj(self.level, zlib.DEFLATED, _GZIP_FORMAT)
        pad = bool(self.max_random_bytes)

        def encode(chunk: bytes, last: bool) -> bytes:
            nonlocal pad
            encoded = compressor.compress(chunk) if chunk else b""
            if last:
                encoded += compressor.flush()
            elif chunk:
                encoded += compressor.flush(zlib.Z_SYNC_FLUSH)
            if pad and encoded:
                pad = False
                return self._padded(encoded)
            return encoded

        return encode

    def _padded(self, encoded: bytes) -> bytes:
        """Return the encoded body with a file name in its header, which clients skip (RFC 1952 §2.3.1)."""
        name = b"a" * (int.from_bytes(os.urandom(4)) % (self.max_random_bytes + 1))
        return encoded[:3] + b"\x08" + encoded[4:10] + name + b"\0" + encoded[10:]


class Brotli:
    """Brotli (RFC 7932). Its mode stays generic: text mode makes a difference only from quality 10 on."""

    name = b"br"

    def __init__(self, quality: int, module: Any) -> None:
        self.quality = quality
        self._compress = module.compress
        self._compressor = module.Compressor

    def encode(self, body: bytes, /) -> bytes:
        encoded: bytes = self._compress(body, quality=self.quality)
        return encoded

    def stream(self) -> Encoder:
        quality = min(self.quality, _BROTLI_STREAM_QUALITY)
        compressor = self._compressor(quality=quality, lgwin=_BROTLI_STREAM_WINDOW)

        def encode(chunk: bytes, last: bool) -> bytes:
            encoded: bytes = compressor.process(chunk) if chunk else b""
            if last:
                encoded += compressor.finish()
            elif chunk:
                encoded += compressor.flush()
            return encoded

        return encode


class Zstd:
    """Zstandard (RFC 8878), its window within the 8 MiB of RFC 9659 §3, which levels above 19 would exceed."""

    name = b"zstd"

    def __init__(self, level: int, module: Any) -> None:
        self.level = level
        self._compress = module.compress
        self._compressor = module.ZstdCompressor
        self._flush, self._end = self._compressor.FLUSH_BLOCK, self._compressor.FLUSH_FRAME
        parameter = module.CompressionParameter
        self._options = {parameter.compression_level: level}
        if level >= 3:  # lower levels have smaller ones already
            self._options[parameter.window_log] = _ZSTD_STREAM_WINDOW
        if level >= 9:
            self._options |= {parameter.hash_log: _ZSTD_STREAM_HASHES, parameter.chain_log: _ZSTD_STREAM_CHAINS}
        self._spare: list[Any] = []

    def encode(self, body: bytes, /) -> bytes:
        if len(body) >= _REUSED:
            encoded: bytes = self._compress(body, self.level)
            return encoded
        try:
            compressor = self._spare.pop()  # atomic, so two threads cannot get the same one
        except IndexError:
            compressor = self._compressor(self.level)
        compressor.set_pledged_input_size(len(body))
        encoded = compressor.compress(body, self._end)
        self._spare.append(compressor)
        return encoded

    def stream(self) -> Encoder:
        compressor = self._compressor(options=self._options)
        flush, end = self._flush, self._end

        def encode(chunk: bytes, last: bool) -> bytes:
            encoded: bytes = compressor.compress(chunk, end if last else flush) if chunk or last else b""
            return encoded

        return encode


def coding_named(name: str, level: int) -> Coding | None:
    """Return `zstd`, `br` or `gzip` at a level, or None if its library is not installed."""
    if name == "gzip":
        return Gzip(level)
    module = zstd_module() if name == "zstd" else brotli_module()
    if module is None:
        return None
    return Zstd(level, module) if name == "zstd" else Brotli(level, module)
