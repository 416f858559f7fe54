"""A WebSocket of a client."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Self

from ..._calls.websocket import WebSocketCall
from ..._errors import raise_or_note
from ...types import Message
from ..session import BaseSession, Limit
from .driver import AsyncDriver
from .messages import AsyncMessages

__tracebackhide__ = True  # pytest shows the code of its reader instead


class AsyncSession(BaseSession, AsyncMessages):
    """One WebSocket. Each `receive` waits `timeout` seconds, by default as long as the client does."""

    _driver: AsyncDriver[WebSocketCall]

    async def __aenter__(self) -> Self:
        self._driver, accepted = self._opened(await self._client.send(self._request, **self._options))
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
            raise_or_note(problem, exc)
        finally:
            problem = None

    async def _finish(self) -> None:
        try:
            await self._driver.leave()
        finally:
            await self._owner.forget(self._driver)
        self._owner.raise_failure(self._call)

    async def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        if message.get("type") == "websocket.disconnect":
            await self.close(message.get("code") or 1005, message.get("reason"))
        else:
            self._driver.host.post(partial(self._call.give, {**message}))

    async def receive(self, timeout: Limit = "client") -> Message:
        """Return the next raw message: websocket.send, or websocket.close once.

        Raises AppTimeout at the limit, and what the application raised, even if it has closed before.
        """
        await self._driver.wait(self._call.readable, self._seconds(timeout))
        message = self._taken()
        if message["type"] == "websocket.close":
            # An exception that has closed the WebSocket says more than its code, and may be about to arrive.
            await self._driver.rest()
            if self._call.done:
                self._owner.raise_failure(self._call)
        return message

    async def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Return whether the application sends nothing, and does not close or return, for so many seconds."""
        return not await self._driver.waiter.within(self._call.readable, seconds)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._driver.host.post(self._closing(code, reason))

    async def disconnect(self, code: int = 1006) -> None:
        """Drop the connection without a close."""
        self._driver.host.post(self._closing(code, None))

    async def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the application has returned, and raise what it raised."""
        await self._driver.wait_closed(self._seconds(timeout))
        self._owner.raise_failure(self._call)
