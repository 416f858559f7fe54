"""A WebSocket of an asynchronous client."""

# ruff: noqa: ASYNC109 - the limits are ours, so that their errors can tell where the application waits

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

from .._runs import TaskRun, settle
from ..types import Message
from ._session import Limit, Mode, Session, bytes_of, framed, json_of, text_of


class AsyncWebSocketTestSession(Session):
    """One WebSocket of an AsyncTestClient: `async with`, or awaited and closed by hand.

    The names are those of WebSocketTestSession; what waits there is awaited here.
    """

    _run: TaskRun

    def __await__(self) -> Generator[Any, Any, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        self._run, accepted = self._opened(await self._client.send(self._request, **self._options))
        if not accepted:
            await self._finish()
            raise self._refusal()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        problem: BaseException | None = None
        try:
            if not self.closed:
                await self.close()
            await self._finish()
        except BaseException as raised:
            problem = raised
        try:
            settle(problem, exc)
        finally:
            problem = None

    async def _finish(self) -> None:
        try:
            await self._run.leave()
        finally:
            self._owner.forget(self._run)
        self._owner.raise_failure(self._exchange)

    async def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        if message.get("type") == "websocket.disconnect":
            await self.close(message.get("code") or 1005, message.get("reason"))
        else:
            self._exchange.give({**message})

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        await self.send({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self.send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, as text or as bytes."""
        await self.send(framed(data, mode))

    async def receive(self, timeout: Limit = "client") -> Message:
        """The next raw message: websocket.send, or websocket.close once."""
        await self._run.wait(self._exchange.readable, self._seconds(timeout), self._expectation, self._exchange.advice)
        message = self._taken()
        if message["type"] == "websocket.close":
            await self._run.rest()
            self._raise_failure()
        return message

    async def receive_text(self, timeout: Limit = "client") -> str:
        """The next message, which is text. Raises WebSocketDisconnect where the application has closed."""
        return text_of(self._data(await self.receive(timeout)))

    async def receive_bytes(self, timeout: Limit = "client") -> bytes:
        """The next message, which is binary. Raises WebSocketDisconnect where the application has closed."""
        return bytes_of(self._data(await self.receive(timeout)))

    async def receive_json(self, mode: Mode = "text", timeout: Limit = "client") -> Any:
        """The next message, parsed. Raises WebSocketDisconnect where the application has closed."""
        return json_of(self._data(await self.receive(timeout)), mode)

    async def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Whether the application sends nothing, and does not close or return, for so many seconds."""
        return not await self._run.caller.until(self._exchange.readable, seconds)

    def __aiter__(self) -> Self:
        """The data of each message, until the WebSocket is closed."""
        return self

    async def __anext__(self) -> str | bytes:
        try:
            message = self._data(await self.receive())
        except self._client.websocket_disconnect:
            raise StopAsyncIteration from None
        text = message.get("text")
        return bytes_of(message) if text is None else text

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._closing(code, reason)()

    async def disconnect(self, code: int = 1006) -> None:
        """Drop the connection without a close."""
        self._closing(code, None)()

    async def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the application has returned, and raise what it raised."""
        await self._run.wait(self._run.done, self._seconds(timeout), lambda: "the application has not returned")
        self._owner.raise_failure(self._exchange)
