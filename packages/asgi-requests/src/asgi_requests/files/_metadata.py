"""Headers that are made of a file's name and status: its media type and its validators."""

from __future__ import annotations

import mimetypes
import os
import re

from .._fields import RawHeaders
from .conditional import http_date

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"').fullmatch
_COMPRESSED = {
    "gzip": "application/gzip",
    "compress": "application/x-compress",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/x-brotli",
}
_SECOND = 10**9


def media_type_of(name: str, *, encoded: bool = False) -> str:
    """Return the media type that a file name suggests, application/octet-stream where it suggests none.

    A compressed file has the type of its compression, and the type of its content only where the response names the
    compression in Content-Encoding (`encoded`): `a.csv.gz` as text/csv alone would be read as text.
    """
    content_type, encoding = mimetypes.guess_type(name)
    if encoding is not None and not encoded:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    return content_type or "application/octet-stream"


def validators(status: os.stat_result, etag: str | None = None) -> RawHeaders:
    """Return Last-Modified and ETag of a file, or the given tag alone.

    The tag is made of time and size. Build systems set the time of every file to the beginning of 1970, or a second
    later: then it tells no versions apart, and the time of the last change of the inode is used instead.
    """
    if etag is not None:
        return [(b"etag", entity_tag(etag))]
    if status.st_mtime_ns <= _SECOND:
        return [(b"etag", b'"%x-%x"' % (status.st_ctime_ns, status.st_size))]
    modified = http_date(status.st_mtime_ns // _SECOND).encode("ascii")
    return [(b"last-modified", modified), (b"etag", b'"%x-%x"' % (status.st_mtime_ns, status.st_size))]


def entity_tag(etag: str) -> bytes:
    """Return the bytes of an entity tag; raises ValueError unless it is one, quotes included (RFC 9110 §8.8.3)."""
    if _ENTITY_TAG(etag) is None:
        raise ValueError(f"Invalid entity tag {etag!r}: write '\"v1\"', with the quotes")
    return etag.encode("latin-1")
