"""Compressors for files that are compressed once and sent often: each as small as its coding allows."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib import import_module
from typing import Any

Compressor = Callable[[bytes], bytes]

# A decoder of Content-Encoding need not support a larger window: 8 MiB (RFC 9659 §3).
_ZSTD_WINDOW_LOG = 23
_ZSTD_LEVEL = 19
_BROTLI_QUALITY = 11
_GZIP_LEVEL = 9

INSTALL = {"br": "pip install asgi-requests[brotli]", "zstd": "pip install asgi-requests[zstd]"}


def available() -> dict[str, Compressor]:
    """Return the compressors that can be used here, by coding."""
    makers = {"br": _brotli, "zstd": _zstd, "gzip": _gzip}
    found = {coding: make() for coding, make in makers.items()}
    return {coding: compress for coding, compress in found.items() if compress is not None}


def _brotli() -> Compressor | None:
    module = _first_of("brotli")
    return None if module is None else lambda content: module.compress(content, quality=_BROTLI_QUALITY)


def _zstd() -> Compressor | None:
    module = _first_of("compression.zstd", "backports.zstd")
    if module is None:
        return None
    parameter = module.CompressionParameter
    options = {parameter.compression_level: _ZSTD_LEVEL, parameter.window_log: _ZSTD_WINDOW_LOG}
    return lambda content: module.compress(content, options=options)


def _gzip() -> Compressor:
    # Without a time in its header, the same content gives the same bytes.
    return lambda content: gzip.compress(content, _GZIP_LEVEL, mtime=0)


def _first_of(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None
