"""Middleware that decodes request bodies: which codings it takes, and how much."""

from __future__ import annotations

from collections.abc import Sequence

from .._codecs import EXTRAS
from .._configuration import application
from .._headers import all_values, without
from .._replies import reject
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._body import DecodedBody, UndecodableBody
from ._decoders import available_decoders

_MOST_CODINGS = 3  # one after the other; nobody sends more than one


class DecompressionMiddleware:
    """Middleware that decodes request bodies.

    `max_size` is in bytes of a decoded body, None for no limit, `max_ratio` what it may be as a multiple of the bytes
    received: beyond either it is a 413. A body that is damaged or cut short is a 400, a coding that is not supported a
    415 that says in Accept-Encoding what is (RFC 9110 §15.5.16). `codings` restricts them. The application gets a copy
    of the scope without Content-Encoding and Content-Length; an answer other than a 4xx to a body that it could not
    read is replaced. Raises ValueError for an option without a meaning, ImportError for a coding that is not installed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_size: int | None = 10_000_000,
        max_ratio: float = 100.0,
        codings: Sequence[str] | None = None,
    ) -> None:
        if max_size is not None and max_size < 1:
            raise ValueError(f"max_size={max_size!r}: a number of bytes, 1 or more, or None")
        if not max_ratio >= 1:
            raise ValueError(f"max_ratio={max_ratio!r}: 1 or more")
        available = available_decoders()
        for coding in codings or ():
            if coding not in available and coding in EXTRAS:
                raise ImportError(f"codings: {coding!r} is not installed: pip install {EXTRAS[coding]}")
            if coding not in available:
                raise ValueError(f"codings: {coding!r} is not one of gzip, deflate, br, zstd")
        self.app = application(app, self)
        self.max_size = max_size
        self.max_ratio = max_ratio
        self._decoders = {name: make for name, make in available.items() if codings is None or name in codings}
        self._supported = (b"accept-encoding", ", ".join(self._decoders).encode("ascii"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = request_headers(scope)
        fields = all_values(headers, b"content-encoding")
        if not fields:
            return await self.app(scope, receive, send)
        codings = _listed(fields)
        if not codings:
            return await self.app({**scope, "headers": without(headers, b"content-encoding")}, receive, send)
        if len(codings) > _MOST_CODINGS or not self._decoders.keys() >= {*codings}:
            return await reject(scope, receive, send, 415, "Unsupported Media Type", [self._supported])
        # They were applied in the order in which they are listed (RFC 9110 §8.4).
        decoders = [self._decoders[name]() for name in codings]
        decoders.reverse()
        body = DecodedBody(decoders, self.max_size, self.max_ratio, scope, receive, send)
        inner = {**scope, "headers": without(headers, b"content-encoding", b"content-length")}
        try:
            await self.app(inner, body.receive, body.send)
        except UndecodableBody as exc:
            if exc is not body.failure or (body.started and not body.answered):
                raise
        if body.failure is not None and not body.started:
            await body.answer(body.failure)
        return None


def _listed(fields: Sequence[bytes]) -> list[str]:
    """Return the codings in the order in which they were applied, without `identity`."""
    names = [name.strip(b" \t").lower().decode("latin-1") for name in b",".join(fields).split(b",")]
    return ["gzip" if name == "x-gzip" else name for name in names if name not in ("", "identity")]
