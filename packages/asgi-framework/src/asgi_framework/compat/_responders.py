"""Starlette's responders: each encodes one response, in a coding that a subclass implements.

    from asgi_framework.compat import install_as_starlette

    install_as_starlette()

    from starlette.middleware.gzip import IdentityResponder

    class ZstdResponder(IdentityResponder):
        content_encoding = "zstd"

        async def apply_compression(self, body, *, more_body):
            ...

`GZipMiddleware` does not use them: it is asgi-middleware's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NoReturn

import asgi_middleware.gzip
from asgi_middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES
from asgi_requests.concurrency import run_in_threadpool
from asgi_requests.headers import MutableHeaders

from ..types import ASGIApp, Message, Receive, Scope, Send

_GZIP_FORMAT = 31  # zlib's wbits for a gzip wrapper around a window of 32 KiB


async def unattached_send(message: Message) -> NoReturn:
    """The `send` of a responder that has not been called; raises RuntimeError."""
    raise RuntimeError("send awaitable not set")


class IdentityResponder:
    """A responder that only adds `Vary: Accept-Encoding`; subclasses encode the body."""

    content_encoding: str = "identity"

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int,
        *,
        exclude_content_types: Sequence[str] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        self.app = app
        self.minimum_size = minimum_size
        self.send: Send = unattached_send
        self.initial_message: Message = {}
        self.started = False
        self._passing = False
        self._rules = asgi_middleware.gzip.GZipMiddleware(
            app, minimum_size, exclude_content_types=exclude_content_types
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.send = send
        await self.app(scope, receive, self.send_with_compression)
        # A start without a body is passed as it came: whatever stands outside reports the incomplete response.
        if self.initial_message and not self.started:
            await send(self.initial_message)

    async def send_with_compression(self, message: Message) -> None:
        """Hold the start until the first chunk of the body shows whether to encode it; other messages pass."""
        kind = message["type"]
        if kind == "http.response.start":
            self.initial_message = message
            self._passing = not self._rules.may_encode(message["status"], message.get("headers", ()))
        elif kind != "http.response.body":
            if self.initial_message and not self.started:
                self._passing = True
                await self._begin(self.initial_message)
            await self.send(message)
        elif self.started:
            await self.send(message if self._passing else await self._encoded(message))
        else:
            await self._first_body(message)

    async def _first_body(self, message: Message) -> None:
        whole = not message.get("more_body", False)
        # Of a body in several chunks the size is not known: it is encoded, however small the first may be.
        if whole and len(message.get("body", b"")) < self.minimum_size:
            self._passing = True
        elif not self._passing:
            encoded = await self._encoded(message)
            self._passing = encoded is message
            message = encoded
        # A copy of both, since the application may send the same start again.
        start = {**self.initial_message, "headers": [*self.initial_message.get("headers", ())]}
        headers = MutableHeaders.from_raw(start["headers"])
        # Also where this response is not encoded: a cache must not give it to a client that another one suits.
        if self._rules.may_encode(start["status"], start["headers"]):
            headers.add_vary_header("Accept-Encoding")
        if not self._passing:
            headers["Content-Encoding"] = self.content_encoding
            if whole:
                headers["Content-Length"] = str(len(message["body"]))
            # It counted the bytes before they were encoded.
            elif "Content-Length" in headers:
                del headers["Content-Length"]
        await self._begin(start)
        await self.send(message)

    async def _begin(self, start: Message) -> None:
        self.started = True
        await self.send(start)

    async def _encoded(self, message: Message) -> Message:
        body = message.get("body", b"")
        encoded = await self.apply_compression(body, more_body=message.get("more_body", False))
        return message if encoded is body else {**message, "body": encoded}

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """Return the encoded chunk, or the same object to send the response unencoded."""
        return body


class GZipResponder(IdentityResponder):
    """A responder that gzips, whatever the client accepts; chunks of `thread_minimum_size` bytes in a thread."""

    content_encoding = "gzip"

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int,
        compresslevel: int = 9,
        *,
        thread_minimum_size: int = 128 * 1024,
        exclude_content_types: Sequence[str] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        super().__init__(app, minimum_size, exclude_content_types=exclude_content_types)
        self.compresslevel = compresslevel
        self.thread_minimum_size = thread_minimum_size
        self._compressor: Any = None

    @property
    def compressor(self) -> Any:
        """The zlib object of this response, created when it is first needed."""
        if self._compressor is None:
            self._compressor = zlib.compressobj(self.compresslevel, zlib.DEFLATED, _GZIP_FORMAT)
        return self._compressor

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """Return the gzipped chunk, flushed so that the client can read all of it at once."""
        if len(body) >= self.thread_minimum_size:
            return await run_in_threadpool(self._compress_body, body, more_body)
        return self._compress_body(body, more_body)

    def _compress_body(self, body: bytes, more_body: bool) -> bytes:
        encoded: bytes = self.compressor.compress(body)
        # A sync flush ends on a whole byte: the client can decode an event before the next one is sent.
        return encoded + bytes(self.compressor.flush(zlib.Z_SYNC_FLUSH if more_body else zlib.Z_FINISH))
