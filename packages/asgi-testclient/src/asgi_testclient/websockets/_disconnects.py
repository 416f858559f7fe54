"""What a session raises when the application refuses or closes."""

from __future__ import annotations

import sys
from typing import Any, Self


class WebSocketDisconnect(Exception):
    """The application closed the WebSocket, with this `code` and `reason`."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        Exception.__init__(self, code, reason)
        self.code = code
        self.reason = reason or ""


class WebSocketDenied(WebSocketDisconnect):
    """The application refused the handshake. `response` is the HTTP response a client would see.

    `code` is that of the websocket.close, or the status of the denial response.
    """

    def __init__(self, code: int = 1000, reason: str | None = None, response: Any = None) -> None:
        super().__init__(code, reason)
        self.response = response


class Denial(WebSocketDenied):
    """What makes a response of httpx an exception too."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """The same response once more, with the undecoded stream of its body."""
        denial: Any = cls.__new__(cls)
        denial.__init__(response.status_code, headers=response.headers, stream=body, request=response.request)
        denial.read()
        denial.code, denial.reason = response.status_code, response.reason_phrase
        return denial  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return f"the handshake was denied: {self.code} {self.reason}"

    @property
    def response(self) -> Any:
        """This very response."""
        return self


JOINED: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def joined(ours: type[Any], theirs: type[Any]) -> type[Any]:
    """One exception that both an `except` of ours and one of theirs catch."""
    if issubclass(ours, theirs):
        return ours
    if (ours, theirs) not in JOINED:
        JOINED[ours, theirs] = type(ours.__name__, (ours, theirs), {"__module__": ours.__module__})
    return JOINED[ours, theirs]


def disconnect_types(wanted: type[BaseException]) -> list[type[BaseException]]:
    """The class a client is told to raise, and Starlette's, where that is in use: its tests expect it."""
    starlette: Any = sys.modules.get("starlette.websockets")
    return [wanted] if starlette is None else [wanted, starlette.WebSocketDisconnect]
