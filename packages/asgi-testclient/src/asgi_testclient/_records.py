"""What `response.asgi` tells of an exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ._checks import Violation
from ._http import HTTPExchange, RawHeaders
from .types import Message, Scope

Closing = TypeVar("Closing")


class Record(Generic[Closing]):
    """The ASGI side of one response.

    `wait_closed(timeout)` waits until the application has returned, and raises what it raised; it is a coroutine
    function where the client is asynchronous.
    """

    def __init__(self, exchange: HTTPExchange, wait: Callable[[float | None], Closing]) -> None:
        self._exchange = exchange
        self._wait = wait

    @property
    def scope(self) -> Scope:
        """The scope the application was called with."""
        return self._exchange.scope

    @property
    def messages(self) -> list[tuple[str, Message]]:
        """What passed, in order: ("receive" or "send", message), also what breaks a rule; the last thousand of it."""
        return list(self._exchange.messages.copy())

    @property
    def done(self) -> bool:
        """Whether the application has returned or raised."""
        return self._exchange.done

    @property
    def exception(self) -> BaseException | None:
        """What the application raised; or what it logged, where the client was told to look at the log."""
        exchange = self._exchange
        if exchange.exception is None and exchange.sighting is not None and exchange.status >= 500:
            return exchange.sighting.exception
        return exchange.exception

    @property
    def violations(self) -> list[Violation]:
        """What the checks found."""
        return self._exchange.checks.violations

    @property
    def early_hints(self) -> list[list[bytes]]:
        """The links of each http.response.early_hint."""
        return self._exchange.early_hints

    @property
    def pushes(self) -> list[tuple[str, RawHeaders]]:
        """The path and the headers of each http.response.push."""
        return self._exchange.pushes

    @property
    def trailers(self) -> RawHeaders:
        """The trailers, once the response is complete."""
        return self._exchange.trailers

    @property
    def debug(self) -> dict[str, Any] | None:
        """The `info` of http.response.debug."""
        return self._exchange.debug

    @property
    def path(self) -> str | None:
        """The file of http.response.pathsend."""
        return self._exchange.path

    def disconnect(self) -> None:
        """Leave, as a client that drops its connection: `receive` gives http.disconnect from now on."""
        self._exchange.loop.post(self._exchange.disconnect)

    def wait_closed(self, timeout: float | None = None) -> Closing:
        """Wait until the application has returned; AppTimeout after so many seconds, or the client's limit."""
        return self._wait(timeout)

    def __repr__(self) -> str:
        state = "done" if self.done else "running"
        return f"<{self.scope.get('method')} {self.scope['path']}: {state}, {len(self._exchange.messages)} messages>"
