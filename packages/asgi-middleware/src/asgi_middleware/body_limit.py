"""Limit the bytes of request bodies, and of WebSocket messages (RFC 9110 §15.5.14).

    app = RequestBodyLimitMiddleware(app, max_body_size=10 * 1024 * 1024)

Nothing is buffered: the bytes are counted as the application reads them. An inner limit, of one route, replaces the
outer one, whether it is larger or smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ._discard import closes_after_response, discard_body
from ._headers import all_values
from ._replies import reject, send_text
from ._scope import request_headers
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LIMIT_SCOPE_KEY", "RequestBodyLimitMiddleware", "RequestBodyTooLarge", "ResponseSent", "SharedBody"]

LIMIT_SCOPE_KEY = "asgi_middleware.body_limit"
"""The scope key of the limit that applies, in bytes: there while the limited application is called."""

_COUNTER_KEY = "asgi_middleware.body_counter"
_BODY_KEY = "asgi_requests.body"
# Messages without bytes cost work and memory as well, and neither a limit nor flow control counts them (CVE-2019-9518).
_MOST_EMPTY_MESSAGES = 10_000


class SharedBody(Protocol):
    """The protocol of `scope["asgi_requests.body"]`, which keeps what requests have read from a `receive`."""

    def replay(self, receive: Receive, /) -> Receive:
        """Return a receive that gives first what has been read from `receive`, then the rest."""
        ...


class RequestBodyTooLarge(Exception):
    """Raised by `receive()` once a body is over `limit` bytes; as an ASGI application it answers 413."""

    status_code = 413

    def __init__(self, limit: int) -> None:
        super().__init__("Content Too Large")
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await reject(scope, receive, send, self.status_code, "Content Too Large")


class ResponseSent(Exception):
    """Raised by `send()` where the 413 has been sent in place of the application's response; let it propagate."""


class RequestBodyLimitMiddleware:
    """Middleware that answers 413 to a body over `max_body_size` bytes, and 400 to a malformed Content-Length.

    `receive()` raises what `too_large(limit)` makes; an application that catches it and answers a success is overruled.
    A larger Content-Length is rejected at its first `receive()` or `send()`, since an inner limit may allow more;
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
        _check_size("max_body_size", max_body_size)
        if max_message_size is not None:
            _check_size("max_message_size", max_message_size)
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
        lengths = all_values(request_headers(scope), b"content-length")
        if lengths and (len(lengths) > 1 or not lengths[0].isdigit()):
            return await send_text(scope, send, 400, "Invalid Content-Length header")
        length = int(lengths[0].lstrip(b"0")[:20] or 0) if lengths else 0  # 20 digits are too many, whatever follows
        if self.overridable:
            return await self._limit_overridably(length, scope, receive, send)
        counter = _BodyCounter(self, length, scope, receive, send, None)
        return await (counter.answer() if length > self.max_body_size else self._limit(counter))

    async def _limit_overridably(self, length: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the outer limits, and stand in the scope for an inner one to replace this one.

        They stay replaced when the application has returned: an outer middleware may have its response still to send.
        """
        outer: _BodyCounter | None = scope.get(_COUNTER_KEY)
        given = scope.get(LIMIT_SCOPE_KEY)
        scope[LIMIT_SCOPE_KEY] = self.max_body_size
        if outer is not None:
            outer.replace_limit(self.max_body_size)
            if receive == outer.receive:
                return await self.app(scope, receive, send)
        # A middleware between the two passes another body, one that it has decompressed perhaps: count that as well.
        counter = scope[_COUNTER_KEY] = _BodyCounter(self, length, scope, receive, send, outer)
        try:
            await self._limit(counter)
        finally:
            _restore(scope, _COUNTER_KEY, outer)
            if outer is None:
                _restore(scope, LIMIT_SCOPE_KEY, given)
        return None

    async def _limit(self, counter: _BodyCounter) -> None:
        try:
            await self.app(counter.scope, counter.receive, counter.send)
        except Exception as exc:
            if exc not in (counter.failure, counter.end) or (counter.started and not counter.answered):
                raise
            await counter.answer()


