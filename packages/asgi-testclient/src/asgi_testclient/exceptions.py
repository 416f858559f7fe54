"""The exceptions and warnings of the test client. They need no HTTP library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class AppTimeout(TimeoutError):
    """The application did not do in time what the test waits for; the message names the line it waits at."""


class AppCancelled(RuntimeError):
    """The application was cancelled, but not by the test client."""


class ClientDisconnected(OSError):
    """Raised out of `send()` after the client left, where the scope says ASGI 2.4 or later."""


class AppIgnoredDisconnect(UserWarning):
    """The application was still running at the end of `disconnect_grace`, and was cancelled."""


class BlockedEventLoop(UserWarning):
    """The synchronous client was used inside a running event loop, which it blocks."""


class UnfinishedTasks(ResourceWarning):
    """Tasks that the application had started were still running."""


class LifespanFailed(RuntimeError):
    """The application answered startup or shutdown with failed; `phase` and `message` are its own."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(phase, message)
        self.phase = phase
        self.message = message

    def __str__(self) -> str:
        return f"lifespan.{self.phase}.failed{f': {self.message}' if self.message else ', no message'}"


class LifespanNotSupported(RuntimeError):
    """The application has no lifespan, and `lifespan="on"` insists on one."""


class LifespanSkipped(UserWarning):
    """The application failed on the lifespan scope before it asked for startup, so that its lifespan was not run."""


class WebSocketDisconnect(Exception):
    """The application closed the WebSocket, with this `code` and `reason`."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        Exception.__init__(self, code, reason)
        self.code = code
        self.reason = reason or ""


class WebSocketDenied(WebSocketDisconnect):
    """The application refused the handshake. `response` is the HTTP response that a client would see.

    `code` is that of the websocket.close, or the status of the denial response.
    """

    def __init__(self, code: int = 1000, reason: str | None = None, response: Any = None) -> None:
        super().__init__(code, reason)
        self.response = response

    def __str__(self) -> str:
        seen = "" if self.response is None else f" {self.response.status_code} for {self.response.url}"
        close = f"websocket.close {self.code}" + (f" {self.reason!r}" if self.reason else "")
        return f"the handshake was refused:{seen} ({close})"


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken once: its stable code, what was expected and what came, what to do, where, and in which request.

    Two violations are equal if only their requests differ.
    """

    code: str
    message: str
    hint: str
    where: str | None = None
    request: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        place = f"\n  at {self.where}" if self.where else ""
        request = f"\n  in {self.request}" if self.request else ""
        return f"{self.code}: {self.message}{place}{request}\n  {self.hint}"


class ProtocolViolation(AssertionError):
    """Raised where the ASGI protocol is broken; `violation` has the code and the facts."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


class ProtocolWarning(UserWarning):
    """Issued for what works today but breaks with some server or client; `violation` has the code and the facts."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


# Tracebacks then show the names that tests import.
for _public in [value for value in vars().values() if isinstance(value, type) and value.__module__ == __name__]:
    _public.__module__ = __name__.partition(".")[0]
