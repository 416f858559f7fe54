"""Middleware that gzips responses: which of them, and how."""

from __future__ import annotations

from collections.abc import Sequence

from .._configuration import application, entries, warn_corrected, warn_ignored
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._response import GZipResponse

DEFAULT_EXCLUDED_CONTENT_TYPES = (
    "application/grpc",
    "application/gzip",
    "application/x-gzip",
    "application/zip",
    "audio/*",
    "font/woff",
    "font/woff2",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/event-stream",
    "video/*",
)

_BODILESS = frozenset({*range(100, 200), 204, 205, 206})
_DIGESTS = frozenset({b"content-md5", b"content-digest", b"repr-digest", b"digest"})
_EXAMINED = frozenset({b"content-encoding", b"content-type", b"content-range", b"cache-control", b"trailer"}) | _DIGESTS


class GZipMiddleware:
    """Middleware that gzips responses of at least `minimum_size` bytes, at a `compresslevel` from 0 to 9.

    Chunks of `thread_minimum_size` bytes and more are compressed in a worker thread. `exclude_content_types` are media
    types, which stand for their structured suffixes too (`application/grpc+proto`), or `audio/*` for all of a kind.
    `max_random_bytes` pads each response with a file name of random length, so that its size tells less of a secret in
    it (BREACH). A number out of range is corrected with a ConfigurationWarning.
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
        self.app = application(app, self)
        self.minimum_size = _within("minimum_size", minimum_size, 0)
        self.compresslevel = _within("compresslevel", compresslevel, -1, 9)
        self.thread_minimum_size = _within("thread_minimum_size", thread_minimum_size, 0)
        self.max_random_bytes = _within("max_random_bytes", max_random_bytes, 0)
        types = _media_types("exclude_content_types", exclude_content_types)
        self.excluded_types = frozenset(name for name in types if not name.endswith(b"/*"))
        self.excluded_kinds = tuple(name[:-1] for name in types if name.endswith(b"/*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_headers(scope)  # read once the response begins, perhaps after the application
        response = GZipResponse(self, scope, send)
        try:
            await self.app(scope, receive, response.send)
        except Exception:
            await response.release_quietly()
            raise
        return await response.release()

    def may_encode(self, status: int, headers: Sequence[Sequence[bytes]]) -> bool:
        """Return whether a response with this head could be gzipped for some client, whatever its size."""
        if status in _BODILESS:
            return False
        for name, value in headers:
            if (lower := name.lower()) in _EXAMINED and not self._allows(lower, value.strip().lower()):
                return False
        return True

    def is_small(self, size: int) -> bool:
        """Return whether a body of `size` bytes is sent as it is to every client."""
        return size < self.minimum_size or size == 0

    def _allows(self, name: bytes, value: bytes) -> bool:
        if name == b"content-type":
            media_type = value.partition(b";")[0].rstrip()
            if media_type in self.excluded_types or media_type.startswith(self.excluded_kinds):
                return False
            return media_type.partition(b"+")[0] not in self.excluded_types
        if name == b"cache-control":
            return b"no-transform" not in value
        # A digest, a range and the offsets in it are of the bytes as the application has them (RFC 9530 §2, §3).
        # Content-Encoding in any form is how applications opt out, as with Django and Starlette.
        return name == b"trailer" and b"digest" not in value


def _within(parameter: str, value: int, lowest: int, highest: int | None = None) -> int:
    """Return a number, or the nearest one that is in range, with a warning."""
    if not isinstance(value, (int, float)):
        raise TypeError(f"{parameter} must be a number, not {value!r}")
    nearest = max(value, lowest) if highest is None else min(max(value, lowest), highest)
    if nearest != value:
        warn_corrected(parameter, value, nearest)
    return nearest


def _media_types(parameter: str, values: Sequence[str]) -> list[bytes]:
    """Return media types in lower case and without parameters, with a warning for what is not one."""
    types = []
    for entry in entries(parameter, values):
        media_type = entry.partition(";")[0].strip().lower()
        if "/" in media_type and media_type.isascii():
            types.append(media_type.encode())
        else:
            warn_ignored(parameter, entry, "write a media type as image/png, or image/* for all of a kind")
    return types
