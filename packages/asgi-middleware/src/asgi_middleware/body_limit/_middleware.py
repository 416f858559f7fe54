"""The middleware: it checks Content-Length, and puts a counter between the server and the application."""

from __future__ import annotations

from collections.abc import Callable

from .._configuration import application, check_function
from .._headers import all_values
from .._replies import reject, send_text
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._counter import BodyCounter
from ._messages import LimitedMessages

LIMIT_SCOPE_KEY = "asgi_middleware.body_limit"
"""The scope key of the active limit, in bytes, while the limited application runs."""

_COUNTER_KEY = "asgi_middleware.body_counter"


class RequestBodyTooLarge(Exception):
    """Raised by `receive()` once a body exceeds `limit` bytes; an ASGI application that answers 413."""

    status_code = 413

    def __init__(self, limit: int) -> None:
        super().__init__("Content Too Large")
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await reject(scope, receive, send, self.status_code, "Content Too Large")


class RequestBodyLimitMiddleware:
    """Middleware that answers 413 to a body over `max_body_size` bytes, and 400 to a malformed Content-Length.

    `receive()` raises the exception that `too_large(limit)` returns; if an application catches it and answers with
    success its response is replaced. A larger Content-Length is rejected at the first `receive()` or `send()`, since an
    inner limit may allow more; with `overridable=False` the application is not even called. A WebSocket message over
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
        check_function("too_large", too_large, "the limit, which returns an exception")
        self.app = application(app, self)
        self.max_body_size = max_body_size
        self.max_message_size = max_message_size
        self.overridable = overridable
        self.too_large = too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and self.max_message_size is not None:
            limited = LimitedMessages(self.max_message_size, receive, send)
            return await self.app(scope, limited.receive, limited.send)
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        lengths = all_values(request_headers(scope), b"content-length")
        # Two lengths, or `+5` and `5, 5`, are how requests are smuggled past a proxy (RFC 9112 §6.3).
        if lengths and (len(lengths) > 1 or not lengths[0].isdigit()):
            return await send_text(scope, send, 400, "Invalid Content-Length header")
        # 20 digits exceed every limit; int() raises ValueError for more than 4300 of them.
        length = int(lengths[0].lstrip(b"0")[:20] or 0) if lengths else 0
        if self.overridable:
            return await self._limit_overridably(length, scope, receive, send)
        counter = self._counter(length, scope, receive, send)
        return await (counter.answer() if length > self.max_body_size else self._limit(counter))

    async def _limit_overridably(self, length: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the outer limits, and put this counter into the scope, so that an inner limit can replace it.

        They stay replaced after the application has returned: an outer middleware may still have to send the response.
        """
        outer: BodyCounter | None = scope.get(_COUNTER_KEY)
        given = scope.get(LIMIT_SCOPE_KEY)
        scope[LIMIT_SCOPE_KEY] = self.max_body_size
        if outer is not None:
            outer.replace_limit(self.max_body_size)
            if receive == outer.receive:
                return await self.app(scope, receive, send)
        # A middleware between the two passes on another body, decompressed perhaps, which is counted as well.
        counter = scope[_COUNTER_KEY] = self._counter(length, scope, receive, send, outer)
        try:
            await self._limit(counter)
        finally:
            _restore(scope, _COUNTER_KEY, outer)
            if outer is None:
                _restore(scope, LIMIT_SCOPE_KEY, given)
        return None

    def _counter(
        self, length: int, scope: Scope, receive: Receive, send: Send, outer: BodyCounter | None = None
    ) -> BodyCounter:
        return BodyCounter(self.max_body_size, self.too_large, length, scope, receive, send, outer)

    async def _limit(self, counter: BodyCounter) -> None:
        try:
            await self.app(counter.scope, counter.receive, counter.send)
        except Exception as exc:
            if exc not in (counter.failure, counter.end) or (counter.started and not counter.answered):
                raise
            await counter.answer()
        for failure in (counter.failure, counter.end):
            if failure is not None:
                failure.__traceback__ = None  # it refers to frames of the counter: avoid a reference cycle


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
