"""Compress responses for clients that accept gzip (RFC 9110 §8.4, §12.5.3; RFC 1952).

    app = GZipMiddleware(app, minimum_size=1000, compresslevel=6)

A whole body is sent with its new Content-Length, or as it was where gzip would make it longer; a stream is flushed
chunk by chunk, so that nothing waits for more. What is already encoded, partial, digested, marked `no-transform` or of
an excluded type passes untouched.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Awaitable, Sequence
from typing import Any

from ._accept import accepts_gzip
from ._headers import all_values, merge_vary, without
from ._marked import marked_async
from ._scope import call_with_lasting_headers, has_lasting_headers
from ._threads import in_thread
from ._watch import ResponseWatcher
from .types import ASGIApp, Message, Receive, Scope, Send

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
_GZIP_FORMAT = 31
"""zlib's `wbits` for a gzip wrapper around a full window; its mtime is 0, so equal bodies have equal encodings."""


class GZipMiddleware:
    """Gzips responses of at least `minimum_size` bytes, at a `compresslevel` from 0 to 9.

    Chunks of `thread_minimum_size` bytes and more are compressed in a worker thread. `exclude_content_types` are media
    types, or `audio/*` for all of a kind. `max_random_bytes` pads each response with a file name of random length, so
    that its size tells less of a secret in it (BREACH). Raises ValueError for a level or size out of range.
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
        if not -1 <= compresslevel <= 9:
            raise ValueError(f"compresslevel is from 0 to 9, not {compresslevel!r}")
        if min(minimum_size, thread_minimum_size, max_random_bytes) < 0:
            raise ValueError("minimum_size, thread_minimum_size and max_random_bytes are numbers of bytes from 0")
        types = [content_type.strip().lower().encode("latin-1") for content_type in exclude_content_types]
        self.app = app
        self.minimum_size = minimum_size
        self.compresslevel = compresslevel
        self.thread_minimum_size = thread_minimum_size
        self.max_random_bytes = max_random_bytes
        self.excluded_types = frozenset(name for name in types if not name.endswith(b"/*"))
        self.excluded_kinds = tuple(name[:-1] for name in types if name.endswith(b"/*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope.get("headers").__class__ is not list and not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        response = _Response(self, scope, send)
        try:
            await self.app(scope, receive, response.send)
        except Exception:
            await response.release_quietly()
            raise
        if response.held is not None:
            await response.release()
        return None

    def may_encode(self, status: int, headers: Sequence[Sequence[bytes]]) -> bool:
        """Whether a response with this head could be gzipped for some client, whatever its size."""
        if status in _BODILESS:
            return False
        for name, value in headers:
            if (lower := name.lower()) in _EXAMINED and not self._allows(lower, value.strip().lower()):
                return False
        return True

    def _allows(self, name: bytes, value: bytes) -> bool:
        if name == b"content-type":
            media_type = value.partition(b";")[0].rstrip()
            return media_type not in self.excluded_types and not media_type.startswith(self.excluded_kinds)
        if name == b"content-encoding":
            return value in (b"identity", b"")
        if name == b"cache-control":
            return b"no-transform" not in value
        # A digest, a range and the offsets in it are of the bytes as the application has them (RFC 9530 §2, §3).
        return name == b"trailer" and b"digest" not in value


class _Response(ResponseWatcher):
    """One response on its way: passed on, or its start held until the first piece of body tells how to encode it."""

    __slots__ = ("compressor", "config", "held", "padded", "passing", "scope")

    def __init__(self, config: GZipMiddleware, scope: Scope, send: Send) -> None:
        self._send = send
        self.started = False
        self.config = config
        self.scope = scope
        self.passing = False
        self.padded = not config.max_random_bytes
        self.held: Message | None = None
        self.compressor: Any = None

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        send = self._send if self.passing else self._relay
        return send(message)

    async def _relay(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            return await self._start(message)
        if message["type"] == "http.response.body":
            return await self._body(message)
        # Keep the order, and leave a body that a message of another kind stands for as it is.
        await self.release()
        return await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = message.get("headers", ())
        if not isinstance(headers, (list, tuple)):
            message = {**message, "headers": (headers := list(headers))}
        if not self.config.may_encode(message["status"], headers):
            self.passing = True
            return await self._send(message)
        message = {**message, "headers": merge_vary(headers, b"Accept-Encoding")}
        length = _content_length(headers)
        small = length is not None and length < self.config.minimum_size
        if small or self.scope["method"] == "HEAD" or message["status"] == 304 or not self._accepted():
            self.passing = True
            return await self._send(message)
        self.held = message
        return None

    def _accepted(self) -> bool:
        return accepts_gzip(self.scope.get("headers", ()))

    async def release(self) -> None:
        """Send the start as it is, if it still waits; what follows it then passes as it is."""
        if self.held is not None:
            start, self.held, self.passing = self.held, None, True
            await self._send(start)

    async def release_quietly(self) -> None:
        """The same while an exception of the application is on its way out, which nothing may replace."""
        try:
            await self.release()
        except Exception:  # noqa: S110
            pass

    async def _body(self, message: Message) -> None:
        if self.held is not None:
            return await self._first_body(self.held, message)
        if self.compressor is None:
            return await self._send(message)
        encoded = await self._encode(self._flush, message)
        return await self._send({**message, "body": encoded})

    async def _first_body(self, start: Message, message: Message) -> None:
        body = message.get("body", b"")
        more = message.get("more_body", False)
        length = _content_length(start["headers"])
        whole = not more or (length is not None and length == len(body))
        if whole and len(body) < self.config.minimum_size:
            await self.release()
            return await self._send(message)
        self.held = None
        if whole:
            encoded = await self._encode(self._whole, message)
            self.passing = True
            if len(encoded) >= len(body):
                await self._send(start)
                return await self._send(message)
            await self._send(_encoded_start(start, len(encoded)))
            return await self._send({**message, "body": encoded})
        await self._send(_encoded_start(start, None))
        self.compressor = zlib.compressobj(self.config.compresslevel, zlib.DEFLATED, _GZIP_FORMAT)
        return await self._body(message)

    async def _encode(self, work: Any, message: Message) -> bytes:
        body = message.get("body", b"")
        if len(body) >= self.config.thread_minimum_size:
            encoded: bytes = await in_thread(work, message)
            return encoded
        done: bytes = work(message)
        return done

    def _whole(self, message: Message) -> bytes:
        return self._padded(zlib.compress(message.get("body", b""), self.config.compresslevel, _GZIP_FORMAT))

    def _flush(self, message: Message) -> bytes:
        """The chunk, encoded so that a client can read all of it at once."""
        body = message.get("body", b"")
        encoded: bytes = self.compressor.compress(body) if body else b""
        if not message.get("more_body", False):
            encoded += self.compressor.flush()
        elif body:
            encoded += self.compressor.flush(zlib.Z_SYNC_FLUSH)
        return self._padded(encoded)

    def _padded(self, encoded: bytes) -> bytes:
        """The encoding; at its beginning with a file name in the header, which clients skip (RFC 1952 §2.3.1)."""
        if self.padded or not encoded:
            return encoded
        self.padded = True
        name = b"a" * (int.from_bytes(os.urandom(4)) % (self.config.max_random_bytes + 1))
        return encoded[:3] + b"\x08" + encoded[4:10] + name + b"\0" + encoded[10:]


def _content_length(headers: Sequence[Sequence[bytes]]) -> int | None:
    values = all_values(headers, b"content-length")
    return int(values[0]) if values and values[0].isdigit() and len(values[0]) < 20 else None


def _encoded_start(start: Message, length: int | None) -> Message:
    """The start of the encoded response: other bytes, so other length, no ranges, and a weak validator (§8.8.1)."""
    headers = [
        (name, b"W/" + value) if name.lower() == b"etag" and value.startswith(b'"') else (name, value)
        for name, value in without(start["headers"], b"content-length", b"content-encoding", b"accept-ranges")
    ]
    headers.append((b"content-encoding", b"gzip"))
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    return {**start, "headers": headers}
