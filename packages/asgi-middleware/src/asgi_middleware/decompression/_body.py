"""The body of one request, decoded as it is received, and the answer to an invalid one."""

from __future__ import annotations

from collections.abc import Sequence

from .._replies import send_text
from .._scope import unread
from ..types import Message, Receive, Scope, Send
from ._decoders import Decoder

_PIECE = 65536  # bytes that are decoded at a time
_SLICE = 8192  # bytes of input that a decoder gets at a time


class UndecodableBody(Exception):
    """Raised by `receive()` for a body that is damaged (400) or too large (413); as an application, answers that."""

    def __init__(self, status_code: int, detail: str) -> None:
        super().__init__(detail)
        self.status_code = status_code
        self.detail = detail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(scope, send, self.status_code, self.detail)


class _Stage:
    """One coding of a body: a decoder, and the input that it has not consumed."""

    __slots__ = ("_at", "_data", "decoder", "size")

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.size = 0
        self._data = b""
        self._at = 0

    def give(self, data: bytes) -> None:
        """Set the next input; the last has been consumed."""
        self._data, self._at = data, 0

    def take(self) -> bytes:
        """Return the next decoded piece, or an empty one if more input is needed."""
        piece = b""
        while not piece:
            data = b""
            if self.decoder.is_hungry():
                data = self._data[self._at : self._at + _SLICE]
                if not data:
                    return b""
                self._at += len(data)
            piece = self.decoder.decode(data, _PIECE)
        self.size += len(piece)
        return piece


class DecodedBody:
    """The receive and send of one request whose body is decoded; a failure replaces a response that ignores it."""

    def __init__(
        self,
        decoders: Sequence[Decoder],
        max_size: int | None,
        max_ratio: float,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._receive = unread(scope, receive)
        self._send = send
        self._scope = scope
        self._stages = [_Stage(decoder) for decoder in decoders]
        self._max_size = max_size
        self._max_ratio = max_ratio
        self._received = 0
        self._has_ended = self._is_delivered = False
        self.failure: UndecodableBody | None = None
        self.started = self.answered = False

    async def receive(self) -> Message:
        """Return the next message, its body decoded. Raises UndecodableBody."""
        if self._is_delivered:
            return await self._receive()
        try:
            return await self._next()
        except UndecodableBody as exc:
            self.failure = exc
            raise

    async def _next(self) -> Message:
        if self.failure is not None:
            raise self.failure
        while True:
            piece = self._decode(len(self._stages) - 1)
            if piece:
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._has_ended:
                return self._end()
            message: Message = await self._receive()
            if message["type"] != "http.request":
                return message
            data = message.get("body", b"")
            self._received += len(data)
            self._has_ended = not message.get("more_body", False)
            self._stages[0].give(data)

    def _end(self) -> Message:
        # A request without a body has nothing to decode, even if it has a Content-Encoding.
        if self._received and not all(stage.decoder.is_complete() for stage in self._stages):
            raise UndecodableBody(400, "Bad Request: the body ends too early")
        self._is_delivered = True
        return {"type": "http.request", "body": b"", "more_body": False}

    def _decode(self, number: int) -> bytes:
        """Return a piece from a stage, running the stages before it as far as needed."""
        stage = self._stages[number]
        try:
            while not (piece := stage.take()):
                if not number or not (data := self._decode(number - 1)):
                    return b""
                stage.give(data)
        except UndecodableBody:
            raise
        except Exception as exc:  # each library has its own exceptions, and none has a common base
            raise UndecodableBody(400, "Bad Request: the body cannot be decoded") from exc
        # Every stage is limited, not only the last: a bomb between two codings costs time, whatever it decodes to.
        beyond = self._max_size is not None and stage.size > self._max_size
        if beyond or stage.size > max(self._received * self._max_ratio, _PIECE):
            raise UndecodableBody(413, "Content Too Large")
        return piece

    async def send(self, message: Message) -> None:
        """Pass a message to the outer `send`; after a failure any status but a 4xx is replaced.

        A framework that catches every exception would answer 500 for a client's mistake, or 200 for half a body.
        """
        if self.answered and self.failure is not None:
            raise self.failure
        if message["type"] == "http.response.start":
            if self.failure is not None and not 400 <= message["status"] < 500:
                await self.answer(self.failure)
                raise self.failure
            self.started = True
        await self._send(message)

    async def answer(self, failure: UndecodableBody) -> None:
        """Send the response to a body that cannot be decoded."""
        self.answered = self.started = True
        await failure(self._scope, self._receive, self._send)
