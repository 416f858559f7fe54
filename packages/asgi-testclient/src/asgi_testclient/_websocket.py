"""One WebSocket, as the application sees it: connect, messages, and an end from either side."""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import Any

from ._backends import Loop
from ._callers import Caller
from ._checks import WebSocketChecks
from ._exchange import Exchange, chain
from ._http import RawHeaders
from ._settings import Settings
from .types import ASGIApp, Message, Scope

CHANNEL = "asgi_testclient.channel"


class WebSocketExchange(Exchange):
    """An application at work on one WebSocket.

    `answer` is what the handshake was answered with; `inbox` is for the application, `outbox` for the test; `end` is
    the code and the reason of the close, whichever side it came from.
    """

    checks_type = WebSocketChecks

    def __init__(
        self, app: ASGIApp, scope: Scope, settings: Settings, loop: Loop, caller: Caller, offered: frozenset[str]
    ) -> None:
        super().__init__(app, scope, settings, loop, caller, offered)
        self.answer: Message | None = None
        self.inbox: deque[Message] = deque([{"type": "websocket.connect"}])
        self.outbox: deque[Message] = deque()
        self.end: tuple[int, str] | None = None
        self.denial: list[bytes] = []
        self.headers: RawHeaders = []
        self._denied = False
        self._closed_by_app = False

    def answered(self) -> bool:
        """Whether the handshake is over, with the whole body where it was denied with a response."""
        return self.done or self._denied or (self.answer is not None and not self.is_denial)

    def readable(self) -> bool:
        return bool(self.outbox) or self.done

    @property
    def accepted(self) -> bool:
        return self.answer is not None and self.answer["type"] == "websocket.accept"

    @property
    def is_denial(self) -> bool:
        return self.answer is not None and self.answer["type"] == "websocket.http.response.start"

    async def _next(self) -> Message:
        while not self.inbox:
            if self.end is not None:
                code, reason = self.end
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self._changed()
        return self.inbox.popleft()

    def give(self, message: Message) -> None:
        """A message of the client; on the loop."""
        if self.end is None:
            self.inbox.append(message)
            self.stir()

    def hang_up(self, code: int, reason: str) -> None:
        """The client closes, or drops the connection; on the loop."""
        if self.end is None:
            self.end = (code, reason)
        super().disconnect()

    def disconnect(self) -> None:
        self.hang_up(1006, "")

    def _client_is_gone(self) -> bool:
        # What is sent after the application's own close is its mistake, not a race with the client.
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
        self.stir()

    def _by_departure(self, exc: BaseException) -> bool:
        # Frameworks tell an endpoint of the client's leaving with an exception of this name; unhandled, it is no error.
        return super()._by_departure(exc) or any(
            base.__name__ == "WebSocketDisconnect" for link in chain(exc) for base in type(link).__mro__
        )

    def expectation(self) -> str:
        """What has not come, for the error of a wait that has ended."""
        if self.answer is None:
            return "neither websocket.accept nor websocket.close"
        return "no end of the denial response" if self.is_denial else "no message from the application"

    def advice(self) -> str:
        """What the application waits in, where that is us."""
        if self.receiving and self.answer is not None:
            return "It waits in receive(), and the test waits for a message: both sides wait."
        return ""

    def response(self, httpx: ModuleType, run: Any, owner: Any) -> Any:
        """The HTTP side of the handshake: 101 with what a session needs, a denial, or the 403 that a close becomes."""
        if self.is_denial and self.answer is not None:
            status, body = self.answer["status"], b"".join(self.denial)
        else:
            status, body = (101 if self.accepted else 403), b""
        return httpx.Response(
            status,
            headers=self.headers,
            stream=httpx.ByteStream(body),
            extensions={"http_version": b"HTTP/1.1", CHANNEL: (self, run, owner)},
        )