class _BodyCounter:
    """The receive and send of one limited request: its bytes are counted, and too many overrule the answer."""

    __slots__ = (
        "_is_413",
        "_is_read",
        "_is_receiving",
        "_receive",
        "_send",
        "answered",
        "config",
        "declared",
        "empty",
        "end",
        "failure",
        "limit",
        "outer",
        "raised",
        "received",
        "scope",
        "started",
    )

    def __init__(
        self,
        config: RequestBodyLimitMiddleware,
        declared: int,
        scope: Scope,
        receive: Receive,
        send: Send,
        outer: _BodyCounter | None,
    ) -> None:
        shared: SharedBody | None = scope.get(_BODY_KEY)
        self.config = config
        self.outer = outer
        self.limit = config.max_body_size
        self.declared = declared
        self.received = self.empty = 0
        self.scope = scope
        # An outer Request may have read the body, or have read ahead: these bytes count, too.
        self._receive = receive if shared is None else shared.replay(receive)
        self._send = send
        self.failure: Exception | None = None
        self.end: Exception | None = None
        self.raised = False
        self.started = False
        self.answered = False
        self._is_413 = self._is_read = self._is_receiving = False

    def replace_limit(self, limit: int) -> None:
        """Set the limit of this and the outer counters. Raises the exception of what is too large for it already."""
        counter: _BodyCounter | None = self
        while counter is not None:
            counter.limit = limit
            if counter.received > limit:  # a middleware between the two has read the body
                raise counter.too_large()
            counter = counter.outer

    def too_large(self) -> Exception:
        """Return the one exception of this request, made when its body turns out to be too large."""
        if self.failure is None:
            self.failure = self.config.too_large(self.limit)
        return self.failure

    async def receive(self) -> Message:
        """Return the next message of the outer `receive`. Raises the exception of a body that is too large."""
        if self.failure is not None or self.declared > self.limit:
            self.raised = True
            raise self.too_large()
        self._is_receiving = True
        try:
            message = await self._receive()
        finally:
            self._is_receiving = False
        if not message.get("more_body", False):
            self._is_read = True
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self.received += size
            self.empty += not size
            if self.received > self.limit or self.empty > _MOST_EMPTY_MESSAGES:
                self.raised = True
                raise self.too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass a message to the outer `send`, unless the body is too large and it does not say so."""
        if self.end is not None:
            raise self.end
        if message["type"] == "http.response.start":
            if self._overrules(message["status"]):
                await self.answer(_cors_headers(message))
                self.end = ResponseSent("413 Content Too Large has been sent instead")
                raise self.end
            self.started = True
        await self._deliver(message)

    def _overrules(self, status: int) -> bool:
        """Return whether to send the 413 instead: for all but a 4xx of an application that knows of the overflow."""
        if self.failure is None and self.declared <= self.limit:
            return False
        return not (self.raised and 400 <= status < 500)

    async def answer(self, headers: Iterable[Sequence[bytes]] = ()) -> None:
        """Send the 413, once. It does not close the connection, as RFC 9110 §15.5.14 allows: see `_discard`."""
        if not self.answered:
            self.answered = self.started = True
            await send_text(self.scope, self._deliver, 413, "Content Too Large", headers)

    async def _deliver(self, message: Message) -> None:
        """Send a message; before the end of a 413 that closes the connection, read the rest of the body."""
        if message["type"] == "http.response.start":
            self._is_413 = message["status"] == 413
        elif self._is_413 and self._ends_unread(message):
            await self._send({**message, "more_body": True})
            await discard_body(self._receive)
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    def _ends_unread(self, message: Message) -> bool:
        """Return whether the server would close the connection after this message, with unread data."""
        if message["type"] != "http.response.body" or message.get("more_body", False):
            return False
        return not (self._is_read or self._is_receiving) and closes_after_response(self.scope)


class _LimitedMessages:
    """The receive and send of one WebSocket, closed with 1009 (RFC 6455 §7.4.1) when a message is too large."""

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


def _check_size(name: str, size: object) -> None:
    if not isinstance(size, int | float):
        raise TypeError(f"{name} must be a number of bytes, such as 10 * 1024 * 1024, not {size!r}")
    if size < 0:
        raise ValueError(f"{name} must be a number of bytes from 0, not {size!r}")


def _restore(scope: Scope, key: str, value: object) -> None:
    if value is None:
        scope.pop(key, None)
    else:
        scope[key] = value


def _cors_headers(message: Message) -> list[Any]:
    """Return the headers with which an inner CORS middleware lets the page that asked read the answer."""
    return [
        pair
        for pair in message.get("headers", ())
        if pair[0].lower() == b"vary" or pair[0].lower().startswith(b"access-control-")
    ]
