"""What all checks share: which rules count, what was found, and the end of the call."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Literal

from ..types import ASGIApp, Message, Receive, Scope, Send
from .rules import RULES, WARNINGS
from .snapshots import Snapshots
from .violations import Place, ProtocolViolation, ProtocolWarning, Violation, caller, definition, short, violated

Strict = Literal["errors", "all", "order", "off"]
LEVELS = frozenset({"errors", "all", "off"})


def known_codes(ignore: frozenset[str]) -> frozenset[str]:
    """The codes to ignore; ValueError for one that names no rule."""
    if unknown := ignore - RULES.keys():
        raise ValueError(f"no such code to ignore: {', '.join(sorted(unknown))}")
    return ignore


class Findings:
    """What was found wrong in one call. `first_error` is the first violation that counts as an error."""

    __slots__ = ("_fatal", "_ignore", "_off", "application", "first_error", "strict", "violations")

    def __init__(self, strict: Strict, ignore: frozenset[str]) -> None:
        if strict not in LEVELS:
            raise ValueError(f"strict is 'errors', 'all' or 'off', not {strict!r}")
        self.strict = strict
        self.violations: list[Violation] = []
        self.first_error: Violation | None = None
        self.application: object = None
        self._ignore = known_codes(ignore) if ignore else ignore
        self._fatal = strict == "all"
        self._off = strict == "off"

    def flag(self, code: str, message: str) -> None:
        """Record a violation found while the application is calling; raise it where it is an error."""
        if code not in self._ignore:
            place = caller()
            violation = violated(code, message, place.text if place else None)
            self._record(violation)
            self._tell(violation, place)

    def flag_end(self, code: str, message: str) -> None:
        """As `flag`, for what shows only when the application has returned."""
        if code not in self._ignore:
            where = None if self.application is None else definition(self.application)
            violation = violated(code, message, where)
            self._record(violation)
            self._tell(violation, None)

    def note(self, code: str, message: str, where: str | None) -> None:
        """Record a violation that cannot be raised here."""
        if code not in self._ignore:
            self._record(violated(code, message, where))

    def _record(self, violation: Violation) -> None:
        if violation not in self.violations:
            self.violations.append(violation)
        if self.first_error is None and self._is_error(violation.code):
            self.first_error = violation

    def _is_error(self, code: str) -> bool:
        return self._fatal or code not in WARNINGS

    def _tell(self, violation: Violation, place: Place | None) -> None:
        """Raise an error. Warn of the rest, but not of the habits of installed code: nobody could follow the advice."""
        if self._is_error(violation.code):
            raise ProtocolViolation(violation)
        if place is None:
            warnings.warn(ProtocolWarning(violation), stacklevel=4)
        elif not place.installed:
            registry = place.namespace.setdefault("__warningregistry__", {})
            warnings.warn_explicit(ProtocolWarning(violation), None, place.filename, place.line, registry=registry)


class Checks(Findings):
    """One call of one application, watched from the server's side.

    Show it each message that `receive` hands out (`received`), each that the application sends (`sent`), and the end
    (`returned` or `raised`). Errors raise ProtocolViolation, warnings are issued, and both are kept in `violations`.
    A spent iterator among a message's headers is replaced by the list of what it gave.
    """

    __slots__ = ("_ended", "_offered", "_scope", "_snapshots", "_unawaited")

    protocol: ClassVar[str]
    extensions: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        scope: Scope,
        *,
        offered: frozenset[str] = frozenset(),
        strict: Strict = "errors",
        ignore: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(strict, ignore)
        self._scope = scope
        self._offered = offered
        self._ended = False
        self._unawaited: Violation | None = None
        self._snapshots = Snapshots(scope) if strict == "all" else None

    def call(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Awaitable[object]:
        """Call the application without awaiting it; E16 where it is no ASGI 3 application."""
        self.application = app
        function: Callable[..., Any] = app
        try:
            result = function(scope, receive, send)
        except TypeError as exc:
            if exc.__traceback__ is None or exc.__traceback__.tb_next is not None:
                raise
            self.flag_end("E16", f"{short(app)} cannot be called as app(scope, receive, send): {exc}")
            raise
        if not inspect.isawaitable(result):
            self.flag_end("E16", f"{short(app)} returned {short(result)} where an awaitable was expected")
            raise TypeError(f"{app!r} is no ASGI application: it returned {result!r}")
        awaitable: Awaitable[object] = result
        return awaitable

    def received(self, message: Message) -> None:
        """A message the application was given."""

    def sent(self, message: Message) -> None:
        """A message the application sends."""
        if self._off:
            return
        if not isinstance(message, dict):
            self.flag("E01", f"send() was given {short(message)} where a dict was expected")
            return
        kind = message.get("type")
        if self._ended:
            self.flag("E18", f"send() was called with {short(kind)} after the application had returned")
        if self._snapshots is not None and (change := self._snapshots.changed_message()):
            self.flag("W05", change)
        try:
            step = self._steps[kind]
        except (KeyError, TypeError):
            self._unknown(kind)
        else:
            step(self, message)
        if self._snapshots is not None:
            self._snapshots.take(message)

    def returned(self, value: object) -> None:
        """The application has returned `value`."""
        self._ended = True
        if self._off:
            return
        if self.first_error is None:
            self._end()
            if value is not None:
                self.flag_end("E29", f"the application returned {short(value)} where None was expected")
        if self._snapshots is not None and self.first_error is None and (change := self._snapshots.changed()):
            self.flag_end("W05", change)

    def raised(self, exc: BaseException) -> None:
        """The application has raised; how far it had come is then no violation."""
        self._ended = True

    def unawaited(self, call: str, where: str | None) -> None:
        """A call of send or receive was dropped before it was awaited; kept as the first error, raised by nobody."""
        self.note("E17", f"{call} was called but never awaited", where)

    def blocked(self, seconds: float) -> None:
        """The application has held the event loop for some seconds without a pause."""
        self.note("W06", f"the application kept the event loop for {seconds * 1000:.0f} ms", self._definition())

    def _definition(self) -> str | None:
        return None if self.application is None else definition(self.application)

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {}

    def _unknown(self, kind: object) -> None:
        if not isinstance(kind, str):
            self.flag("E01", f"a message has the type {short(kind)} where a str was expected")
        else:
            self.flag("E02", f"{kind!r} is no message that an application sends on a {self.protocol} scope")

    def _offers(self, extension: str, kind: str) -> None:
        if extension not in self._offered:
            self.flag("E03", f"{kind!r} was sent, but the server does not offer the extension {extension!r}")

    def _end(self) -> None:
        """Check that nothing is missing."""
