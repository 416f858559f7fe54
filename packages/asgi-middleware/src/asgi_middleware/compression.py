"""Compress responses with zstd, brotli or gzip, as the client accepts (RFC 9110 §8.4, §12.5.3).

    from asgi_middleware.compression import CompressionMiddleware

    app = CompressionMiddleware(app, minimum_size=1000)
    app = CompressionMiddleware(app, codings=["br", "gzip"], brotli_quality=5)

zstd is part of Python 3.14; older versions need `pip install asgi-middleware[zstd]`. brotli needs
`asgi-middleware[brotli]`. The coding with the highest q-value is used; among equals the server's order decides.

A whole body is sent with its new Content-Length; a stream is flushed after each chunk, so that clients need not wait
for more. The encoder of a stream uses about 3 MiB at most, 10 at higher levels: streams have smaller windows and tables
than whole bodies, and brotli no quality above 6. A response with a Content-Encoding, even `identity` or an empty one,
passes untouched, as do responses that are partial, digested, marked `no-transform`, small, or of an excluded type
(events, images, archives). A 304 and the response to HEAD have the validator that the 200 would have (RFC 9110 §9.3.2,
§15.4.5).

If a page contains a secret and repeats text from the request, an attacker who can make such requests and see sizes can
guess the secret (BREACH). Send such a page with `Cache-Control: no-transform` or `Content-Encoding: identity`, or pad
it: `GZipMiddleware(max_random_bytes=100)`. Neither zstd nor brotli has a place for padding.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._codecs import EXTRAS
from ._compression.content_types import DEFAULT_EXCLUDED_CONTENT_TYPES
from ._compression.encoders import Coding, coding_named
from ._compression.middleware import Compressor, within
from ._configuration import entries
from .types import ASGIApp

__all__ = ["DEFAULT_EXCLUDED_CONTENT_TYPES", "CompressionMiddleware"]


class CompressionMiddleware(Compressor):
    """Middleware that compresses responses of at least `minimum_size` bytes with zstd, brotli or gzip.

    `codings` are in the server's order, by default `zstd`, `br`, `gzip` as far as they are installed: it decides among
    codings of equal q-value. `zstd_level` is from -7 to 19, `brotli_quality` from 0 to 11, `gzip_level` from
    0 to 9. Chunks of `thread_minimum_size` bytes and more are compressed in a worker thread. `exclude_content_types`
    are media types, which stand for their structured suffixes too (`application/grpc+proto`), or `audio/*` for all of
    a kind. A number out of range is corrected with a ConfigurationWarning; an unknown coding raises ValueError, one
    that is not installed ImportError.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        codings: Sequence[str] | None = None,
        minimum_size: int = 500,
        zstd_level: int = 3,
        brotli_quality: int = 4,
        gzip_level: int = 6,
        thread_minimum_size: int = 128 * 1024,
        exclude_content_types: Sequence[str] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        levels = {  # in the server's order: zstd saves the most bytes for the CPU time it takes
            "zstd": within("zstd_level", zstd_level, -7, 19),
            "br": within("brotli_quality", brotli_quality, 0, 11),
            "gzip": within("gzip_level", gzip_level, 0, 9),
        }
        chosen = _installed(levels) if codings is None else _named(codings, levels)
        super().__init__(app, chosen, minimum_size, thread_minimum_size, exclude_content_types)


def _installed(levels: dict[str, int]) -> list[Coding]:
    return [coding for name, level in levels.items() if (coding := coding_named(name, level)) is not None]


def _named(names: Sequence[str], levels: dict[str, int]) -> list[Coding]:
    """Return the codings of these names. Raises ValueError for an unknown one, ImportError for a missing one."""
    chosen = []  # in the order given, which is the server's preference
    for name in entries("codings", names):
        if name not in levels:
            raise ValueError(f"codings: unknown coding {name!r}, choose from {', '.join(levels)}")
        coding = coding_named(name, levels[name])
        if coding is None:
            raise ImportError(f"codings: {name!r} is not installed: pip install {EXTRAS[name]}")
        chosen.append(coding)
    if not chosen:
        raise ValueError(f"codings is empty: write one of {', '.join(levels)}, or None for all that are installed")
    return chosen
