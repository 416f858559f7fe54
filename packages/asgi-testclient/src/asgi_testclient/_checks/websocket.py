"""One WebSocket: the handshake or its denial, messages, and the close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from .._texts import shown
from ..types import Message
from .answers import AnswerChecks
from .headers import check_headers, has_header

__tracebackhide__ = True  # pytest shows the code of its reader instead

HANDSHAKE, OPEN, DENYING, DENIED, CLOSED = range(5)
CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


class WebSocketChecks(AnswerChecks):
    """The messages of a websocket scope, from the first to the last."""

    __slots__ = ("_connected", "_disconnected", "_state", "accepted")

    protocol = "websocket"

    def _prepare(self) -> None:
        self.accepted = False
        self._state = HANDSHAKE
        self._connected = False
        self._disconnected = False
        self._status = None
        self._expected = None
        self._length = 0

    def received(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "websocket.connect":
            self._connected = True
        elif kind == "websocket.disconnect":
            self._disconnected = True

    def _refused(self, kind: str) -> bool:
        """Flag a message that follows a close or a denial; return whether it is one."""
        if self._state in (DENYING, DENIED):
            self.flag("E26", f"{kind} was sent after the connection had been denied")
            return True
        if self._state == CLOSED:
            self.flag("E23", f"{kind} was sent after websocket.close")
            return True
        return False

    def _accept(self, message: Message) -> None:
        if self._refused(message["type"]):
            return
        if self._state == OPEN:
            self.flag("E21", "websocket.accept was sent a second time")
            return
        # ASGI: an application receives websocket.connect before it accepts or closes.
        if not self._connected:
            self.flag("E27", "websocket.accept was sent before websocket.connect was received")
        chosen = message.get("subprotocol")
        offered = list(self._scope.get("subprotocols") or ())
        if chosen is not None and chosen not in offered:
            self.flag("E25", f"the subprotocol is {shown(chosen)}; the client offers {offered or 'none'}")
        check_headers(self, message)
        # The server writes this header from `subprotocol`, and it may not be repeated (RFC 6455 §11.3.4).
        if has_header(message, b"sec-websocket-protocol"):
            self.flag("E25", "the headers of websocket.accept name a sec-websocket-protocol")
        self._state = OPEN
        self.accepted = True

    def _send(self, message: Message) -> None:
        if self._refused(message["type"]):
            return
        if self._state == HANDSHAKE:
            self.flag("E20", "websocket.send was sent before websocket.accept")
        text, binary = message.get("text"), message.get("bytes")
        if (text is None) == (binary is None):
            which = "neither text nor bytes" if text is None else "both text and bytes"
            self.flag("E22", f"websocket.send has {which}")
        elif text is not None and not isinstance(text, str):
            self.flag("E22", f"'text' of websocket.send is {shown(text)} where a str was expected")
        elif binary is not None and not isinstance(binary, (bytes, bytearray, memoryview)):
            self.flag("E22", f"'bytes' of websocket.send is {shown(binary)} where bytes were expected")

    def _close(self, message: Message) -> None:
        if self._refused(message["type"]):
            return
        self._state = CLOSED
        code, reason = message.get("code", 1000), message.get("reason")
        # 1005, 1006 and 1015 stand for the absence of a code and are never sent (RFC 6455 §7.4.1).
        if not isinstance(code, int) or isinstance(code, bool) or code not in CODES:
            self.flag("E24", f"the close code is {shown(code)}, which an application may not send")
        if reason is not None and not isinstance(reason, str):
            self.flag("E24", f"the reason of websocket.close is {shown(reason)} where a str was expected")
        # A control frame holds 125 bytes, two of them for the code (RFC 6455 §5.5).
        elif reason is not None and len(reason.encode("utf-8", "surrogatepass")) > 123:
            self.flag("E24", f"the reason of websocket.close has more than 123 bytes: {shown(reason)}")

    def _denial_start(self, message: Message) -> None:
        self._offers("websocket.http.response", message["type"])
        if self._state == OPEN:
            self.flag("E26", "websocket.http.response.start was sent after websocket.accept")
            return
        if self._state == DENYING:
            self.flag("E05", "websocket.http.response.start was sent a second time")
            return
        if self._refused(message["type"]):
            return
        self._begin(message, head=False)
        self._state = DENYING

    def _denial_body(self, message: Message) -> None:
        self._offers("websocket.http.response", message["type"])
        if self._state == HANDSHAKE:
            self.flag("E20", "websocket.http.response.body was sent before websocket.http.response.start")
            return
        if self._state == OPEN:
            self.flag("E26", "websocket.http.response.body was sent after websocket.accept")
            return
        if self._state != DENYING:
            self._refused(message["type"])
        elif not self._take(message):
            self._state = DENIED

    def _end(self) -> None:
        if self._disconnected:
            return
        if self._state == HANDSHAKE:
            self.flag_end("E07", "the application returned without accepting or closing the WebSocket")
        elif self._state == DENYING:
            self.flag_end("E26", "the application returned without sending the last body of its denial")

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "websocket.accept": _accept,
        "websocket.send": _send,
        "websocket.close": _close,
        "websocket.http.response.start": _denial_start,
        "websocket.http.response.body": _denial_body,
    }
