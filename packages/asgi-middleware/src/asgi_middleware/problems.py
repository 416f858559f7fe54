"""Answer errors as problem details (RFC 9457), in front of any application.

    from asgi_middleware.problems import Problem, ProblemDetailsMiddleware

    async def transfer(scope, receive, send):
        raise Problem(409, "The account has been closed", type="https://shop.example/problems/closed", account="7")

    app = ProblemDetailsMiddleware(transfer)

A raised `Problem`, an exception that `describe` maps to one, and a response with a status of 400 or above whose body is
plain text or empty become `application/problem+json`, if the client accepts JSON as much as HTML. Bodies in other
formats are left alone. Of a 5xx only the status is shown: its message belongs in the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from ._accept import qualities
from ._configuration import application, check_function
from ._headers import all_values, encode_name, encode_value, first_value, merge_vary, without
from ._scope import request_headers
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Problem", "ProblemDetailsMiddleware"]

_MOST_BYTES = 2048  # of a plain text that may become a detail
# Fields that describe the bytes of the old body.
_REPLACED = (b"content-length", b"content-type", b"content-encoding", b"etag", b"last-modified", b"accept-ranges")


class Problem(Exception):
    """Raised for an error that is answered with problem details: the members of RFC 9457 §3.1, and any of your own.

    `headers` are sent with it, such as Retry-After. Raises ValueError for a status that is not an error.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        type: str = "about:blank",
        title: str | None = None,
        instance: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"status={status!r} must be the status of an error, 400 to 599")
        super().__init__(detail or title or phrase(status))
        self.status = status
        self.headers = dict(headers or {})
        known = {"type": type, "title": title, "status": status, "detail": detail, "instance": instance}
        self.members: dict[str, Any] = {k: v for k, v in known.items() if v is not None} | members


Describe = Callable[[Scope, Exception], Problem | None]
"""`describe(scope, exc)` returns the problem for an exception, or None for an unknown one."""


class ProblemDetailsMiddleware:
    """Middleware that turns exceptions and bare errors into problem details.

    `describe(scope, exc)` returns the problem for an exception; an unknown exception is answered with 500 and raised
    again. `plain=False` leaves the responses of the application alone. `extend(scope)` returns members to add to every
    problem, such as the id of the request. A response that has begun is not replaced.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        describe: Describe = lambda scope, exc: None,
        plain: bool = True,
        extend: Callable[[Scope], Mapping[str, Any]] = lambda scope: {},
    ) -> None:
        check_function("describe", describe, "the scope and the exception")
        check_function("extend", extend)
        self.app = application(app, self)
        self.describe = describe
        self.plain = plain
        self.extend = extend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        answer = _Answer(self, scope, send)
        if not accepts_problems(request_headers(scope)):
            answer.plain = False
        try:
            await self.app(scope, receive, answer.send)
        except Exception as exc:
            if answer.started:
                await answer.release()
                raise
            problem = exc if isinstance(exc, Problem) else self.describe(scope, exc)
            if problem is None and not answer.plain:
                raise  # an outer error middleware may have a page for it
            await answer.send_problem(problem or Problem(500))
            if problem is None:
                raise
        else:
            await answer.release()


class _Answer:
    """A `send` that holds the start of a bare error until its body is known."""

    def __init__(self, middleware: ProblemDetailsMiddleware, scope: Scope, send: Send) -> None:
        self._middleware = middleware
        self._scope = scope
        self._send = send
        self._held: Message | None = None
        self.plain = middleware.plain
        self.started = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.started = True
            if self.plain and message["status"] >= 400:
                message = {**message, "headers": list(message.get("headers") or ())}
                if _is_bare(message["headers"]):
                    self._held = message
                    return None
            elif self._middleware.plain and message["status"] >= 400:
                message = {**message, "headers": merge_vary(message.get("headers") or (), b"accept")}
        elif self._held is not None and kind == "http.response.body":
            held, self._held = self._held, None
            body = message.get("body", b"")
            if not message.get("more_body", False) and len(body) <= _MOST_BYTES and not held.get("trailers", False):
                return await self._replace(held, body)
            await self._send(held)
        elif self._held is not None and "body" not in kind and "pathsend" not in kind:
            return await self._send(message)  # an informational response, which may come before the start
        else:
            await self.release()
        return await self._send(message)

    async def release(self) -> None:
        """Send the start if it is still held."""
        held, self._held = self._held, None
        if held is not None:
            await self._send(held)

    async def _replace(self, start: Message, body: bytes) -> None:
        status = start["status"]
        text = body.decode("utf-8", "replace").strip() if status < 500 else ""
        problem = Problem(status, text if text and text != phrase(status) else None)
        length = first_value(start["headers"], b"content-length") or b"0"
        # For HEAD the application sends the length of its text, but not the text, so the length of the problem is
        # unknown, and a wrong Content-Length is worse than none (RFC 9110 §8.6).
        is_known = body != b"" or status >= 500 or length == b"0"
        await self._send_document(problem, without(start["headers"], *_REPLACED), start, is_known=is_known)

    async def send_problem(self, problem: Problem) -> None:
        """Send a problem in the place of the application."""
        self.started = True
        headers = [(encode_name(name), encode_value(name, value)) for name, value in problem.headers.items()]
        await self._send_document(problem, headers, {"type": "http.response.start"})

    async def _send_document(
        self, problem: Problem, headers: list[Any], start: Message, *, is_known: bool = True
    ) -> None:
        members = {"title": phrase(problem.status)} | problem.members | dict(self._middleware.extend(self._scope))
        body = json.dumps(members).encode()
        headers = [*merge_vary(headers, b"accept"), (b"content-type", b"application/problem+json")]
        if is_known:
            headers.append((b"content-length", b"%d" % len(body)))
        await self._send({**start, "status": problem.status, "headers": headers})
        is_head = self._scope.get("method") == "HEAD"
        await self._send({"type": "http.response.body", "body": b"" if is_head else body})


def phrase(status: int) -> str:
    """Return the title of a status, which is HTTP's phrase for the type about:blank (RFC 9457 §4.2.1)."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def accepts_problems(headers: Any) -> bool:
    """Return whether the client accepts JSON as much as HTML; without an Accept field it accepts anything."""
    weights = qualities(b",".join(all_values(headers, b"accept")))
    if not weights:
        return True
    anything = weights.get(b"*/*", 0.0)
    application = weights.get(b"application/*", anything)
    named = [weights[name] for name in (b"application/problem+json", b"application/json") if name in weights]
    return max(named or [application]) >= max(weights.get(b"text/html", 0.0), 0.001)


def _is_bare(headers: list[Any]) -> bool:
    kind = first_value(headers, b"content-type")
    encoded = first_value(headers, b"content-encoding")
    return not encoded and (not kind or kind.partition(b";")[0].strip().lower() == b"text/plain")
