"""Compress responses for clients that accept gzip (RFC 9110 §8.4, §12.5.3; RFC 1952).

    app = GZipMiddleware(app, minimum_size=1000, compresslevel=6)

A whole body is sent with its new Content-Length; a stream is flushed chunk by chunk, so that nothing waits for more.
A response that names a Content-Encoding, even `identity` or none, passes untouched, and so does what is partial,
digested, marked `no-transform` or of an excluded type.

A 304 and the answer to HEAD have the validator that the 200 would have (RFC 9110 §9.3.2, §15.4.5).
"""

from __future__ import annotations

from ._middleware import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

__all__ = ["DEFAULT_EXCLUDED_CONTENT_TYPES", "GZipMiddleware"]
