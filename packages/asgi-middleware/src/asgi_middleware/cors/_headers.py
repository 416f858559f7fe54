"""The headers that let a page read a response, and the response that carries them (Fetch, HTTP responses)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from .._headers import merge_vary, without
from .._marked import marked_async
from .._watch import ResponseWatcher
from ..types import Message, Send

CORSHeaders = tuple[tuple[bytes, bytes], ...]
"""The headers to add: Access-Control-Allow-Origin first if the origin is allowed, Vary always last."""

ALLOW_ORIGIN = b"access-control-allow-origin"
ALLOW_CREDENTIALS = (b"access-control-allow-credentials", b"true")

_OWNED = frozenset({b"vary", ALLOW_ORIGIN, ALLOW_CREDENTIALS[0], b"access-control-expose-headers"})
_OWNED_SIZES = frozenset(map(len, _OWNED))


class CORSResponse(ResponseWatcher):
    """A response whose start message gets the CORS headers and Vary."""

    __slots__ = ("_added",)

    def __init__(self, added: CORSHeaders, send: Send) -> None:
        self._send = send
        self.started = False
        self._added = added

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`, the start with the headers."""
        if message["type"] == "http.response.start":
            self.started = True
            message = self.with_headers(message)
        return self._send(message)

    def with_headers(self, start: Message) -> Message:
        """Return a new start of a response that has the headers; the application's own message stays as it is."""
        headers = start.get("headers", ())
        if headers.__class__ is not list:
            headers = list(headers)
        for name, _ in headers:
            # Most applications set none of these, and their headers are not searched again.
            if len(name) in _OWNED_SIZES and name.lower() in _OWNED:
                return {**start, "headers": _merged(headers, self._added)}
        return {**start, "headers": [*headers, *self._added]}


def _merged(headers: Sequence[Sequence[bytes]], added: CORSHeaders) -> list[Sequence[bytes]]:
    """Return the headers with `added` replacing those of the same names, and with a single Vary.

    Browsers join repeated fields with a comma, so two Access-Control-Allow-Origin fail the CORS check even if equal.
    """
    *allowing, (_, vary) = added
    return merge_vary([*without(headers, *(name for name, _ in allowing)), *allowing], *vary.split(b", "))
