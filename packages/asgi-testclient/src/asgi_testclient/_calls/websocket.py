"""One WebSocket: connect, messages, and a close from either side."""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import Any

from .._checks import WebSocketChecks
from .._errors import chain
from .._loops.backends import Loop, Waiter
from .._options import Settings
from ..types import ASGIApp, Message, Scope
from .base import AppCall
from .http import RawHeaders

CHANNEL = "asgi_testclient.channel"


class WebSocketCall(AppCall):
    """An application at work on one WebSocket.

    `answer` is the message that answered the handshake; `inbox` is for the application, `outbox` for the test; `end`
    is the code and the reason of the close, from either side.
    """

    checks_type = WebSocketChecks

    def __init__(
        self, app: ASGIApp, scope: Scope, settings: Settings, loop: Loop, waiter: Waiter, offered: frozenset[str]
    ) -> None:
        super().__init__(app, scope, settings, loop, waiter, offered)
        self.answer: Message | None = None
        self.inbox: deque[Message] = deque([{"type": "websocket.connect"}])
        self.outbox: deque[Message] = deque()
        self.end: tuple[int, str] | None = None
        self.denial: list[bytes] = []
        self.headers: RawHeaders = []
        self._denied = False
        self._closed_by_app = False

    def answered(self) -> bool:
        """Return whether the handshake is over, with the whole body if it was denied with a response."""
        return self.done or self._denied or (self.answer is not None and not self.is_denial)

    def readable(self) -> bool:
        """Return whether there is a message for the test, or there can be none."""
        return bool(self.outbox) or self.done

    @property
    def accepted(self) -> bool:
        """True once the application has accepted."""
        return self.answer is not None and self.answer["type"] == "websocket.accept"

    @property
    def is_denial(self) -> bool:
        """True if the application has answered with an HTTP response."""
        return self.answer is not None and self.answer["type"] == "websocket.http.response.start"

    async def _next(self) -> Message:
        # The client's messages before its close, in the order of the connection.
        while not self.inbox:
            if self.end is not None:
                code, reason = self.end
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self._changed()
        return self.inbox.popleft()

    def give(self, message: Message) -> None:
        """Give the application a message of the client; on the loop."""
        # What follows a close frame is discarded (RFC 6455 §1.4).
        if self.end is None:
            self.inbox.append(message)
            self.notify()

    def hang_up(self, code: int, reason: str) -> None:
        """Close from the client's side, or drop the connection; on the loop."""
        if self.end is None:
            # The first close counts: a second one is its echo (RFC 6455 §5.5.1).
            self.end = (code, reason)
        super().disconnect()

    def disconnect(self) -> None:
        """Drop the connection; on the loop."""
        self.hang_up(1006, "")

    def _client_is_gone(self) -> bool:
        # A message after the application's own close is a mistake, not a race with the client.
        return self.disconnected and not self._closed_by_app

    def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.http.response.body":
            self.denial.append(bytes(message.get("body", b"")))
            self._denied = not message.get("more_body", False)
        elif self.answer is None:
            self._answered(message)
        elif kind in ("websocket.send", "websocket.close"):
            self.outbox.append({**message})
        if kind == "websocket.close":
            self._close(message)

    def _answered(self, message: Message) -> None:
        self.answer = {**message}
        self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers") or ()]

    def _close(self, message: Message) -> None:
        self._closed_by_app = True
        if self.end is None:
            code = message.get("code")
            self.end = (1000 if code is None else code, message.get("reason") or "")
        self.notify()

    def _tells_of_leaving(self, exc: BaseException) -> bool:
        # Frameworks raise an exception of this name in an endpoint whose client has left, which may leave it unhandled.
        return super()._tells_of_leaving(exc) or any(
            base.__name__ == "WebSocketDisconnect" for link in chain(exc) for base in type(link).__mro__
        )

    def expectation(self) -> str:
        """Return what has not come, for the error of a wait that has ended."""
        if self.answer is None:
            return "neither websocket.accept nor websocket.close"
        return "no end of the denial response" if self.is_denial else "no message from the application"

    def advice(self) -> str:
        """Return what the application waits in, if it is this package."""
        if self.receiving and self.answer is not None:
            return "It waits in receive(), and the test waits for a message: both sides wait."
        return ""

    def response(self, httpx: ModuleType, driver: Any, owner: Any) -> Any:
        """Return the HTTP response to the handshake: 101, a denial, or the 403 that a server makes of a close.

        Its extension CHANNEL has what a session needs.
        """
        if self.is_denial and self.answer is not None:
            status, body = self.answer["status"], b"".join(self.denial)
        else:
            accepted = 200 if self.settings.multiplexed else 101  # RFC 8441 section 5
            status, body = (accepted if self.accepted else 403), b""
        return httpx.Response(
            status,
            headers=self.headers,
            stream=httpx.ByteStream(body),
            extensions={
                "http_version": f"HTTP/{self.settings.http_version}".encode("ascii"),
                CHANNEL: (self, driver, owner),
            },
        )
