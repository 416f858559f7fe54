"""The body of one request, counted as it is received, and the 413 for one that is too large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._replies import send_text
from .._scope import unread
from ..types import Message, Receive, Scope, Send
from ._discard import closes_after_response, discard_body

# Messages without bytes cost work and memory as well, and neither a limit nor flow control counts them (CVE-2019-9518).
_MOST_EMPTY_MESSAGES = 10_000


class ResponseSent(Exception):
    """Raised by `send()` after the 413 has replaced the application's response; let it propagate."""


class BodyCounter:
    """The receive and send of one limited request: too many bytes replace the response by a 413."""

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
        self.limit = limit
        self.make_exception = make_exception
        self.outer = outer
        self.declared = declared
        self.received = self.empty = 0
        self.scope = scope
        # Bytes that an outer Request has read already count, too.
        self._receive = unread(scope, receive)
        self._send = send
        self.failure: Exception | None = None
        self.end: Exception | None = None
        self.raised = False
        self.started = False
        self.answered = False
        self._is_413 = self._is_read = self._is_receiving = False

    def replace_limit(self, limit: int) -> None:
        """Set the limit of this and the outer counters. Raises the exception of one that is already over it."""
        counter: BodyCounter | None = self
        while counter is not None:
            counter.limit = limit
            if counter.received > limit:  # a middleware between the two has read the body
                raise counter.too_large()
            counter = counter.outer

    def too_large(self) -> Exception:
        """Return the exception of this request, which is made once: it is compared by identity when it propagates."""
        if self.failure is None:
            self.failure = self.make_exception(self.limit)
        return self.failure

    async def receive(self) -> Message:
        """Return the next message of the outer `receive`. Raises the exception for a body that is too large."""
        if self.failure is not None or self.declared > self.limit:
            self.raised = True
            raise self.too_large()
        self._is_receiving = True
        try:
            message = await self._receive()
        finally:
            self._is_receiving = False
        if not message.get("more_body", False):  # a disconnect has no more_body either
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
        """Pass a message to the outer `send`; if the body is too large a response that ignores it is replaced."""
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
        """Return whether to send the 413 instead of this status.

        A 4xx of an application that has seen the exception passes. Any other status claims that the body was processed.
        """
        if self.failure is None and self.declared <= self.limit:
            return False
        return not (self.raised and 400 <= status < 500)

    async def answer(self, headers: Iterable[Sequence[bytes]] = ()) -> None:
        """Send the 413, once. The connection stays open (RFC 9110 §15.5.14 allows to close it); see `_discard`."""
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
    """Return the CORS headers of the replaced response, so that the page can read the 413."""
    return [
        pair
        for pair in message.get("headers", ())
        if pair[0].lower() == b"vary" or pair[0].lower().startswith(b"access-control-")
    ]
