"""The lifespan of an application: startup and shutdown in one task, as a server runs them.

ASGI lets an application raise on the lifespan scope, and servers then go on without it. So does the client where the
exception says that the application knows no lifespan. A middleware that cannot be built, or that fails on a scope
without a path, looks the same to a server, but is a mistake that a test should hear of: the functions at the end tell
them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from opcode import opmap
from types import FrameType, TracebackType
from typing import Any

from .._checks import LifespanChecks
from .._checks.places import is_installed, line_of
from .._errors import unwrapped, warn
from .._loops.backends import Loop, Waiter
from .._options import Settings
from ..exceptions import LifespanFailed, LifespanNotSupported, LifespanSkipped, ProtocolViolation
from ..types import ASGIApp, Message
from .base import AppCall

RAISE = opmap["RAISE_VARARGS"]  # `raise` and `assert`
BUILDERS = frozenset({"__init__", "__new__", "__post_init__", "build_middleware_stack"})
LAST_WORD = 1.0  # seconds to return, or raise, after startup.failed or shutdown.failed, where there is no other grace


class LifespanCall(AppCall):
    """An application at work on its lifespan scope.

    `answers` holds the message that answered each phase. A caller waits for `answered(phase)`, and after the last
    answer for `over`. `skipped` says why the lifespan was not run, if that was a mistake.
    """

    checks_type = LifespanChecks

    def __init__(self, app: ASGIApp, state: dict[str, Any], settings: Settings, loop: Loop, waiter: Waiter) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        super().__init__(app, scope, settings, loop, waiter)
        self.answers: dict[str, Message] = {}
        self.phase = "startup"
        self.skipped: str | None = None
        self.idle = False
        self._reported = False
        self._asked: list[str] = []
        self._stopping = False

    async def _next(self) -> Message:
        if not self._asked:
            self._asked.append("startup")
            return {"type": "lifespan.startup"}
        if self.refused("startup") or "shutdown" in self.answers:
            self.idle = True
            self.waiter.wake()
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
        self.notify()

    def answered(self, phase: str) -> Callable[[], bool]:
        """Return a function that tells whether the phase has its answer, or will never have one."""
        return lambda: self.done or phase in self.answers

    def refused(self, phase: str) -> bool:
        """Return whether the phase was answered with failed."""
        answer = self.answers.get(phase)
        return answer is not None and answer["type"].endswith(".failed")

    def over(self) -> bool:
        """Return whether the application has returned, or waits for a message though none can follow."""
        return self.done or self.idle

    def expectation(self) -> str:
        """Return what has not come, for the error of a wait that has ended."""
        answer = self.answers.get(self.phase)
        if answer is None:
            return f"no lifespan.{self.phase}.complete"
        return f"{answer['type']} has come, but the application has not returned"

    def grace(self) -> float:
        """Return the seconds an application has to return after it has answered failed."""
        return self.settings.disconnect_grace or LAST_WORD

    def outcome(self, phase: str) -> BaseException | None:
        """Return what the test has to hear of at the end of a phase."""
        if phase == "startup" and self.done and not self._took_part():
            return self._not_run()
        refused = self.refused(phase)
        if not self.done and not refused:
            return None
        exc = None if refused and self.cancelled else self.pending_failure()
        return self._refusal(phase) if exc is None and refused else exc

    def _took_part(self) -> bool:
        """Return whether the application asked for startup, answered it, or broke a rule."""
        exc = unwrapped(self.exception)
        failed = exc is not None and (bool(self._asked) or isinstance(exc, ProtocolViolation))
        return bool(self.answers) or failed or self.checks.first_error is not None

    def _refusal(self, phase: str) -> LifespanFailed:
        refusal = LifespanFailed(phase, self.answers[phase].get("message", ""))
        if self.cancelled and not self.idle:
            refusal.add_note(f"It was still running {self.grace():g} s after that, and was cancelled.")
        return refusal

    def _not_run(self) -> BaseException | None:
        """Return the error of an application that has left before it asked for startup, as the mode wants it."""
        self._reported = True
        exc, mode = unwrapped(self.exception), self.settings.lifespan
        if mode == "raise" or (mode == "auto" and exc is not None and fails_to_build(exc)):
            return exc
        if mode == "on":
            reason = "returned without a word" if exc is None else f"raised {exc!r}"
            refusal = LifespanNotSupported(
                f"the application does not take part in the lifespan: it {reason}. "
                'lifespan="auto" goes on without it, as servers do.'
            )
            refusal.__cause__ = exc
            return refusal
        if exc is not None and not refuses_lifespan(exc):
            self.skipped = f"The lifespan was not run, for the application raised {raised_at(exc)} on its scope."
            warn(
                f"{self.skipped} A middleware passes a lifespan scope to its application untouched. "
                'lifespan="raise" raises the exception, "off" runs no lifespan.',
                LifespanSkipped,
            )
        return None

    def pending_failure(self) -> BaseException | None:
        """Return a failure that the test has not heard of, whatever `raise_server_exceptions` is."""
        if self._reported or not self.done:
            return None
        exc = unwrapped(self.exception)
        if exc is None and self.checks.first_error is not None:
            exc = ProtocolViolation(self.checks.first_error)
        self._reported = exc is not None
        return None if self.cancelled and not isinstance(exc, Exception) else exc


def refuses_lifespan(exc: BaseException) -> bool:
    """Return whether an exception says that the application knows no lifespan.

    It names the lifespan, or is raised on purpose by the code that has the scope: `assert scope["type"] == "http"`.
    """
    # The text of an assertion does not count: pytest writes the values into it.
    if isinstance(exc, NotImplementedError) or ("lifespan" in str(exc).lower() and not isinstance(exc, AssertionError)):
        return True
    last = [*_steps(exc)][-1:]
    return any(
        # The instruction tells a `raise` from a failed operation, such as scope["path"]: the exceptions look alike.
        step.tb_frame.f_code.co_code[step.tb_lasti] == RAISE
        and _has_scope(step.tb_frame)
        and step.tb_frame.f_code.co_name not in BUILDERS
        for step in last
    )


def fails_to_build(exc: BaseException) -> bool:
    """Return whether an exception comes from the construction of something that knows no scope, as a middleware."""
    return any(step.tb_frame.f_code.co_name in BUILDERS and not _has_scope(step.tb_frame) for step in _steps(exc))


def raised_at(exc: BaseException) -> str:
    """Return an exception, the line that raised it, and the reader's own line behind it."""
    steps = [*_steps(exc)]
    own = [step for step in steps if not is_installed(step.tb_frame.f_code)]
    places = [line_of(step.tb_frame.f_code, step.tb_lineno) for step in [*steps[-1:], *own[-1:]]]
    return f"{exc!r} at {', called from '.join(dict.fromkeys(places))}" if places else repr(exc)


def _steps(exc: BaseException) -> Iterator[TracebackType]:
    step = exc.__traceback__
    while step is not None:
        yield step
        step = step.tb_next


def _has_scope(frame: FrameType) -> bool:
    return any(isinstance(value, dict) and value.get("type") == "lifespan" for value in frame.f_locals.values())
