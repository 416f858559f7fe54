"""Decoders of content codings whose output is bounded at every call.

Rule: input comes in slices of a few KiB. The libraries copy the input that they have not consumed at every call, so a
large message in one slice would cost the square of its size.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Protocol

from .._codecs import WINDOW_LOG, brotli_module, zstd_module


class Decoder(Protocol):
    """A decoder of one body."""

    def is_hungry(self) -> bool:
        """Return whether the decoder needs input before it can return more."""

    def decode(self, data: bytes, limit: int, /) -> bytes:
        """Return at most about `limit` decoded bytes. Raises an exception of the library for damaged input."""

    def is_complete(self) -> bool:
        """Return whether the input ended at the end of its format."""


class ZlibDecoder:
    """gzip, of one member or several (RFC 1952 §2.2), or deflate: zlib's format, or the raw one that some send."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._rest = b""
        self._has_more = False
        self._decompressor: Any = None

    def is_hungry(self) -> bool:
        return not self._rest and not self._has_more

    def decode(self, data: bytes, limit: int, /) -> bytes:
        data = self._rest + data
        if self._decompressor is None or self._decompressor.eof:
            self._decompressor = self._begin(data)
        piece: bytes = self._decompressor.decompress(data, limit)
        self._rest = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        self._has_more = len(piece) == limit and not self._decompressor.eof
        return piece

    def _begin(self, data: bytes) -> Any:
        if self._is_gzip:
            return zlib.decompressobj(31)
        if self._decompressor is not None:
            raise zlib.error("data after the end")
        # "deflate" means zlib's format (RFC 9110 §8.4.1.2), but Internet Explorer and others have sent raw DEFLATE.
        # The first byte of zlib's format has the method, 8, in its lower half (RFC 1950 §2.2).
        return zlib.decompressobj(15 if data[0] & 0x0F == 8 else -15)

    def is_complete(self) -> bool:
        return self._decompressor is not None and self._decompressor.eof and not self._rest


class BrotliDecoder:
    """Brotli (RFC 7932); the library itself rejects data after the end."""

    def __init__(self, module: Any) -> None:
        self._decompressor = module.Decompressor()

    def is_hungry(self) -> bool:
        return self._decompressor.is_finished() or bool(self._decompressor.can_accept_more_data())

    def decode(self, data: bytes, limit: int, /) -> bytes:
        piece: bytes = self._decompressor.process(data, output_buffer_limit=limit)
        return piece

    def is_complete(self) -> bool:
        return bool(self._decompressor.is_finished())


class ZstdDecoder:
    """Zstandard (RFC 8878), of one frame or several, each with a window of at most 8 MiB (RFC 9659 §3)."""

    def __init__(self, module: Any) -> None:
        self._make = module.ZstdDecompressor
        self._options = {module.DecompressionParameter.window_log_max: WINDOW_LOG}
        self._decompressor = self._make(options=self._options)
        self._rest = b""
        self._has_begun = False

    def is_hungry(self) -> bool:
        return not self._rest and (self._decompressor.eof or self._decompressor.needs_input)

    def decode(self, data: bytes, limit: int, /) -> bytes:
        if self._decompressor.eof:
            data, self._rest = self._rest + data, b""
            self._decompressor = self._make(options=self._options)
        self._has_begun = True
        piece: bytes = self._decompressor.decompress(data, limit)
        if self._decompressor.eof:
            self._rest = self._decompressor.unused_data
        return piece

    def is_complete(self) -> bool:
        return self._has_begun and self._decompressor.eof and not self._rest


def available_decoders() -> dict[str, Callable[[], Decoder]]:
    """Return the codings whose libraries are installed, each with a function that makes a decoder."""
    found: dict[str, Callable[[], Decoder]] = {
        "gzip": lambda: ZlibDecoder(is_gzip=True),
        "deflate": lambda: ZlibDecoder(is_gzip=False),
    }
    brotli = brotli_module()
    # Before 1.2 brotli cannot limit its output, so a bomb would be decoded whole.
    if brotli is not None and hasattr(brotli.Decompressor, "can_accept_more_data"):
        found["br"] = lambda: BrotliDecoder(brotli)
    zstd = zstd_module()
    if zstd is not None:
        found["zstd"] = lambda: ZstdDecoder(zstd)
    return found
