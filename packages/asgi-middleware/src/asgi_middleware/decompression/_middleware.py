"""The middleware: it decides which codings are decoded, and up to which size."""

from __future__ import annotations

from collections.abc import Sequence

from .._codecs import EXTRAS
from .._configuration import application, check_numbers
from .._headers import all_values, without
from .._replies import reject
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._body import DecodedBody, UndecodableBody
from ._decoders import available_decoders

_MOST_CODINGS = 3  # applied one after the other; clients send one, an attacker a thousand


class DecompressionMiddleware:
    """Middleware that decodes request bodies.

    `max_size` limits the decoded body, in bytes, None for no limit; `max_ratio` limits it as a multiple of the bytes
    received: beyond either the answer is 413. A damaged or truncated body gets 400, an unsupported coding 415 with the
    supported ones in Accept-Encoding (RFC 9110 §15.5.16). `codings` restricts them. The application gets a copy of the
    scope without Content-Encoding and Content-Length; any response but a 4xx to a body that could not be decoded is
    replaced. Raises ValueError for an invalid option, ImportError for a coding that is not installed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_size: int | None = 10_000_000,
        max_ratio: float = 100.0,
        codings: Sequence[str] | None = None,
    ) -> None:
        check_numbers(max_size=1 if max_size is None else max_size, max_ratio=max_ratio)
        if max_size is not None and max_size < 1:
            raise ValueError(f"max_size={max_size!r} must be a number of bytes, 1 or more, or None")
        if not max_ratio >= 1:
            raise ValueError(f"max_ratio={max_ratio!r} must be 1 or more")
        available = available_decoders()
        for coding in codings or ():
            if coding not in available and coding in EXTRAS:
                raise ImportError(f"codings: {coding!r} is not installed: pip install {EXTRAS[coding]}")
            if coding not in available:
                raise ValueError(f"codings: unknown coding {coding!r}, choose from gzip, deflate, br, zstd")
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
        # Codings are listed in the order in which they were applied (RFC 9110 §8.4), so the last is undone first.
        decoders = [self._decoders[name]() for name in codings]
        decoders.reverse()
        body = DecodedBody(decoders, self.max_size, self.max_ratio, scope, receive, send)
        inner = {**scope, "headers": without(headers, b"content-encoding", b"content-length")}
        try:
            await self.app(inner, body.receive, body.send)
        except UndecodableBody as exc:
            if exc is not body.failure or (body.started and not body.answered):
                raise
        # The application may have swallowed the exception and returned without a response.
        if body.failure is not None:
            if not body.started:
                await body.answer(body.failure)
            # The tracebacks of the failure and of its cause refer to frames of the body: avoid a reference cycle.
            body.failure.__traceback__ = body.failure.__context__ = body.failure.__cause__ = None
        return None


def _listed(fields: Sequence[bytes]) -> list[str]:
    """Return the codings in the order in which they were applied, without `identity`."""
    names = [name.strip(b" \t").lower().decode("latin-1") for name in b",".join(fields).split(b",")]
    return ["gzip" if name == "x-gzip" else name for name in names if name not in ("", "identity")]
