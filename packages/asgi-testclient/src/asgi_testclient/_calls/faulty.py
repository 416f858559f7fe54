"""A client that sends its body in pieces, reads slowly or leaves early."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, ClassVar

from .._faults import Faults
from ..types import Message
from .http import HTTPCall


class FaultyCall(HTTPCall):
    """A request with faults."""

    def __init__(self, faults: Faults, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        chunks = faults.chunks
        self._splits = chunks is not None
        self._every = chunks if isinstance(chunks, int) else None
        self._sizes = deque(chunks if isinstance(chunks, Sequence) else ())
        self._held = bytearray()
        self._drawn = False
        self._upload = faults.upload
        self._download = faults.download
        self._bandwidth = faults.bandwidth
        self._paid = 0

    async def _next(self) -> Message:
        if self._upload == 0:
            self._depart()
        message = await (self._piece() if self._splits and not self.disconnected else super()._next())
        return message if self._upload is None or message["type"] != "http.request" else self._cut(message)

    async def _piece(self) -> Message:
        """Return the next piece of the body, of the size that was asked for."""
        size = self._sizes[0] if self._sizes else self._every
        # One byte more than the piece is drawn: `more_body` of the last piece has to be False.
        while not self._drawn and (size is None or len(self._held) <= size):
            message = await super()._next()
            if message["type"] != "http.request":
                return message
            self._held += message["body"]
            self._drawn = not message["more_body"]
        body = bytes(self._held[:size])
        del self._held[: len(body)]
        if self._sizes:
            self._sizes.popleft()
        more = bool(self._held or self._sizes) or not self._drawn
        self._splits = more
        return {"type": "http.request", "body": body, "more_body": more}

    def _cut(self, message: Message) -> Message:
        """Return as much of a message as the client sends before it leaves."""
        assert self._upload is not None
        body = message["body"]
        if len(body) >= self._upload:
            # A client that leaves within its body has sent a part of it; a server then gives http.disconnect.
            message = {**message, "body": body[: int(self._upload)], "more_body": True}
            self._upload = 0
            self._depart()
        elif message["more_body"]:
            self._upload -= len(body)
        # The whole body has arrived: it leaves before it reads the response.
        elif self._upload == inf:
            self._depart()
        return message

    def _depart(self) -> None:
        self.left = True
        self.disconnect()
        self.waiter.wake()

    def _start_faulty(self, message: Message) -> None:
        self._start(message)
        if self._download == 0:
            self._depart()

    def _write(self, body: Any) -> None:
        if self._download is None:
            return super()._write(body)
        before = self.written
        super()._write(bytes(body)[: self._download])
        self._download -= self.written - before
        if self._download == 0:
            self._depart()
        return None

    async def _yield(self, message: Message) -> None:
        await super()._yield(message)
        size, self._paid = self.written - self._paid, self.written
        if self._bandwidth is not None:
            await self._read_slowly(size / self._bandwidth)

    async def _read_slowly(self, seconds: float) -> None:
        """Hold `send` for as long as the client reads, or until it leaves."""
        from anyio import current_time, move_on_after

        end = current_time() + seconds
        self.sending += 1
        try:
            # A disconnect ends the wait at once: a server's `send` returns, or raises, when its client has left.
            with move_on_after(seconds):
                while not self.disconnected and current_time() < end:
                    await self._changed()
        finally:
            self.sending -= 1

    def advice(self) -> str:
        """Return what the application waits in, if it is this package, and the way out."""
        if self.sending and self._bandwidth is not None:
            return f"It waits in send(): the client reads {self._bandwidth:g} bytes a second, as bandwidth= says."
        return super().advice()

    _steps: ClassVar[dict[str, Callable[[Any, Message], None]]] = {
        **HTTPCall._steps,
        "http.response.start": _start_faulty,
    }
