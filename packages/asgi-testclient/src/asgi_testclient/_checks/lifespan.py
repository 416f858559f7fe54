"""One lifespan: startup and shutdown, each asked for and answered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from .._texts import shown
from ..types import Message
from .base import Checks

__tracebackhide__ = True  # pytest shows the code of its reader instead


class LifespanChecks(Checks):
    """The messages of a lifespan scope, from the first to the last."""

    __slots__ = ("_answered", "_asked", "_failed")

    protocol = "lifespan"

    def _prepare(self) -> None:
        self._asked: set[str] = set()
        self._answered: set[str] = set()
        self._failed = False

    def received(self, message: Message) -> None:
        kind = message.get("type")
        if isinstance(kind, str):
            self._asked.add(kind.removeprefix("lifespan."))

    def _answer(self, message: Message) -> None:
        kind = message["type"]
        _, phase, outcome = kind.split(".")
        if phase in self._answered:
            self.flag("E28", f"{kind} was sent after lifespan.{phase} had been answered")
            return
        if phase == "shutdown" and self._failed:
            self.flag("E28", f"{kind} was sent after lifespan.startup.failed")
            return
        if phase not in self._asked:
            self.flag("E28", f"{kind} was sent before lifespan.{phase} was received")
        self._answered.add(phase)
        if outcome == "failed":
            self._failed = True
            if not isinstance(message.get("message", ""), str):
                self.flag("E28", f"'message' of {kind} is {shown(message['message'])} where a str was expected")

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "lifespan.startup.complete": _answer,
        "lifespan.startup.failed": _answer,
        "lifespan.shutdown.complete": _answer,
        "lifespan.shutdown.failed": _answer,
    }
