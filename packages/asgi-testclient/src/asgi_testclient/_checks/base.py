"""The part that all checks share: which rules count, what was found, and the end of the call."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Literal

from .._texts import request_line, shown
from ..exceptions import ProtocolViolation, ProtocolWarning, Violation
from ..types import ASGIApp, Message, Receive, Scope, Send
from .places import Place, caller, definition
from .rules import RULES, WARNINGS
from .snapshots import Snapshots

__tracebackhide__ = True  # pytest shows the code of its reader instead

Strict = Literal["errors", "all", "order", "off"]
LEVELS = frozenset({"errors", "all", "off"})


def known_codes(ignore: frozenset[str]) -> frozenset[str]:
    """Return the codes to ignore. Raises ValueError for one that names no rule."""
    if unknown := ignore - RULES.keys():
        raise ValueError(f"no such code to ignore: {', '.join(sorted(unknown))}")
    return ignore


class Findings:
    """The violations of one call. `first_error` is the first that counts as an error."""

    __slots__ = ("_fatal", "_ignore", "_off", "_scope", "application", "first_error", "strict", "violations")

    def __init__(self, strict: Strict, ignore: frozenset[str], scope: Scope | None = None) -> None:
        if strict not in LEVELS:
            raise ValueError(f"strict is 'errors', 'all' or 'off', not {strict!r}")
        self.strict = strict
        self.violations: list[Violation] = []
        self.first_error: Violation | None = None
        self.application: object = None
        self._scope = scope
        self._ignore = known_codes(ignore) if ignore else ignore
        self._fatal = strict == "all"
        self._off = strict == "off"

    def flag(self, code: str, message: str) -> None:
        """Record a violation found while the application is calling; raise it if it is an error."""
        if code not in self._ignore:
            place = caller()
            self._report(self._record(code, message, place.text if place else None), place)

    def flag_end(self, code: str, message: str) -> None:
        """Record a violation that shows only when the application has returned; raise it if it is an error."""
        if code not in self._ignore:
            self._report(self._record(code, message, self._definition()), None)

    def note(self, code: str, message: str, where: str | None) -> None:
        """Record a violation that cannot be raised here."""
        if code not in self._ignore:
            self._record(code, message, where)

    def _definition(self) -> str | None:
        return None if self.application is None else definition(self.application)

    def _record(self, code: str, message: str, where: str | None) -> Violation:
        request = None if self._scope is None else request_line(self._scope)
        violation = Violation(code, message, RULES[code], where, request)
        if violation not in self.violations:
            self.violations.append(violation)
        if self.first_error is None and self._is_error(code):
            self.first_error = violation
        return violation

    def _is_error(self, code: str) -> bool:
        return self._fatal or code not in WARNINGS

    def _report(self, violation: Violation, place: Place | None) -> None:
        """Raise an error. Warn of the rest, but not in installed code, whose reader cannot follow the advice."""
        if self._is_error(violation.code):
            raise ProtocolViolation(violation)
        if place is None:
            warnings.warn(ProtocolWarning(violation), stacklevel=4)
        elif not place.installed:
            registry = place.namespace.setdefault("__warningregistry__", {})
            # At the line of the application that called: `stacklevel` would count frames of the frameworks in between.
            warnings.warn_explicit(ProtocolWarning(violation), None, place.filename, place.line, registry=registry)


class Checks(Findings):
    """One call of one application, watched from the server's side.

    Give it each message that `receive` returns (`received`), each that the application sends (`sent`), and the end
    (`returned` or `raised`). Errors raise ProtocolViolation, warnings are issued, and both are kept in `violations`.
    A spent iterator among a message's headers is replaced by the list of its items.
    """

    __slots__ = ("_ended", "_offered", "_snapshots")

    _scope: Scope
    protocol: ClassVar[str]

    def __init__(
        self,
        scope: Scope,
        *,
        offered: frozenset[str] = frozenset(),
        strict: Strict = "errors",
        ignore: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(strict, ignore, scope)
        self._offered = offered
        self._ended = False
        self._snapshots = Snapshots(scope) if strict == "all" else None
        self._prepare()

    def _prepare(self) -> None:
        """Set the state in which a call begins."""

    @property
    def multiplexed(self) -> bool:
        """True for a connection of HTTP/2 or 3."""
        return str(self._scope.get("http_version")).startswith(("2", "3"))

    def call(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Awaitable[object]:
        """Call the application without awaiting it; E16 if it is not an ASGI 3 application."""
        self.application = app
        function: Callable[..., Any] = app
        try:
            result = function(scope, receive, send)
        except TypeError as exc:
            # A traceback of one frame ends in the call itself: the signature does not fit.
            if exc.__traceback__ is None or exc.__traceback__.tb_next is not None:
                raise
            self.flag_end("E16", f"{shown(app)} cannot be called as app(scope, receive, send): {exc}")
            raise
        if not inspect.isawaitable(result):
            self.flag_end("E16", f"{shown(app)} returned {shown(result)} where an awaitable was expected")
            raise TypeError(f"{app!r} is not an ASGI application: it returned {result!r}")
        awaitable: Awaitable[object] = result
        return awaitable

    def received(self, message: Message) -> None:
        """Note a message that the application was given."""

    def sent(self, message: Message) -> None:
        """Check a message that the application sends."""
        if self._off:
            return
        if not isinstance(message, dict):
            self.flag("E01", f"send() was given {shown(message)} where a dict was expected")
            return
        kind = message.get("type")
        if self._ended:
            self.flag("E18", f"send() was called with {shown(kind)} after the application had returned")
        # Before this message is noted: a change of the last one has happened since that was sent.
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
        """Check that nothing is missing when the application has returned `value`."""
        self._ended = True
        if self._off:
            return
        # After an error the rest would be its consequences: a response without an end, a body that is too short.
        if self.first_error is None:
            self._end()
            if value is not None:
                self.flag_end("E29", f"the application returned {shown(value)} where None was expected")
        if self._snapshots is not None and self.first_error is None and (change := self._snapshots.changed()):
            self.flag_end("W05", change)

    def raised(self, exc: BaseException) -> None:
        """Note that the application has raised: messages that it has not sent by then are not missed."""
        self._ended = True

    def unawaited(self, call: str, where: str | None) -> None:
        """Record a call of send or receive that was never awaited."""
        self.note("E17", f"{call} was called but never awaited", where)

    def blocked(self, seconds: float) -> None:
        """Record that the application has held the event loop for some seconds without a pause."""
        self.note("W06", f"the application kept the event loop for {seconds * 1000:.0f} ms", self._definition())

    _steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {}

    def _unknown(self, kind: object) -> None:
        if not isinstance(kind, str):
            self.flag("E01", f"a message has the type {shown(kind)} where a str was expected")
        else:
            self.flag("E02", f"{kind!r} is not a message that an application sends on a {self.protocol} scope")

    def _offers(self, extension: str, kind: str) -> None:
        if extension not in self._offered:
            self.flag("E03", f"{kind!r} was sent, but the server does not offer the extension {extension!r}")

    def _end(self) -> None:
        """Check that nothing is missing."""
