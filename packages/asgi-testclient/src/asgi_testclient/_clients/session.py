"""The part that both sessions share: what is known of the WebSocket, and the exceptions of its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Self

from .._calls.websocket import CHANNEL, WebSocketCall
from ..exceptions import WebSocketDenied
from ..types import Message, Scope
from .saved import Saved

GONE = "the application returned without websocket.close"
Mode = Literal["text", "binary"]
Limit = float | Literal["client"] | None


__tracebackhide__ = True  # pytest shows the code of its reader instead


class BaseSession(Saved):
    """One WebSocket of a client."""

    __test__ = False

    def __init__(self, client: Any, request: Any, options: dict[str, Any]) -> None:
        self.response: Any = None
        self._client = client
        self._request = request
        self._options = options
        self._call: WebSocketCall
        self._owner: Any
        self._closed_here = False

    @property
    def app(self) -> Any:
        """The application."""
        return self._client.app

    @property
    def scope(self) -> Scope:
        """The scope the application was called with."""
        return self._call.scope

    @property
    def accepted_subprotocol(self) -> str | None:
        """The subprotocol the application chose."""
        subprotocol: str | None = (self._call.answer or {}).get("subprotocol")
        return subprotocol

    @property
    def extra_headers(self) -> list[tuple[bytes, bytes]]:
        """The raw headers of websocket.accept."""
        return self._call.headers

    @property
    def headers(self) -> Any:
        """The headers of the handshake's response."""
        return self.response.headers

    @property
    def denial(self) -> Any:
        """The response the handshake was refused with, or None."""
        return None if self.response is None or self._call.accepted else self.response

    @property
    def messages(self) -> list[tuple[str, Message]]:
        """The messages in order: ("receive" or "send", message)."""
        return list(self._call.messages)

    @property
    def closed(self) -> bool:
        """True once either side has closed, or the application has returned."""
        return self._closed_here or self._call.end is not None or self._call.done

    @property
    def close_code(self) -> int | None:
        """The code of the close, from either side; 1006 if there was none; None while it is open."""
        if self._call.end is not None:
            return self._call.end[0]
        # 1006: the connection ended without a close frame (RFC 6455 §7.1.5).
        return 1006 if self._call.done else None

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it is open."""
        if self._call.end is not None:
            return self._call.end[1]
        return GONE if self._call.done else None

    @property
    def app_exception(self) -> BaseException | None:
        """The exception of the application, even if it was only how it learned that the client left."""
        exception: BaseException | None = self._call.exception
        return exception

    def _seconds(self, timeout: Limit) -> float | None:
        if timeout != "client":
            return timeout
        seconds: float | None = self._owner.seconds_of(self._request)
        return seconds

    def _opened(self, response: Any) -> tuple[Any, Any]:
        """Keep what the transport made; return the driver and whether the application accepted."""
        self.response = response
        self._call, driver, self._owner = response.extensions[CHANNEL]
        return driver, self._call.accepted

    def _refusal(self) -> BaseException:
        if not self._call.is_denial:
            code, reason = self._call.end or (1006, GONE)
            refusal: BaseException = caught_by_all(WebSocketDenied, self._client)(code, reason, self.response)
            return refusal
        return denied(self._client, self.response, b"".join(self._call.denial))

    def _taken(self) -> Message:
        """Return the next message, once there is one or the application has returned."""
        call = self._call
        # Messages before the failure: a client over a socket has them before it notices that the server has closed.
        if call.outbox:
            return call.outbox.popleft()
        self._owner.raise_failure(call)
        # 1011 is what servers close with when an application fails (RFC 6455 §7.4.1).
        if call.exception is not None and call.end is None:
            raise disconnected(self._client, 1011, "the application raised an exception")
        code, reason = call.end or (1006, GONE)
        raise disconnected(self._client, code, reason)

    def _closing(self, code: int, reason: str | None) -> Callable[[], None]:
        self._closed_here = True
        return partial(self._call.hang_up, code, reason or "")


class Denial(WebSocketDenied):
    """A base class that makes a response of httpx an exception, too."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """Return the same response as an exception, with the undecoded stream of its body."""
        denial: Any = cls.__new__(cls)
        denial.__init__(response.status_code, headers=response.headers, stream=body, request=response.request)
        denial.read()
        denial.code, denial.reason = response.status_code, response.reason_phrase
        return denial  # type: ignore[no-any-return]

    def __str__(self) -> str:
        response = self.response
        return f"the handshake was denied: {response.status_code} {response.reason_phrase} for {response.url}"

    @property
    def response(self) -> Any:
        """This very response."""
        return self


JOINED: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def joined(ours: type[Any], theirs: type[Any]) -> type[Any]:
    """Return an exception that both an `except` of ours and one of theirs catch; made at run time, once."""
    if issubclass(ours, theirs):
        return ours
    if (ours, theirs) not in JOINED:
        JOINED[ours, theirs] = type(ours.__name__, (ours, theirs), {"__module__": ours.__module__})
    return JOINED[ours, theirs]


def disconnect_types(wanted: type[BaseException]) -> list[type[BaseException]]:
    """Return the class that a client raises, and Starlette's if that is in use: its tests expect it."""
    starlette: Any = sys.modules.get("starlette.websockets")
    return [wanted] if starlette is None else [wanted, starlette.WebSocketDisconnect]


def caught_by_all(kind: type[Any], client: Any) -> type[Any]:
    """Return a class of exceptions that an `except` of the client's class, and of Starlette's, catches."""
    for other in disconnect_types(client.websocket_disconnect):
        kind = joined(kind, other)
    return kind


def disconnected(client: Any, code: int, reason: str) -> BaseException:
    """Return the exception of a WebSocket that is closed."""
    exc: BaseException = caught_by_all(client.websocket_disconnect, client)(code, reason)
    return exc


def denied(client: Any, response: Any, body: bytes) -> BaseException:
    """Return the exception of a handshake that was answered with a response."""
    exc: BaseException = caught_by_all(client.denial_response, client).of(response, client.library.ByteStream(body))
    return exc


def text_of(message: Message) -> str:
    """Return the text of a message. Raises AssertionError if it is binary."""
    text: str | None = message.get("text")
    if text is None:
        size = len(message.get("bytes") or b"")
        raise AssertionError(f"a text message was expected, the application sent {size} bytes: use receive_bytes()")
    return text


def bytes_of(message: Message) -> bytes:
    """Return the bytes of a message. Raises AssertionError if it is text."""
    content: bytes | None = message.get("bytes")
    if content is None:
        raise AssertionError(
            f"a binary message was expected, the application sent the text {message.get('text')!r}: use receive_text()"
        )
    return content


def json_of(message: Message, mode: Mode) -> Any:
    """Return the parsed JSON of a message."""
    return json.loads(text_of(message) if _checked(mode) == "text" else bytes_of(message).decode())


def framed(data: Any, mode: Mode) -> Message:
    """Return a message with compact JSON, as text or as bytes."""
    # The bytes of Starlette's client: an application under test may compare what it receives.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    if _checked(mode) == "text":
        return {"type": "websocket.receive", "text": text}
    return {"type": "websocket.receive", "bytes": text.encode()}


def _checked(mode: Mode) -> Mode:
    if mode not in ("text", "binary"):
        raise ValueError(f"mode is 'text' or 'binary', not {mode!r}")
    return mode
