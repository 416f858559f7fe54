"""The exceptions of a refused or closed WebSocket, in the classes that the test and its framework know."""

from __future__ import annotations

import sys
from typing import Any, Self

from ..exceptions import WebSocketDenied


class Denial(WebSocketDenied):
    """Makes a response of httpx an exception too."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """Return the same response as an exception, with the undecoded stream of its body."""
        denial: Any = cls.__new__(cls)
        denial.__init__(response.status_code, headers=response.headers, stream=body, request=response.request)
        denial.read()
        denial.code, denial.reason = response.status_code, response.reason_phrase
        return denial  # type: ignore[no-any-return]

    def __str__(self) -> str:
        response = self.response
        return f"the handshake was denied: {response.status_code} {response.reason_phrase} for {response.url}"

    @property
    def response(self) -> Any:
        """This very response."""
        return self


JOINED: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def joined(ours: type[Any], theirs: type[Any]) -> type[Any]:
    """Return an exception that both an `except` of ours and one of theirs catch; made at run time, once."""
    if issubclass(ours, theirs):
        return ours
    if (ours, theirs) not in JOINED:
        JOINED[ours, theirs] = type(ours.__name__, (ours, theirs), {"__module__": ours.__module__})
    return JOINED[ours, theirs]


def disconnect_types(wanted: type[BaseException]) -> list[type[BaseException]]:
    """Return the class that a client raises, and Starlette's if that is in use: its tests expect it."""
    starlette: Any = sys.modules.get("starlette.websockets")
    return [wanted] if starlette is None else [wanted, starlette.WebSocketDisconnect]
