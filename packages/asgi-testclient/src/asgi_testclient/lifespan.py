"""The lifespan of an application: startup and shutdown in one task, as a server runs them.

    from asgi_testclient import LifespanFailed, TestClient

    async def app(scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    try:
        TestClient(app).__enter__()
    except LifespanFailed as exc:
        assert exc.message == "no database"

A client runs it in its `with` block: `lifespan="auto"` goes on where the application knows no lifespan, `"on"` insists,
`"raise"` raises whatever the application raises, `"off"` leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._backends import Loop
from ._callers import Caller
from ._checks import LifespanChecks, ProtocolViolation
from ._exchange import Exchange, unwrapped
from ._settings import LifespanMode, Settings
from .types import ASGIApp, Message

__all__ = ["LifespanFailed", "LifespanNotSupported"]


class LifespanFailed(RuntimeError):
    """The application answered startup or shutdown with failed; `phase` and `message` are what it said."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(f"lifespan.{phase}.failed: {message}" if message else f"lifespan.{phase}.failed, no message")
        self.phase = phase
        self.message = message


class LifespanNotSupported(RuntimeError):
    """The application has no lifespan, and `lifespan="on"` insists on one."""


class LifespanExchange(Exchange):
    """An application at work on its lifespan scope.

    `answers` holds the message that answered each phase; `answered(phase)` is what a caller waits for, and then, where
    that was the last word, that it is `over`.
    """

    checks_type = LifespanChecks

    def __init__(
        self, app: ASGIApp, state: dict[str, Any], settings: Settings, loop: Loop, caller: Caller, mode: LifespanMode
    ) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        super().__init__(app, scope, settings, loop, caller)
        self.answers: dict[str, Message] = {}
        self.reported = False
        self.idle = False
        self._mode = mode
        self._asked: list[str] = []
        self._stopping = False

    async def _next(self) -> Message:
        if not self._asked:
            self._asked.append("startup")
            return {"type": "lifespan.startup"}
        if self.refused("startup") or "shutdown" in self.answers:
            self.idle = True
            self.caller.wake()
        while not self._stopping or "shutdown" in self._asked:
            await self._changed()
        self._asked.append("shutdown")
        return {"type": "lifespan.shutdown"}

    def _take(self, message: Message) -> None:
        phase = str(message["type"]).split(".")[1]
        self.answers[phase] = message

    def shut_down(self) -> None:
        """Ask for the shutdown; on the loop."""
        self._stopping = True
        self.stir()

    def answered(self, phase: str) -> Callable[[], bool]:
        """Whether the phase has its answer, or will never have one."""
        return lambda: self.done or phase in self.answers

    def refused(self, phase: str) -> bool:
        """Whether the phase was answered with failed."""
        answer = self.answers.get(phase)
        return answer is not None and answer["type"].endswith(".failed")

    def over(self) -> bool:
        """Whether the application has returned, or waits for a message though none can follow."""
        return self.done or self.idle

    def expectation(self, phase: str) -> str:
        """What has not come, for the error of a wait that has ended."""
        answer = self.answers.get(phase)
        if answer is None:
            return f"no lifespan.{phase}.complete"
        return f"{answer['type']} has come, but the application has not returned"

    def supported(self) -> bool:
        """Whether the application took part: it asked for startup or broke a rule, and did not leave without a word."""
        exc = unwrapped(self.exception)
        failed = exc is not None and (bool(self._asked) or isinstance(exc, ProtocolViolation))
        return bool(self.answers) or failed or self.checks.first_error is not None

    def verdict(self, phase: str) -> BaseException | None:
        """What the test has to hear of once the phase has settled."""
        if phase == "startup" and self.done and not self.supported():
            return self._without()
        refused = self.refused(phase)
        if not self.done and not refused:
            return None
        exc = None if refused and self.cancelled else self.fault()
        return self._refusal(phase) if exc is None and refused else exc

    def _refusal(self, phase: str) -> LifespanFailed:
        refusal = LifespanFailed(phase, self.answers[phase].get("message", ""))
        if self.cancelled and not self.idle:
            grace = self.settings.disconnect_grace
            refusal.add_note(f"It was still running {grace:g} s after it had said so, and was cancelled.")
        return refusal

    def _without(self) -> BaseException | None:
        self.reported = True
        if self._mode == "raise":
            return unwrapped(self.exception)
        if self._mode != "on":
            return None
        reason = "returned without a word" if self.exception is None else f"raised {self.exception!r}"
        refusal = LifespanNotSupported(
            f"the application does not take part in the lifespan: it {reason}. "
            'lifespan="auto" goes on without it, as servers do.'
        )
        refusal.__cause__ = self.exception
        return refusal

    def fault(self) -> BaseException | None:
        """What the application raised, or did wrong, if nobody was told yet; whatever raise_server_exceptions says."""
        if self.reported or not self.done:
            return None
        exc = unwrapped(self.exception)
        if exc is None and self.checks.first_error is not None:
            exc = ProtocolViolation(self.checks.first_error)
        self.reported = exc is not None
        return None if self.cancelled and not isinstance(exc, Exception) else exc
