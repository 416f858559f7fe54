"""Decode compressed request bodies, within limits.

    from asgi_middleware.decompression import DecompressionMiddleware

    app = DecompressionMiddleware(app, max_size=10_000_000, max_ratio=100)

The application receives the body as if it had been sent plainly (RFC 9110 §8.4): gzip and deflate, and what is
installed of brotli (pip install asgi-middleware[brotli]) and zstd ([zstd]; part of Python from 3.14 on). Nothing is
decoded before the application asks for it, and never more than a piece of about 64 KiB at a time: a small body that
would become a huge one is refused where it passes a limit.
"""

from __future__ import annotations

from ._body import UndecodableBody
from ._middleware import DecompressionMiddleware

__all__ = ["DecompressionMiddleware", "UndecodableBody"]
