"""What both kinds of session know and do."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from .._websocket import CHANNEL, WebSocketExchange
from ..types import Message, Scope
from ._disconnects import WebSocketDenied, disconnect_types, joined

GONE = "the application returned without websocket.close"
Mode = Literal["text", "binary"]
Limit = float | Literal["client"] | None


class Session:
    """What a session knows of its WebSocket; both kinds of session are one."""

    def __init__(self, client: Any, request: Any, options: dict[str, Any]) -> None:
        self.response: Any = None
        self._client = client
        self._request = request
        self._options = options
        self._exchange: WebSocketExchange
        self._owner: Any
        self._closed_here = False

    @property
    def app(self) -> Any:
        """The application."""
        return self._client.app

    @property
    def scope(self) -> Scope:
        """The scope the application was called with."""
        return self._exchange.scope

    @property
    def accepted_subprotocol(self) -> str | None:
        """The subprotocol the application chose."""
        subprotocol: str | None = (self._exchange.answer or {}).get("subprotocol")
        return subprotocol

    @property
    def extra_headers(self) -> list[tuple[bytes, bytes]]:
        """The raw headers of websocket.accept."""
        return self._exchange.headers

    @property
    def headers(self) -> Any:
        """The headers of the handshake's response."""
        return self.response.headers

    @property
    def denial(self) -> Any:
        """The response the handshake was refused with, or None."""
        return None if self.response is None or self._exchange.accepted else self.response

    @property
    def messages(self) -> list[tuple[str, Message]]:
        """What passed, in order: ("receive" or "send", message)."""
        return list(self._exchange.messages)

    @property
    def closed(self) -> bool:
        """Whether either side has closed, or the application has returned."""
        return self._closed_here or self._exchange.end is not None or self._exchange.done

    @property
    def close_code(self) -> int | None:
        """The code of the close, from whichever side; 1006 where there was none; None while it is open."""
        if self._exchange.end is not None:
            return self._exchange.end[0]
        return 1006 if self._exchange.done else None

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it is open."""
        if self._exchange.end is not None:
            return self._exchange.end[1]
        return GONE if self._exchange.done else None

    @property
    def app_exception(self) -> BaseException | None:
        """What the application raised, if anything: also where it was only how it learned that the client left."""
        exception: BaseException | None = self._exchange.exception
        return exception

    def _seconds(self, timeout: Limit) -> float | None:
        if timeout != "client":
            return timeout
        seconds: float | None = self._owner.seconds_of(self._request)
        return seconds

    def _opened(self, response: Any) -> tuple[Any, Any]:
        """Take over what the transport made; the run and whether the application accepted."""
        self.response = response
        self._exchange, run, self._owner = response.extensions[CHANNEL]
        return run, self._exchange.accepted

    def _disconnected(self, code: int, reason: str) -> BaseException:
        kind: type[Any] = self._client.websocket_disconnect
        for other in disconnect_types(kind):
            kind = joined(kind, other)
        exc: BaseException = kind(code, reason)
        return exc

    def _refusal(self) -> BaseException:
        kind: type[Any] = self._client.denial_response if self._exchange.is_denial else WebSocketDenied
        for other in disconnect_types(self._client.websocket_disconnect):
            kind = joined(kind, other)
        if not self._exchange.is_denial:
            code, reason = self._exchange.end or (1006, GONE)
            refusal: BaseException = kind(code, reason, self.response)
            return refusal
        body = self._client.httpx.ByteStream(b"".join(self._exchange.denial))
        denial: BaseException = kind.of(self.response, body)
        return denial

    def _taken(self) -> Message:
        """The next message, once there is one or the application has returned."""
        exchange = self._exchange
        if exchange.outbox:
            return exchange.outbox.popleft()
        self._owner.raise_failure(exchange)
        if exchange.exception is not None and exchange.end is None:
            raise self._disconnected(1011, "the application raised an exception")
        code, reason = exchange.end or (1006, GONE)
        raise self._disconnected(code, reason)

    def _raise_failure(self) -> None:
        """Raise what the application raised after its close: the close was then only what the framework made of it."""
        if self._exchange.done:
            self._owner.raise_failure(self._exchange)

    def _data(self, message: Message) -> Message:
        """The message, if it is one of data; its disconnect otherwise."""
        if message["type"] == "websocket.close":
            code, reason = self._exchange.end or (1000, "")
            raise self._disconnected(code, reason)
        return message

    def _expectation(self) -> str:
        return self._exchange.expectation()

    def _closing(self, code: int, reason: str | None) -> Callable[[], None]:
        self._closed_here = True
        return partial(self._exchange.hang_up, code, reason or "")


def text_of(message: Message) -> str:
    """The text of a message; AssertionError where it is binary."""
    text: str | None = message.get("text")
    if text is None:
        size = len(message.get("bytes") or b"")
        raise AssertionError(f"a text message was expected, the application sent {size} bytes: use receive_bytes()")
    return text


def bytes_of(message: Message) -> bytes:
    """The bytes of a message; AssertionError where it is text."""
    content: bytes | None = message.get("bytes")
    if content is None:
        raise AssertionError(
            f"a binary message was expected, the application sent the text {message.get('text')!r}: use receive_text()"
        )
    return content


def json_of(message: Message, mode: Mode) -> Any:
    """The parsed JSON of a message."""
    return json.loads(text_of(message) if _checked(mode) == "text" else bytes_of(message).decode())


def framed(data: Any, mode: Mode) -> Message:
    """A message with compact JSON, as text or as bytes."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    if _checked(mode) == "text":
        return {"type": "websocket.receive", "text": text}
    return {"type": "websocket.receive", "bytes": text.encode()}


def _checked(mode: Mode) -> Mode:
    if mode not in ("text", "binary"):
        raise ValueError(f"mode is 'text' or 'binary', not {mode!r}")
    return mode
