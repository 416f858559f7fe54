"""A WebSocket of a synchronous client."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._runs import ThreadRun, settle
from ..types import Message
from ._session import Limit, Mode, Session, bytes_of, framed, json_of, text_of

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal


class WebSocketTestSession(Session):
    """One WebSocket of a TestClient: open inside its `with` block, closed with 1000 when that is left.

    Each `receive` waits `timeout` seconds, by default as long as the client does, and raises AppTimeout after that.
    """

    _run: ThreadRun

    def __enter__(self) -> Self:
        self._run, accepted = self._opened(self._client.send(self._request, **self._options))
        if not accepted:
            self._finish()
            raise self._refusal()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        problem: BaseException | None = None
        try:
            if not self.closed:
                self.close()
            self._finish()
        except BaseException as raised:
            problem = raised
        try:
            settle(problem, exc)
        finally:
            problem = None

    @property
    def portal(self) -> BlockingPortal:
        """Anyio's portal to the event loop that the application runs on."""
        return self._run.thread.portal()

    def _finish(self) -> None:
        try:
            self._run.leave()
        finally:
            self._owner.forget(self._run)
        self._owner.raise_failure(self._exchange)

    def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        if message.get("type") == "websocket.disconnect":
            self.close(message.get("code") or 1005, message.get("reason"))
        else:
            self._run.tell(partial(self._exchange.give, {**message}))

    def send_text(self, data: str) -> None:
        """Send a text message."""
        self.send({"type": "websocket.receive", "text": data})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self.send({"type": "websocket.receive", "bytes": data})

    def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, as text or as bytes."""
        self.send(framed(data, mode))

    def receive(self, timeout: Limit = "client") -> Message:
        """The next raw message: websocket.send, or websocket.close once."""
        self._run.wait(self._exchange.readable, self._seconds(timeout), self._expectation, self._exchange.advice)
        message = self._taken()
        if message["type"] == "websocket.close":
            self._run.rest()
            self._raise_failure()
        return message

    def receive_text(self, timeout: Limit = "client") -> str:
        """The next message, which is text. Raises WebSocketDisconnect where the application has closed."""
        return text_of(self._data(self.receive(timeout)))

    def receive_bytes(self, timeout: Limit = "client") -> bytes:
        """The next message, which is binary. Raises WebSocketDisconnect where the application has closed."""
        return bytes_of(self._data(self.receive(timeout)))

    def receive_json(self, mode: Mode = "text", timeout: Limit = "client") -> Any:
        """The next message, parsed. Raises WebSocketDisconnect where the application has closed."""
        return json_of(self._data(self.receive(timeout)), mode)

    def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Whether the application sends nothing, and does not close or return, for so many seconds."""
        return not self._run.caller.until(self._exchange.readable, seconds)

    def __iter__(self) -> Iterator[str | bytes]:
        """The data of each message, until the WebSocket is closed."""
        while True:
            try:
                message = self._data(self.receive())
            except self._client.websocket_disconnect:
                return
            text = message.get("text")
            yield bytes_of(message) if text is None else text

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._run.tell(self._closing(code, reason))

    def disconnect(self, code: int = 1006) -> None:
        """Drop the connection without a close."""
        self._run.tell(self._closing(code, None))

    def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the application has returned, and raise what it raised."""
        self._run.wait(self._run.done, self._seconds(timeout), lambda: "the application has not returned")
        self._owner.raise_failure(self._exchange)
