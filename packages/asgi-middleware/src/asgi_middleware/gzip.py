"""Compress responses with gzip only, for clients that accept it (RFC 9110 §8.4, §12.5.3; RFC 1952).

    from asgi_middleware.gzip import GZipMiddleware

    app = GZipMiddleware(app, minimum_size=1000, compresslevel=6)

It is `CompressionMiddleware` with one coding and Starlette's options; the same responses are compressed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._compression.content_types import STARLETTE_EXCLUDED_CONTENT_TYPES
from ._compression.encoders import Gzip
from ._compression.middleware import Compressor, within
from .types import ASGIApp

__all__ = ["DEFAULT_EXCLUDED_CONTENT_TYPES", "GZipMiddleware"]

DEFAULT_EXCLUDED_CONTENT_TYPES = STARLETTE_EXCLUDED_CONTENT_TYPES


class GZipMiddleware(Compressor):
    """Middleware that gzips responses of at least `minimum_size` bytes, at a `compresslevel` from 0 to 9.

    Chunks of `thread_minimum_size` bytes and more are compressed in a worker thread. `exclude_content_types` are media
    types, which stand for their structured suffixes too (`application/grpc+proto`), or `audio/*` for all of a kind.
    `max_random_bytes` pads each response with a file name of random length, so that its size reveals less about secrets
    in it (BREACH). A number out of range is corrected with a ConfigurationWarning.
    """

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int = 500,
        compresslevel: int = 9,
        thread_minimum_size: int = 128 * 1024,
        *,
        exclude_content_types: Sequence[str] = DEFAULT_EXCLUDED_CONTENT_TYPES,
        max_random_bytes: int = 0,
    ) -> None:
        self.compresslevel = within("compresslevel", compresslevel, -1, 9)
        self.max_random_bytes = within("max_random_bytes", max_random_bytes, 0)
        gzip = Gzip(self.compresslevel, self.max_random_bytes)
        super().__init__(app, [gzip], minimum_size, thread_minimum_size, exclude_content_types)
