"""The body of one request, counted as it is received, and the answer to one that is too large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from .._replies import send_text
from ..types import Message, Receive, Scope, Send
from ._discard import closes_after_response, discard_body

_BODY_KEY = "asgi_requests.body"
# Messages without bytes cost work and memory as well, and neither a limit nor flow control counts them (CVE-2019-9518).
_MOST_EMPTY_MESSAGES = 10_000


class SharedBody(Protocol):
    """The protocol of `scope["asgi_requests.body"]`, which keeps what requests have read from a `receive`."""

    def replay(self, receive: Receive, /) -> Receive:
        """Return a receive that gives first what has been read from `receive`, then the rest."""
        ...


class ResponseSent(Exception):
    """Raised by `send()` where the 413 has been sent in place of the application's response; let it propagate."""


class BodyCounter:
    """The receive and send of one limited request: its bytes are counted, and too many overrule the answer."""

    __slots__ = (
        "_is_413",
        "_is_read",
        "_is_receiving",
        "_receive",
        "_send",
        "answered",
        "declared",
        "empty",
        "end",
        "failure",
        "limit",
        "make_exception",
        "outer",
        "raised",
        "received",
        "scope",
        "started",
    )

    def __init__(
        self,
        limit: int,
        make_exception: Callable[[int], Exception],
        declared: int,
        scope: Scope,
        receive: Receive,
        send: Send,
        outer: BodyCounter | None,
    ) -> None:
        shared: SharedBody | None = scope.get(_BODY_KEY)
        self.limit = limit
        self.make_exception = make_exception
        self.outer = outer
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
        counter: BodyCounter | None = self
        while counter is not None:
            counter.limit = limit
            if counter.received > limit:  # a middleware between the two has read the body
                raise counter.too_large()
            counter = counter.outer

    def too_large(self) -> Exception:
        """Return the one exception of this request, made when its body turns out to be too large."""
        if self.failure is None:
            self.failure = self.make_exception(self.limit)
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


def _cors_headers(message: Message) -> list[Any]:
    """Return the headers with which an inner CORS middleware lets the page that asked read the answer."""
    return [
        pair
        for pair in message.get("headers", ())
        if pair[0].lower() == b"vary" or pair[0].lower().startswith(b"access-control-")
    ]
