"""A response on its way: its start is held until the first piece of body shows how to encode it."""

from __future__ import annotations

import os
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from .._accept import accepts_gzip
from .._headers import all_values, first_value, merge_vary, without
from .._marked import marked_async
from .._threads import in_thread
from .._watch import ResponseWatcher
from ..types import Message, Scope, Send

_GZIP_FORMAT = 31
"""zlib's `wbits` for a gzip wrapper around a full window; its mtime is 0, so equal bodies have equal encodings."""


class Settings(Protocol):
    """The part of the middleware that a response asks."""

    compresslevel: int
    thread_minimum_size: int
    max_random_bytes: int

    def may_encode(self, status: int, headers: Sequence[Sequence[bytes]]) -> bool:
        """Return whether a response with this head could be gzipped for some client."""

    def is_small(self, size: int) -> bool:
        """Return whether a body of `size` bytes is sent as it is to every client."""


class GZipResponse(ResponseWatcher):
    """A wrapped `send` that encodes the body of one response, or passes it as it is."""

    __slots__ = ("accepted", "compressor", "held", "padded", "passing", "scope", "settings")

    def __init__(self, settings: Settings, scope: Scope, send: Send) -> None:
        self._send = send
        self.started = False
        self.settings = settings
        self.scope = scope
        self.accepted = self.passing = False
        self.padded = not settings.max_random_bytes
        self.held: Message | None = None
        self.compressor: Any = None

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`, encoded or as it is."""
        send = self._send if self.passing else self._encode
        return send(message)

    async def _encode(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            return await self._start(message)
        if message["type"] == "http.response.body":
            return await self._body(message)
        # Keep the order, and leave a body that is sent by another kind of message (pathsend) as it is.
        await self.release()
        return await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = message.get("headers", ())
        if not isinstance(headers, (list, tuple)):
            message = {**message, "headers": (headers := list(headers))}
        length = _content_length(headers)
        if not self.settings.may_encode(message["status"], headers) or (
            length is not None and self.settings.is_small(length) and message["status"] != 304
        ):
            return await self._pass(message)
        self.accepted = accepts_gzip(self.scope.get("headers", ()))
        if message["status"] == 304:
            return await self._pass(self._not_modified(message))
        if self.scope.get("method") == "HEAD":
            return await self._pass(_encoded(message) if self.accepted else _varying(message))
        if length is not None and not self.accepted:
            return await self._pass(_varying(message))
        self.held = message
        return None

    async def _pass(self, message: Message) -> None:
        """Send a start, and have the rest pass as it is."""
        self.held, self.passing = None, True
        await self._send(message)

    def _not_modified(self, start: Message) -> Message:
        """Return a 304 with the validator of the response that it stands for (RFC 9110 §15.4.5).

        Nothing in a 304 tells whether the 200 was gzipped, but the request does: it holds the validator of then. A
        weak one in place of a strong one would cost a client its ranges (RFC 9110 §13.1.5).
        """
        headers = start.get("headers", ())
        etag = first_value(headers, b"etag") or b""
        held = b",".join(all_values(self.scope.get("headers", ()), b"if-none-match"))
        weaken = self.accepted and (not held or b"W/" + etag in held)
        return _varying({**start, "headers": _with_weak_validator(headers)} if weaken else start)

    async def release(self) -> None:
        """Send the start as it is, if it is still held; the rest then passes as it is."""
        if self.held is not None:
            await self._pass(self.held)

    async def release_quietly(self) -> None:
        """Do the same while an exception of the application is raised, which no other may replace."""
        try:
            await self.release()
        except Exception:  # noqa: S110
            pass

    async def _body(self, message: Message) -> None:
        if self.held is not None:
            return await self._first_body(self.held, message)
        if self.compressor is None:
            return await self._send(message)
        return await self._send({**message, "body": await self._compressed(self._flush, message)})

    async def _first_body(self, start: Message, message: Message) -> None:
        body = message.get("body", b"")
        whole = not message.get("more_body", False) or _content_length(start.get("headers", ())) == len(body)
        if whole and self.settings.is_small(len(body)):
            await self.release()
            return await self._send(message)
        if not self.accepted:
            await self._pass(_varying(start))
            return await self._send(message)
        if not whole:
            self.held = None
            await self._send(_encoded(start))
            self.compressor = zlib.compressobj(self.settings.compresslevel, zlib.DEFLATED, _GZIP_FORMAT)
            return await self._body(message)
        encoded = await self._compressed(self._compress, message)
        await self._pass(_encoded(start, len(encoded)))
        return await self._send({**message, "body": encoded})

    async def _compressed(self, work: Callable[[Message], bytes], message: Message) -> bytes:
        large = len(message.get("body", b"")) >= self.settings.thread_minimum_size
        return await in_thread(work, message) if large else work(message)

    def _compress(self, message: Message) -> bytes:
        return self._padded(zlib.compress(message.get("body", b""), self.settings.compresslevel, _GZIP_FORMAT))

    def _flush(self, message: Message) -> bytes:
        """Return the chunk, encoded so that a client can read all of it at once."""
        body = message.get("body", b"")
        encoded: bytes = self.compressor.compress(body) if body else b""
        if not message.get("more_body", False):
            encoded += self.compressor.flush()
        elif body:
            encoded += self.compressor.flush(zlib.Z_SYNC_FLUSH)
        return self._padded(encoded)

    def _padded(self, encoded: bytes) -> bytes:
        """Return the encoding, its beginning with a file name in the header, which clients skip (RFC 1952 §2.3.1)."""
        if self.padded or not encoded:
            return encoded
        self.padded = True
        name = b"a" * (int.from_bytes(os.urandom(4)) % (self.settings.max_random_bytes + 1))
        return encoded[:3] + b"\x08" + encoded[4:10] + name + b"\0" + encoded[10:]


def _content_length(headers: Sequence[Sequence[bytes]]) -> int | None:
    value = first_value(headers, b"content-length")
    return int(value) if value and value.isdigit() and len(value) < 20 else None


def _varying(start: Message) -> Message:
    return {**start, "headers": merge_vary(start.get("headers", ()), b"Accept-Encoding")}


def _encoded(start: Message, length: int | None = None) -> Message:
    """Return the start of the encoded response: other bytes have another length, other ranges, a weak validator."""
    headers = without(start.get("headers", ()), b"content-length", b"accept-ranges")
    headers = merge_vary(_with_weak_validator(headers), b"Accept-Encoding")
    headers.append((b"content-encoding", b"gzip"))
    if length is not None and not start.get("trailers", False):  # trailers come in chunks (RFC 9112 §7.1.2)
        headers.append((b"content-length", b"%d" % length))
    return {**start, "headers": headers}


def _with_weak_validator(headers: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Return the headers with a weak ETag: two encodings of one page are not equal byte for byte (RFC 9110 §8.8.1)."""
    return [
        (name, b"W/" + value) if name.lower() == b"etag" and value.startswith(b'"') else (name, value)
        for name, value in headers
    ]
