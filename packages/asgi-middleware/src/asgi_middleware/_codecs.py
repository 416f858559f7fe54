"""The optional libraries of content codings: brotli, and zstd for Python before 3.14."""

from __future__ import annotations

from importlib import import_module
from typing import Any

EXTRAS = {"br": "asgi-middleware[brotli]", "zstd": "asgi-middleware[zstd]"}
"""The codings that may be missing, and the extras that install them."""

WINDOW_LOG = 23
"""The largest window of zstd on the web, as a power of two: 8 MiB (RFC 9659 §3)."""


def brotli_module() -> Any:
    """Return brotli, or None if it is not installed."""
    return _installed("brotli")


def zstd_module() -> Any:
    """Return the zstd of the standard library (Python 3.14) or its backport, or None."""
    return _installed("compression.zstd") or _installed("backports.zstd")


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None
