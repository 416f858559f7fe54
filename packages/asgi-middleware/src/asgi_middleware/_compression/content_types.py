"""Media types whose bodies are not compressed: they are compressed already, or stream message by message."""

from __future__ import annotations

from collections.abc import Sequence

from .._configuration import entries, warn_ignored

# WOFF and WOFF2 are compressed fonts; TTF and OTF are not. SVG is XML, so image/svg+xml is compressed.
STARLETTE_EXCLUDED_CONTENT_TYPES = (
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
DEFAULT_EXCLUDED_CONTENT_TYPES = (
    *STARLETTE_EXCLUDED_CONTENT_TYPES,
    "application/epub",
    "application/java-archive",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-xz",
    "application/zstd",
    "image/heic",
    "image/jxl",
)


class ContentTypes:
    """A set of media types, and of kinds such as `audio/*`.

    A type includes its structured suffixes (`application/grpc+proto`): gRPC compresses its own messages, and its
    clients do not understand a Content-Encoding of HTTP.
    """

    __slots__ = ("_kinds", "_types")

    def __init__(self, parameter: str, values: Sequence[str]) -> None:
        types = _media_types(parameter, values)
        self._types = frozenset(name for name in types if not name.endswith(b"/*"))
        self._kinds = tuple(name[:-1] for name in types if name.endswith(b"/*"))

    def __contains__(self, content_type: bytes) -> bool:
        # Media types are case-insensitive, and may be followed by parameters (RFC 9110 §8.3.1).
        media_type = content_type.partition(b";")[0].strip().lower()
        if media_type in self._types or media_type.startswith(self._kinds):
            return True
        return media_type.partition(b"+")[0] in self._types


def _media_types(parameter: str, values: Sequence[str]) -> list[bytes]:
    """Return media types in lower case and without parameters, with a warning for an invalid one."""
    types = []
    for entry in entries(parameter, values):
        media_type = entry.partition(";")[0].strip().lower()
        if "/" in media_type and media_type.isascii():
            types.append(media_type.encode())
        else:
            warn_ignored(parameter, entry, "write a media type such as image/png, or image/* for all images")
    return types
