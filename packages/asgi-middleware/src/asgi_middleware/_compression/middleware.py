"""The middleware: it decides which responses are compressed, and in which coding."""

from __future__ import annotations

from collections.abc import Sequence

from .._accept import coding_chooser
from .._configuration import application, warn_corrected
from .._headers import RawHeaders
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from .content_types import ContentTypes
from .encoders import Coding
from .response import CompressedResponse

# The first have no body. A 206 has a range of the bytes that the ETag identifies, which must stay as they are.
_BODILESS = frozenset({*range(100, 200), 204, 205, 206})
_DIGESTS = frozenset({b"content-md5", b"content-digest", b"repr-digest", b"digest"})
_EXAMINED = frozenset({b"content-encoding", b"content-type", b"content-range", b"cache-control", b"trailer"}) | _DIGESTS


class Compressor:
    """Middleware that compresses responses with the given codings, which are in the server's order."""

    def __init__(
        self,
        app: ASGIApp,
        codings: Sequence[Coding],
        minimum_size: int,
        thread_minimum_size: int,
        exclude_content_types: Sequence[str],
    ) -> None:
        self.app = application(app, self)
        self.minimum_size = within("minimum_size", minimum_size, 0)
        self.thread_minimum_size = within("thread_minimum_size", thread_minimum_size, 0)
        self._excluded = ContentTypes("exclude_content_types", exclude_content_types)
        self._codings = {coding.name: coding for coding in codings}
        self._choose = coding_chooser(tuple(self._codings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_headers(scope)  # checked now, because the response reads them when it begins
        response = CompressedResponse(self, scope, send)
        try:
            await self.app(scope, receive, response.send)
        except Exception:
            await response.release_quietly()
            raise
        if response.held is not None:
            await response.release()
        return None

    def coding_for(self, headers: RawHeaders) -> Coding | None:
        """Return the coding for a client with these request headers, or None to send it bodies as they are."""
        name = self._choose(headers)
        return None if name is None else self._codings[name]

    def may_encode(self, status: int, headers: Sequence[Sequence[bytes]]) -> bool:
        """Return whether a response with this head could be compressed for some client, whatever its size."""
        if status in _BODILESS:
            return False
        for name, value in headers:
            if (lower := name.lower()) in _EXAMINED and not self._allows(lower, value):
                return False
        return True

    def is_small(self, size: int) -> bool:
        """Return whether a body of `size` bytes is sent as it is to every client."""
        return size < self.minimum_size or size == 0

    def _allows(self, name: bytes, value: bytes) -> bool:
        if name == b"content-type":
            return value not in self._excluded
        if name == b"cache-control":
            return b"no-transform" not in value.lower()
        # A digest and the offsets of a range refer to the bytes as the application sends them (RFC 9530 §2, §3). Any
        # Content-Encoding is the application's way to opt out, as in Django and Starlette.
        return name == b"trailer" and b"digest" not in value.lower()


def within(parameter: str, value: int, lowest: int, highest: int | None = None) -> int:
    """Return a number, or with a warning the nearest one that is in range."""
    if not isinstance(value, (int, float)):
        raise TypeError(f"{parameter} must be a number, not {value!r}")
    nearest = max(value, lowest) if highest is None else min(max(value, lowest), highest)
    if nearest != value:
        warn_corrected(parameter, value, nearest)
    return nearest
