"""The order of an HTTP response, and nothing else: what Starlette's test client asserts, in its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..types import Message
from .base import Checks

__tracebackhide__ = True  # pytest shows the code of its reader instead


class OrderChecks(Checks):
    """The messages of an http scope. A message out of order is an AssertionError, raised out of `send()` alone."""

    __slots__ = ("_body_ended", "_complete", "_expects_trailers", "_started")

    protocol = "http"

    def _prepare(self) -> None:
        self._started = False
        self._body_ended = False
        self._complete = False
        self._expects_trailers: Any = False

    def sent(self, message: Message) -> None:
        step = self._steps.get(message["type"])
        if step is not None:
            step(self, message)

    def _start(self, message: Message) -> None:
        _expect(not self._started, 'Received multiple "http.response.start" messages.')
        self._started = True
        self._expects_trailers = message.get("trailers", False)

    def _body(self, message: Message) -> None:
        _expect(self._started, 'Received "http.response.body" without "http.response.start".')
        _expect(not self._complete, 'Received "http.response.body" after response completed.')
        _expect(not self._body_ended, 'Received "http.response.body" after body completed.')
        self._body_ended = not message.get("more_body", False)
        self._complete = self._body_ended and not self._expects_trailers

    def _trailers(self, message: Message) -> None:
        _expect(self._expects_trailers, 'Received "http.response.trailers" without declaring trailers.')
        _expect(self._body_ended, 'Received "http.response.trailers" before body completed.')
        _expect(not self._complete, 'Received "http.response.trailers" after response completed.')
        self._complete = not message.get("more_trailers", False)

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "http.response.start": _start,
        "http.response.body": _body,
        "http.response.trailers": _trailers,
    }


def _expect(condition: object, text: str) -> None:
    """Raise AssertionError; not by `assert`, whose texts pytest changes in modules of plugins."""
    if not condition:
        raise AssertionError(text)
