"""An ASGI application to put around any other: it checks every message, both ways.

    from asgi_middleware.gzip import GZipMiddleware
    from asgi_testclient.lint import Lint

    app = Lint(GZipMiddleware(Lint(app)))

The outer one sees what `Middleware` does as an application, the inner one what it does as a server. Errors raise
ProtocolViolation where they happen, and are raised again at the end if they were swallowed. It needs no client, no HTTP
library and no particular event loop, and passes the very objects it is given.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from typing import Any

from ._checks import Checks, HTTPChecks, LifespanChecks, PendingCalls, Strict, WebSocketChecks, known_codes
from ._checks.base import Findings
from ._checks.rules import WARNINGS
from ._checks.server import HTTPServerChecks, LifespanServerChecks, ServerChecks, WebSocketServerChecks
from ._checks.snapshots import Snapshot
from ._texts import shown
from .exceptions import ProtocolViolation, ProtocolWarning, Violation
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Lint", "ProtocolViolation", "ProtocolWarning", "Violation"]

__tracebackhide__ = True  # pytest shows the code of its reader instead

BLOCKED = 0.1  # seconds
PROTOCOLS: dict[str, tuple[type[Checks], type[ServerChecks]]] = {
    "http": (HTTPChecks, HTTPServerChecks),
    "websocket": (WebSocketChecks, WebSocketServerChecks),
    "lifespan": (LifespanChecks, LifespanServerChecks),
}


class Lint:
    """An ASGI application that checks another one, and the server that calls it.

    `strict` is "errors", "all" or "off": "all" makes warnings errors, and also finds scopes and messages that are
    changed and an event loop that is blocked. `ignore` are codes to leave out; `both_sides` False checks the
    application alone. `violations` are those of all calls, each once.
    """

    def __init__(
        self, app: ASGIApp, *, strict: Strict = "errors", ignore: Iterable[str] = (), both_sides: bool = True
    ) -> None:
        self.app = app
        self.strict = strict
        self.ignore = known_codes(frozenset(ignore))
        self.both_sides = both_sides
        self.violations: list[Violation] = []
        self._found = Findings(strict, self.ignore)
        self._found.violations = self.violations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.strict == "off":
            return await self.app(scope, receive, send)
        kind = scope.get("type") if isinstance(scope, dict) else None
        if not isinstance(kind, str):
            self._found.flag(
                "S01", f"the application was called with {shown(scope)} where a dict with a 'type' was due"
            )
        if kind not in PROTOCOLS:
            return await self.app(scope, receive, send)
        return await LintedCall(self, kind, scope, receive, send).run()

    def assert_clean(self) -> None:
        """Raise ProtocolViolation if an error was found in any call, even one that a middleware swallowed.

        Its notes name the other errors. Warnings count where `strict` is "all".
        """
        errors = [violation for violation in self.violations if self.strict == "all" or violation.code not in WARNINGS]
        if errors:
            error = ProtocolViolation(errors[0])
            for violation in errors[1:]:
                error.add_note(str(violation))
            raise error


class LintedCall:
    """One call of the application, and the receive and the send it is given."""

    def __init__(self, lint: Lint, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        application, server = PROTOCOLS[kind]
        extensions = scope.get("extensions")
        offered: frozenset[str] = frozenset(extensions if isinstance(extensions, Mapping) else ())
        self.lint = lint
        self.scope = scope
        # An outer Request of asgi_requests may have read the body, which inner ones need: their `receive` is another.
        body = scope.get("asgi_requests.body") if isinstance(scope, Mapping) else None
        self.server_receive = receive if body is None else body.replay(receive)
        self.server_send = send
        self.checks = application(scope, offered=offered, strict=lint.strict, ignore=lint.ignore)
        self.server = server(scope, strict=lint.strict, ignore=lint.ignore)
        self.checks.violations = self.server.violations = lint.violations
        self.pending = PendingCalls()

    async def run(self) -> None:
        if self.lint.both_sides:
            self._check_server()
        application = self.checks.call(self.lint.app, self.scope, self.receive, self.send)
        if self.lint.strict == "all":
            application = Stepped(application, self.checks.blocked)
        try:
            value = await application
        except BaseException as exc:
            self._flag_unawaited()
            self.checks.raised(exc)
            raise
        self._flag_unawaited()
        self.checks.returned(value)
        if error := self.checks.first_error or self.server.first_error:
            raise ProtocolViolation(error)

    # Functions that return coroutines: the call itself is noted, so that one that is never awaited is found (E17).
    def receive(self) -> Coroutine[Any, Any, Message]:
        number = self.pending.next()
        return self.pending.opened(number, "receive()", self._receive(number))

    def send(self, message: Message) -> Coroutine[Any, Any, None]:
        number = self.pending.next()
        return self.pending.opened(number, "send()", self._send(number, message))

    async def _receive(self, number: int) -> Message:
        self.pending.begun(number)
        message: Message = await self._awaitable("receive", self.server_receive())
        if self.lint.both_sides:
            if isinstance(self.server, WebSocketServerChecks) and isinstance(self.checks, WebSocketChecks):
                self.server.accepted = self.checks.accepted
            self.server.gave(message)
        self.checks.received(message)
        return message

    async def _send(self, number: int, message: Message) -> None:
        self.pending.begun(number)
        self.checks.sent(message)
        before = Snapshot(message) if self.lint.strict == "all" and self.lint.both_sides else None
        await self._awaitable("send", self.server_send(message))
        if before is not None and (change := before.change(f"the message {message.get('type')!r}, while it was sent,")):
            self.server.flag("S10", change)

    def _check_server(self) -> None:
        functions: dict[str, object] = {"receive": self.server_receive, "send": self.server_send}
        for name, function in functions.items():
            if not callable(function):
                self.server.flag("S09", f"{name} is {shown(function)} where a callable was expected")
        self.server.check_scope()

    def _awaitable(self, name: str, result: Any) -> Awaitable[Any]:
        if self.lint.both_sides and not inspect.isawaitable(result):
            self.server.flag("S09", f"{name}() returned {shown(result)} where an awaitable was expected")
        awaitable: Awaitable[Any] = result
        return awaitable

    def _flag_unawaited(self) -> None:
        for name, where in self.pending.dropped():
            self.checks.unawaited(name, where)


class Stepped:
    """An awaitable that is timed from pause to pause: a step longer than BLOCKED has held the event loop."""

    def __init__(self, inner: Awaitable[Any], blocked: Callable[[float], None]) -> None:
        self.inner = inner
        self.blocked = blocked

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self.inner.__await__()
        step: Callable[[], Any] = steps.__next__
        while True:
            began = time.perf_counter()
            try:
                waiting = step()
            except StopIteration as end:
                return end.value
            finally:
                if (seconds := time.perf_counter() - began) > BLOCKED:
                    self.blocked(seconds)
            step = yield from self._pause(steps, waiting)

    @staticmethod
    def _pause(steps: Generator[Any, Any, Any], waiting: Any) -> Generator[Any, Any, Callable[[], Any]]:
        """Wait for what the inner awaitable waits for; return its next step."""
        try:
            value = yield waiting
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as exc:
            # Python unbinds `exc` at the end of the block, before the step is taken.
            error = exc
            return lambda: steps.throw(error)
        return lambda: steps.send(value)
