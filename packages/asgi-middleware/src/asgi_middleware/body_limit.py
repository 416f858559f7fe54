"""Limit the bytes of request bodies, and of WebSocket messages (RFC 9110 §15.5.14).

    app = RequestBodyLimitMiddleware(app, max_body_size=10 * 1024 * 1024)

Nothing is buffered: the bytes are counted as the application reads them. A limit further in, of one route, replaces the
one further out, whether it is larger or smaller.
"""

from __future__ import annotations

from collections.abc import Callable

from ._headers import all_values
from ._replies import reject, send_text
from ._scope import call_with_lasting_headers, copy_back, copy_scope, has_lasting_headers
from .types import ASGIApp, Message, Receive, Scope, Send

LIMIT_SCOPE_KEY = "asgi_middleware.body_limit"


class RequestBodyTooLarge(Exception):
    """Raised by `receive()` once a body is over `limit` bytes; as an ASGI application it answers 413."""

    status_code = 413

    def __init__(self, limit: int) -> None:
        super().__init__("Content Too Large")
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await reject(scope, receive, send, self.status_code, "Content Too Large", _closing(scope))


class ResponseSent(Exception):
    """Raised by `send()` where the 413 has been sent in place of what the application answers; let it pass."""


class RequestBodyLimitMiddleware:
    """Answers 413 to a request whose body is over `max_body_size` bytes, and 400 to a malformed Content-Length.

    `receive()` raises what `too_large(limit)` makes; an application that catches it and answers a success is overruled.
    A larger Content-Length is refused at its first `receive()` or `send()`, since a limit further in may allow more;
    with `overridable=False` none may, and the application is not even called. A WebSocket message over
    `max_message_size` bytes closes with 1009. Raises ValueError for a negative size.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_size: int,
        *,
        max_message_size: int | None = None,
        overridable: bool = True,
        too_large: Callable[[int], Exception] = RequestBodyTooLarge,
    ) -> None:
        for name, size in (("max_body_size", max_body_size), ("max_message_size", max_message_size)):
            if size is not None and size < 0:
                raise ValueError(f"{name} is a number of bytes from 0, not {size!r}")
        self.app = app
        self.max_body_size = max_body_size
        self.max_message_size = max_message_size
        self.overridable = overridable
        self.too_large = too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and self.max_message_size is not None:
            limited = _LimitedMessages(self.max_message_size, receive, send)
            return await self.app(scope, limited.receive, limited.send)
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        lengths = all_values(scope.get("headers", ()), b"content-length")
        if lengths and (len(lengths) > 1 or not lengths[0].isdigit()):
            return await send_text(scope, send, 400, "Invalid Content-Length header", _closing(scope))
        length = int(lengths[0][:20]) if lengths else 0  # more digits than these are too many whatever they are
        outer: _LimitedBody | None = scope.get(LIMIT_SCOPE_KEY)
        if outer is not None:
            outer.limit = self.max_body_size
            if outer.received > outer.limit:  # a middleware between the two has read it all
                raise outer.refuse()
        if self.overridable and outer is not None:
            return await self.app(scope, receive, send)
        if not self.overridable and length > self.max_body_size:
            return await send_text(scope, send, 413, "Content Too Large", _closing(scope))
        return await self._limit(_LimitedBody(self, length, scope, receive, send))

    async def _limit(self, body: _LimitedBody) -> None:
        scope = body.scope
        inner = copy_scope(scope, **{LIMIT_SCOPE_KEY: body}) if self.overridable else scope
        try:
            await self.app(inner, body.receive, body.send)
        except Exception as exc:
            if exc not in (body.refusal, body.end) or (body.started and not body.answered):
                raise
            await body.answer()
        finally:
            if inner is not scope:
                copy_back(inner, scope)


class _LimitedBody:
    """One request: its bytes counted, and the answer that its application may give."""

    __slots__ = (
        "_receive",
        "_send",
        "answered",
        "config",
        "declared",
        "end",
        "limit",
        "raised",
        "received",
        "refusal",
        "scope",
        "started",
    )

    def __init__(
        self, config: RequestBodyLimitMiddleware, declared: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.config = config
        self.limit = config.max_body_size
        self.declared = declared
        self.received = 0
        self.scope = scope
        self._receive = receive
        self._send = send
        self.refusal: Exception | None = None
        self.end: Exception | None = None
        self.raised = False
        self.started = False
        self.answered = False

    def refuse(self) -> Exception:
        """The one exception of this request, made when its body turns out to be too large."""
        if self.refusal is None:
            self.refusal = self.config.too_large(self.limit)
        return self.refusal

    async def receive(self) -> Message:
        if self.refusal is not None or self.declared > self.limit:
            self.raised = True
            raise self.refuse()
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.received > self.limit:
                self.raised = True
                raise self.refuse()
        return message

    async def send(self, message: Message) -> None:
        if self.end is not None:
            raise self.end
        if message["type"] == "http.response.start":
            if self.overrules(message["status"]):
                await self.answer()
                self.end = ResponseSent("413 Content Too Large has been sent instead")
                raise self.end
            self.started = True
        await self._send(message)

    def overrules(self, status: int) -> bool:
        """Whether the 413 stands in for this status: all but a 4xx of an application that knows of the overflow."""
        if self.refusal is None and self.declared <= self.limit:
            return False
        return not (self.raised and 400 <= status < 500)

    async def answer(self) -> None:
        """Send the 413, once."""
        if not self.answered:
            self.answered = self.started = True
            await send_text(self.scope, self._send, 413, "Content Too Large", _closing(self.scope))


class _LimitedMessages:
    """One WebSocket, closed with 1009 (RFC 6455 §7.4.1) when a message is too large."""

    __slots__ = ("_receive", "_send", "closed", "limit")

    def __init__(self, limit: int, receive: Receive, send: Send) -> None:
        self.limit = limit
        self._receive = receive
        self._send = send
        self.closed = False

    async def receive(self) -> Message:
        if not self.closed:
            message = await self._receive()
            if message["type"] != "websocket.receive" or self._size(message) <= self.limit:
                return message
            self.closed = True
            await self._send({"type": "websocket.close", "code": 1009, "reason": "Message Too Big"})
        return {"type": "websocket.disconnect", "code": 1009, "reason": "Message Too Big"}

    def _size(self, message: Message) -> int:
        text = message.get("text")
        if text is None:
            return len(message.get("bytes") or b"")
        return len(text) if len(text) > self.limit else len(text.encode("utf-8", "surrogatepass"))

    async def send(self, message: Message) -> None:
        if not self.closed:
            await self._send(message)


def _closing(scope: Scope) -> list[tuple[bytes, bytes]]:
    """`Connection: close` for HTTP/1: the rest of the body is not worth reading (RFC 9110 §15.5.14)."""
    return [(b"connection", b"close")] if scope.get("http_version", "1.1").startswith("1") else []
