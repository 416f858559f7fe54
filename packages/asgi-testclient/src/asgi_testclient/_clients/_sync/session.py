# Generated from _clients/_async/session.py by `hatch run unasync`: edit that file.
# fmt: off
"""A WebSocket of a client."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Self

from ..._calls.websocket import WebSocketCall
from ..._errors import raise_or_note
from ...types import Message
from ..session import BaseSession, Limit
from .driver import Driver
from .messages import Messages

__tracebackhide__ = True  # pytest shows the code of its reader instead


class Session(BaseSession, Messages):
    """One WebSocket. Each `receive` waits `timeout` seconds, by default as long as the client does."""

    _driver: Driver[WebSocketCall]

    def __enter__(self) -> Self:
        self._driver, accepted = self._opened(self._client.send(self._request, **self._options))
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
            raise_or_note(problem, exc)
        finally:
            problem = None

    def _finish(self) -> None:
        try:
            self._driver.leave()
        finally:
            self._owner.forget(self._driver)
        self._owner.raise_failure(self._call)

    def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        if message.get("type") == "websocket.disconnect":
            self.close(message.get("code") or 1005, message.get("reason"))
        else:
            self._driver.host.post(partial(self._call.give, {**message}))

    def receive(self, timeout: Limit = "client") -> Message:
        """Return the next raw message: websocket.send, or websocket.close once.

        Raises AppTimeout at the limit, and what the application raised, even if it has closed before.
        """
        self._driver.wait(self._call.readable, self._seconds(timeout))
        message = self._taken()
        if message["type"] == "websocket.close":
            # An exception that has closed the WebSocket says more than its code, and may be about to arrive.
            self._driver.rest()
            if self._call.done:
                self._owner.raise_failure(self._call)
        return message

    def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Return whether the application sends nothing, and does not close or return, for so many seconds."""
        return not self._driver.waiter.within(self._call.readable, seconds)

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._driver.host.post(self._closing(code, reason))

    def disconnect(self, code: int = 1006) -> None:
        """Drop the connection without a close."""
        self._driver.host.post(self._closing(code, None))

    def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the application has returned, and raise what it raised."""
        self._driver.wait_closed(self._seconds(timeout))
        self._owner.raise_failure(self._call)
