"""Decode compressed request bodies, within limits.

    from asgi_middleware.decompression import DecompressionMiddleware

    app = DecompressionMiddleware(app, max_size=10_000_000, max_ratio=100)

The application receives the body as if it had been sent without a coding (RFC 9110 §8.4): gzip, deflate, and if
installed brotli (pip install asgi-middleware[brotli]) and zstd ([zstd]; part of Python from 3.14 on). Nothing is
decoded before the application asks for it, and never more than about 64 KiB at a time: a decompression bomb is rejected
as soon as it exceeds a limit.
"""

from __future__ import annotations

from ._body import UndecodableBody
from ._middleware import DecompressionMiddleware

__all__ = ["DecompressionMiddleware", "UndecodableBody"]
