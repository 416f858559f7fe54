"""Limit how long a request may take.

    from asgi_middleware.timeout import TimeoutMiddleware

    app = TimeoutMiddleware(app, timeout=30.0, body_idle=20.0)

The application is cancelled in its own task, and the client gets an answer unless the response has begun: 503, or 408
if the client was too slow to send its body. A response that has begun is never started again: it is left alone, or cut
off by `whole` or `response_idle`. Event streams and WebSockets have no limit, as they are meant to stay open. Work that
AnyIO shields is finished first.
"""

from __future__ import annotations

from ._cancel import NEVER, CancelScope, current_time, shielding_scope
from ._configuration import application, check_seconds
from ._endless import is_endless, with_lasting_headers
from ._replies import send_text
from ._scope import unread
from .types import ASGIApp, Message, Receive, Scope, Send

_PHRASES = {503: "Service Unavailable", 504: "Gateway Timeout"}


class TimeoutMiddleware:
    """Middleware that cancels requests that take too long, and answers them.

    All limits are in seconds, None for no limit: `timeout` until the response begins, or with `whole` until its end;
    `body_idle` for each wait for more of the request's body (408, RFC 9110 §15.5.9); `response_idle` between two
    messages of the response, whether the application or a client that does not read is slow. `status` is 503 or 504.
    Raises ValueError for a limit that is not positive and for another status.
    """

    def __init__(
        self,
        app: ASGIApp,
        timeout: float | None = 30.0,
        *,
        whole: bool = False,
        body_idle: float | None = None,
        response_idle: float | None = None,
        status: int = 503,
    ) -> None:
        for name, value in (("timeout", timeout), ("body_idle", body_idle), ("response_idle", response_idle)):
            if value is not None:
                check_seconds(name, value, ", or None for no limit")
        if status not in _PHRASES:
            raise ValueError(f"status={status!r} must be 503 (Service Unavailable) or 504 (Gateway Timeout)")
        self.app = application(app, self)
        self.timeout = timeout
        self.whole = whole
        self.body_idle = body_idle
        self.response_idle = response_idle
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        timed = _TimedCall(self, scope, receive, send)
        with timed.scope:
            await self.app(scope, timed.receive, timed.send)
        if timed.scope.cancelled_caught and not timed.started:
            await timed.answer()


class _TimedCall:
    """One call of the application, with a deadline for the limit that comes first."""

    def __init__(self, limits: TimeoutMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.limits = limits
        self.request = scope
        self.server_receive = unread(scope, receive)
        self.server_send = send
        self.scope: CancelScope = shielding_scope()
        self.started = self.exempt = self.body_read = False
        self.end = NEVER if limits.timeout is None else current_time() + limits.timeout
        self.body_end = self.response_end = NEVER
        self.scope.deadline = self.end

    def arm(self) -> None:
        """Set the deadline to that of the first limit."""
        deadline = NEVER if self.exempt else min(self.end, self.body_end, self.response_end)
        if deadline != self.scope.deadline:
            self.scope.deadline = deadline

    async def receive(self) -> Message:
        idle = self.limits.body_idle
        # After the body `receive` waits for the client to leave, which has no limit; nor has a response that has begun.
        if idle is None or self.body_read or self.started:
            return await self.server_receive()
        self.body_end = current_time() + idle
        self.arm()
        try:
            message = await self.server_receive()
        except BaseException:
            if current_time() < self.body_end:  # otherwise this limit has ended the wait, which `answer` asks
                self.end_wait()
            raise
        self.body_read = not message.get("more_body", False)
        self.end_wait()
        return message

    def end_wait(self) -> None:
        """Lift the limit for the body: the application does not wait for it, or no longer."""
        self.body_end = NEVER
        self.arm()

    async def send(self, message: Message) -> None:
        kind = message["type"]
        idle = self.limits.response_idle
        if kind == "http.response.start":
            self.started = True
            message = with_lasting_headers(message)
            self.exempt = is_endless(self.request, message)
            self.body_end = NEVER
            if not self.limits.whole:
                self.end = NEVER
        if idle is not None and self.started:
            self.response_end = current_time() + idle
        self.arm()
        await self.server_send(message)
        if kind == "http.response.body" and not message.get("more_body", False):
            self.end = self.response_end = NEVER  # background work is not limited
        elif idle is not None and self.started:
            self.response_end = current_time() + idle
        self.arm()

    async def answer(self) -> None:
        """Answer in the place of the cancelled application."""
        if self.body_end <= min(self.end, self.response_end):
            # The connection closes, or the rest of the body would be read as the next request (RFC 9112 §9.6).
            headers = [(b"connection", b"close")] if self.request.get("http_version", "1.1") < "2" else []
            return await send_text(self.request, self.server_send, 408, "Request Timeout", headers)
        status = self.limits.status
        return await send_text(self.request, self.server_send, status, _PHRASES[status])
