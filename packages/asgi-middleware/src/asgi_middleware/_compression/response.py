"""The compressed response: its start is held until the first piece of the body shows how to encode it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Protocol

from .._headers import RawHeaders, all_values, first_value, merge_vary, without
from .._marked import marked_async
from .._threads import in_thread
from .._watch import ResponseWatcher
from ..types import Message, Scope, Send
from .encoders import Coding, Encoder


class Settings(Protocol):
    """The methods of the middleware that a response needs."""

    thread_minimum_size: int

    def coding_for(self, headers: RawHeaders) -> Coding | None:
        """Return the coding for a client with these request headers, or None to send it bodies as they are."""

    def may_encode(self, status: int, headers: Sequence[Sequence[bytes]]) -> bool:
        """Return whether a response with this head could be compressed for some client."""

    def is_small(self, size: int) -> bool:
        """Return whether a body of `size` bytes is sent as it is to every client."""


class CompressedResponse(ResponseWatcher):
    """A wrapped `send` that encodes the body of one response, or passes it through."""

    __slots__ = ("coding", "encoder", "held", "passing", "scope", "settings")

    def __init__(self, settings: Settings, scope: Scope, send: Send) -> None:
        self._send = send
        self.started = self.passing = False
        self.settings = settings
        self.scope = scope
        self.coding: Coding | None = None
        self.held: Message | None = None
        self.encoder: Encoder | None = None

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`, encoded or unchanged."""
        if self.passing:
            return self._send(message)
        if message["type"] == "http.response.start":
            self.started = True
            return self._start(message)
        if message["type"] == "http.response.body":
            return self._body(message)
        return self._other(message)

    async def _other(self, message: Message) -> None:
        # An extension sends the body by another kind of message (pathsend): the start goes first, both unchanged.
        await self.release()
        await self._send(message)

    def _start(self, message: Message) -> Awaitable[None]:
        """Pass the start of a response that stays as it is, and hold any other."""
        headers = message.get("headers", ())
        if not isinstance(headers, (list, tuple)):
            message = {**message, "headers": (headers := list(headers))}
        length = _content_length(headers)
        # A 304 has the length of the 200, if any, so its size says nothing about itself (RFC 9110 §8.6).
        is_small = length is not None and message["status"] != 304 and self.settings.is_small(length)
        if is_small or not self.settings.may_encode(message["status"], headers):
            return self._pass(message)
        coding = self.coding = self.settings.coding_for(self.scope.get("headers", ()))
        if message["status"] == 304:
            return self._pass(self._not_modified(message))
        # The headers of HEAD should be those of GET, but there is no body to learn the encoded length from, so the
        # response has no Content-Length (RFC 9110 §9.3.2 allows that).
        if self.scope.get("method") == "HEAD":
            return self._pass(_varying(message) if coding is None else _encoded(message, coding.name))
        if length is not None and coding is None:
            return self._pass(_varying(message))
        self.held = message
        return _nothing()

    def _pass(self, message: Message) -> Awaitable[None]:
        """Send a start, and let the rest pass unchanged."""
        self.held, self.passing = None, True
        return self._send(message)

    def _not_modified(self, start: Message) -> Message:
        """Return a 304 with the validator of the response that it stands for (RFC 9110 §15.4.5).

        Nothing in a 304 shows whether the 200 was compressed, but the request does: it names the validator of that
        response. If a weak one replaced a strong one the client could not ask for ranges any more (RFC 9110 §13.1.5).
        """
        headers = start.get("headers", ())
        etag = first_value(headers, b"etag") or b""
        held = b",".join(all_values(self.scope.get("headers", ()), b"if-none-match"))
        weaken = self.coding is not None and (not held or b"W/" + etag in held)
        return _varying({**start, "headers": _with_weak_validator(headers)} if weaken else start)

    async def release(self) -> None:
        """Send the start if it is still held, and let the rest pass unchanged."""
        if self.held is not None:
            await self._pass(self.held)

    async def release_quietly(self) -> None:
        """Release the start while an exception of the application is raised, which no other may replace."""
        with suppress(Exception):
            await self.release()

    async def _body(self, message: Message) -> None:
        if self.held is not None:
            return await self._first_body(self.held, message)
        if self.encoder is None:
            return await self._send(message)
        encoded = await self._flushed(self.encoder, message)
        # Its stream is over: a message after the last one is the server's to refuse.
        self.passing = not message.get("more_body", False)
        return await self._send({**message, "body": encoded})

    async def _first_body(self, start: Message, message: Message) -> None:
        body, coding = message.get("body", b""), self.coding
        # Some applications send the last byte with more_body, and an empty message after it.
        whole = not message.get("more_body", False) or _content_length(start.get("headers", ())) == len(body)
        if whole and self.settings.is_small(len(body)):
            await self.release()
            return await self._send(message)
        if coding is None:
            await self._pass(_varying(start))
            return await self._send(message)
        if not whole:
            self.held = None
            await self._send(_encoded(start, coding.name))
            self.encoder = coding.stream()
            return await self._body(message)
        encoded = await in_thread(coding.encode, body) if self._is_large(body) else coding.encode(body)
        await self._pass(_encoded(start, coding.name, len(encoded)))
        return await self._send({**message, "body": encoded})

    async def _flushed(self, encoder: Encoder, message: Message) -> bytes:
        """Return the chunk, encoded so that a client can read all of it at once."""
        body, last = message.get("body", b""), not message.get("more_body", False)
        if self._is_large(body):
            return await in_thread(lambda chunk: encoder(chunk, last), body)
        return encoder(body, last)

    def _is_large(self, body: bytes) -> bool:
        return len(body) >= self.settings.thread_minimum_size


async def _nothing() -> None:
    """Send nothing yet."""


def _content_length(headers: Sequence[Sequence[bytes]]) -> int | None:
    value = first_value(headers, b"content-length")
    return int(value) if value and value.isdigit() and len(value) < 20 else None


def _varying(start: Message) -> Message:
    return {**start, "headers": merge_vary(start.get("headers", ()), b"Accept-Encoding")}


def _encoded(start: Message, coding: bytes, length: int | None = None) -> Message:
    """Return the start of the encoded response: without the old length and ranges, with a weak validator."""
    headers = without(start.get("headers", ()), b"content-length", b"accept-ranges")
    headers = merge_vary(_with_weak_validator(headers), b"Accept-Encoding")
    headers.append((b"content-encoding", coding))
    if length is not None and not start.get("trailers", False):  # trailers come in chunks (RFC 9112 §7.1.2)
        headers.append((b"content-length", b"%d" % length))
    return {**start, "headers": headers}


def _with_weak_validator(headers: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Return the headers with a weak ETag: the encodings of a page differ byte for byte (RFC 9110 §8.8.1)."""
    return [
        (name, b"W/" + value) if name.lower() == b"etag" and value.startswith(b'"') else (name, value)
        for name, value in headers
    ]
