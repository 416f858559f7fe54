"""A WebSocket connection: accepted or refused, then text, bytes and JSON both ways until one side closes it.

    from asgi_requests import WebSocket

    async def echo(scope, receive, send):
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

A client that leaves is a WebSocketDisconnect; the iterators end with it.
"""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from ._close import check_close_code, check_reason, close_message
from ._fields import encode_field
from ._json import InvalidJSON, dump_json_of, load_json_of
from .exceptions import UnexpectedFrame, WebSocketDisconnect, WebSocketDisconnected, WebSocketException
from .requests import HTTPConnection, StateT
from .types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from .responses import Response

__all__ = [
    "InvalidFrame",
    "UnexpectedFrame",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
]


class WebSocketState(enum.Enum):
    """The state of one side of a connection; RESPONSE is a denial response that has begun."""

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2
    RESPONSE = 3


_CONNECTING, _CONNECTED, _DISCONNECTED, _RESPONSE = WebSocketState


class InvalidFrame(json.JSONDecodeError, WebSocketException):
    """A message that is not JSON: a json.JSONDecodeError that closes with 1007 if it is left alone."""

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        WebSocketException.__init__(self, 1007, f"Invalid JSON: {msg}: line {self.lineno} column {self.colno}")


class WebSocket(HTTPConnection[StateT]):
    """A connection; `client_state` is what was received, `application_state` what was sent.

    `response_started` says that a denial response has begun, even if it has ended since. A message out of turn raises
    RuntimeError; after the end it is WebSocketDisconnected, which is one, too.
    """

    # What every message reads. A `receive` or `send` that replaces the class's is found in `__dict__`, with the rest.
    __slots__ = ("_open", "_receive", "_send", "application_state", "client_state", "scope")

    response_started = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            # It may set the attributes itself: this one, which Starlette does not have, needs a value without a slot.
            cls._open = False

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        self.scope = scope
        self._receive = receive
        self._send = send
        self.client_state = _CONNECTING
        self.application_state = _CONNECTING
        # Whether both sides are connected, the class's `receive` and `send` are its own, and a message needs no other
        # check. Text then skips them, two coroutines for each message, unless they are replaced on this very object.
        self._open = False

    async def receive(self) -> Message:
        """Return the next message, raw."""
        if self.client_state is _DISCONNECTED:
            raise WebSocketDisconnected('Cannot call "receive" once a disconnect message has been received.')
        return self._noted(await self._receive())

    def _noted(self, message: Message) -> Message:
        kind = message["type"]
        if self.client_state is _CONNECTED:
            if kind == "websocket.disconnect":
                self._open = False
                self.client_state = _DISCONNECTED
            elif kind != "websocket.receive":
                raise RuntimeError(
                    f'Expected ASGI message "websocket.receive" or "websocket.disconnect", but got {kind!r}'
                )
        elif kind == "websocket.connect":
            self.client_state = _CONNECTED
        else:
            raise RuntimeError(f'Expected ASGI message "websocket.connect", but got {kind!r}')
        return message

    async def send(self, message: Message) -> None:
        """Send a raw message; raises WebSocketDisconnect (1006) where the server says that the client has left."""
        kind = message["type"]
        state = self.application_state
        if state is _CONNECTED:
            if kind == "websocket.close":
                self._open = False
                self.application_state = _DISCONNECTED
            elif kind != "websocket.send":
                raise RuntimeError(f'Expected ASGI message "websocket.send" or "websocket.close", but got {kind!r}')
        elif state is _DISCONNECTED:
            raise WebSocketDisconnected('Cannot call "send" once a close message has been sent.')
        else:
            self._begin(message, kind)
        try:
            await self._send(message)
        except OSError as exc:
            raise self._gone() from exc

    def _gone(self) -> WebSocketDisconnect:
        self._open = False
        self.application_state = _DISCONNECTED
        # 1006: the connection ended without a close frame (RFC 6455 §7.1.5).
        return WebSocketDisconnect(code=1006)

    def _begin(self, message: Message, kind: str) -> None:
        if self.application_state is _RESPONSE:
            if kind != "websocket.http.response.body":
                raise RuntimeError(f'Expected ASGI message "websocket.http.response.body", but got {kind!r}')
            if not message.get("more_body", False):
                self.application_state = _DISCONNECTED
        elif kind == "websocket.accept":
            self.application_state = _CONNECTED
            cls = type(self)
            self._open = self.client_state is _CONNECTED and cls.receive is _RECEIVE and cls.send is _SEND
        elif kind == "websocket.close":
            self.application_state = _DISCONNECTED
        elif kind == "websocket.http.response.start":
            self.application_state = _RESPONSE
            self.response_started = True
        else:
            raise RuntimeError(
                'Expected ASGI message "websocket.accept", "websocket.close" or "websocket.http.response.start", '
                f"but got {kind!r}"
            )

    async def accept(
        self, subprotocol: str | None = None, headers: Iterable[tuple[bytes, bytes]] | None = None
    ) -> None:
        """Accept the connection; raises ValueError for an invalid header (RFC 9110 §5)."""
        if self.client_state is _CONNECTING:
            await self.receive()
        fields = (
            []
            if headers is None
            # Decoded so that the one function that refuses CR, LF and NUL encodes them.
            else [encode_field(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        )
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})

    async def _frame(self, key: str) -> Any:
        """Return the text or bytes of the next message; raises UnexpectedFrame for the other kind."""
        if self.application_state is not _CONNECTED:
            raise WebSocketDisconnected('WebSocket is not connected. Need to call "accept" first.')
        return self._content(await self.receive(), key)

    @staticmethod
    def _content(message: Message, key: str) -> Any:
        if message["type"] == "websocket.disconnect":
            # 1005: the close frame had no code (RFC 6455 §7.1.5).
            code = message.get("code")
            raise WebSocketDisconnect(1005 if code is None else code, message.get("reason"))
        content = message.get(key)
        if content is None:
            raise UnexpectedFrame(key)
        return content

    async def receive_text(self) -> str:
        """Return the next message as text; raises WebSocketDisconnect, and UnexpectedFrame for a binary one."""
        if self._open and "receive" not in self.__dict__:
            message = await self._receive()
            try:
                text: str | None = message["text"]
            except KeyError:
                text = None
            return self._content(self._noted(message), "text") if text is None else text
        return await self._frame("text")  # type: ignore[no-any-return]

    async def receive_bytes(self) -> bytes:
        """Return the next message as bytes; raises WebSocketDisconnect, and UnexpectedFrame for a text."""
        return await self._frame("bytes")  # type: ignore[no-any-return]

    async def receive_json(self, mode: str = "text") -> Any:
        """Return the next message as JSON, `mode` being "text" or "binary"; raises InvalidFrame for anything else.

        InvalidFrame is a json.JSONDecodeError, and left alone closes the connection with 1007.
        """
        if mode not in ("text", "binary"):
            raise RuntimeError('The "mode" argument should be "text" or "binary".')
        content = await self._frame("text" if mode == "text" else "bytes")
        try:
            return load_json_of(self.scope, content)
        except InvalidJSON as exc:
            raise InvalidFrame(exc.msg, exc.doc, exc.pos) from None

    async def iter_text(self) -> AsyncIterator[str]:
        """Iterate over the messages as text until the client leaves."""
        try:
            while True:
                yield await self.receive_text()
        except WebSocketDisconnect:
            pass

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterate over the messages as bytes until the client leaves."""
        try:
            while True:
                yield await self.receive_bytes()
        except WebSocketDisconnect:
            pass

    async def iter_json(self) -> AsyncIterator[Any]:
        """Iterate over the text messages as JSON until the client leaves; raises InvalidFrame."""
        try:
            while True:
                yield await self.receive_json()
        except WebSocketDisconnect:
            pass

    async def send_text(self, data: str) -> None:
        """Send text."""
        if not self._open or "send" in self.__dict__:
            return await self.send({"type": "websocket.send", "text": data})
        try:
            await self._send({"type": "websocket.send", "text": data})
        except OSError as exc:
            raise self._gone() from exc

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes."""
        await self.send({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Send compact JSON, as text or, with `mode` "binary", as UTF-8 bytes.

        A lone surrogate is escaped. Raises TypeError, naming the type, for what JSON cannot hold, and ValueError for
        NaN and infinities.
        """
        if mode not in ("text", "binary"):
            raise RuntimeError('The "mode" argument should be "text" or "binary".')
        written = dump_json_of(self.scope, data)
        if mode == "text":
            await self.send({"type": "websocket.send", "text": written.decode()})
        else:
            await self.send({"type": "websocket.send", "bytes": written})

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection, or refuse it if it has not been accepted.

        A reason over 123 bytes is cut. Raises ValueError for a code that may not be sent (RFC 6455 §7.4), except before
        the accept: then servers answer 403 and send no code. A reason that is not text, such as FastAPI's list of
        validation errors, is sent as `str()` shows it.
        """
        if self.application_state is not _CONNECTING or not isinstance(code, int):
            check_close_code(code)
        await self.send(close_message(code, "" if reason is None else str(reason)))

    async def send_denial_response(self, response: Response) -> None:
        """Refuse the connection with an HTTP response; raises RuntimeError where the server does not offer it."""
        if "websocket.http.response" not in (self.scope.get("extensions") or ()):
            raise RuntimeError("The server doesn't support the Websocket Denial Response extension.")
        await response(self.scope, self.receive, self.send)


# Captured at import, before anything can be patched.
_RECEIVE, _SEND = WebSocket.receive, WebSocket.send


class WebSocketClose:
    """An ASGI application that closes a WebSocket; raises ValueError for a code that may not be sent."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = check_close_code(code)
        self.reason = check_reason(reason)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(close_message(self.code, self.reason))
