"""Answer the liveness and readiness probes of an orchestrator.

    from asgi_middleware.health import HealthMiddleware

    async def database() -> None:
        await pool.fetch("select 1")        # raises when the database does not answer

    app = HealthMiddleware(app, checks={"database": database}, live_path="/livez", ready_path="/readyz")

Liveness is 200 as long as the process answers at all. Readiness is 200 if the application has started, is not draining
(`asgi_middleware.drain`), and every check passes in time; otherwise 503. Both are `application/health+json`
(draft-inadarei-api-health-check-06), never cached. A failed or late check is named; its error is only logged.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ._cancel import current_time, shielding_scope
from ._configuration import application, check_seconds
from ._scope import path_below_root
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Check", "HealthMiddleware", "ProbeFilter", "health_app"]

Check = Callable[[], Awaitable[object] | object]
"""A function, async or not, that raises an exception or returns False if the check fails."""

SCOPE_KEY = "asgi_middleware.health"
_DRAIN_KEY = "asgi_middleware.drain"

_log = logging.getLogger("asgi_middleware.health")


class HealthMiddleware:
    """Middleware that answers the probes for liveness and readiness at two exact paths.

    `checks` are called for readiness, one after another, each for at most `timeout` seconds. It belongs inside
    DrainMiddleware, and outside everything that could delay or reject a probe. Probes are marked in the scope under
    `asgi_middleware.health`, so that an access log can skip them. Raises ValueError for equal paths, and for one that
    does not begin with a slash.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        checks: Mapping[str, Check] | None = None,
        timeout: float = 2.0,
        live_path: str = "/livez",
        ready_path: str = "/readyz",
    ) -> None:
        if live_path == ready_path or not (live_path.startswith("/") and ready_path.startswith("/")):
            raise ValueError(f"live_path={live_path!r}, ready_path={ready_path!r}: they must differ and begin with '/'")
        self.app = application(app, self)
        self.live_path = live_path
        self.ready_path = ready_path
        self._paths = frozenset((live_path, ready_path))
        self._checks = _Checks(checks or {}, timeout)
        self._started = True  # a server may have no lifespan, and then there is nothing to wait for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            path = scope["path"]
            # Behind a prefix the probe comes with it or without it, depending on whether it goes through the proxy.
            if path not in self._paths and scope.get("root_path"):
                path = path_below_root(scope)
            if path in self._paths:
                scope[SCOPE_KEY] = True
                if path == self.live_path:
                    return await _answer(scope, send, "pass", {})
                if not self._started:
                    return await _answer(scope, send, "fail", {}, "starting")
                return await self._checks(scope, send)
        elif kind == "lifespan":
            return await self._live(scope, receive, send)
        return await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            self._started = message["type"] == "lifespan.startup.complete"
            await send(message)

        self._started = False
        try:
            await self.app(scope, receive, watch)
        except Exception:
            self._started = True  # the application does not support the lifespan, and the server continues without it
            raise


def health_app(checks: Mapping[str, Check] | None = None, *, timeout: float = 2.0) -> ASGIApp:
    """Return an application that answers readiness probes, to be mounted at any path."""
    checked = _Checks(checks or {}, timeout)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[SCOPE_KEY] = True
            await checked(scope, send)

    return app


class ProbeFilter(logging.Filter):
    """A filter for access logs, such as "uvicorn.access", that drops the records of probes of these paths."""

    def __init__(self, *paths: str) -> None:
        super().__init__()
        self.paths = paths or ("/livez", "/readyz")

    def filter(self, record: logging.LogRecord) -> bool:
        values = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(value, str) and value.partition("?")[0] in self.paths for value in values)


class _Checks:
    """The checks of a readiness probe."""

    def __init__(self, checks: Mapping[str, Check], timeout: float) -> None:
        check_seconds("timeout", timeout)
        if not isinstance(checks, Mapping):
            raise TypeError(f"checks={checks!r} must be a dict from names to functions without arguments")
        for name, check in checks.items():
            if not callable(check):
                raise TypeError(f"the check {name!r} must be callable without arguments, not {check!r}")
        self.checks = dict(checks)
        self.timeout = timeout

    async def __call__(self, scope: Scope, send: Send) -> None:
        if getattr(scope.get(_DRAIN_KEY), "draining", False):
            return await _answer(scope, send, "fail", {}, "draining")
        results = {name: await self._run(name, check) for name, check in self.checks.items()}
        status = "fail" if "fail" in results.values() else "pass"
        return await _answer(scope, send, status, results)

    async def _run(self, name: str, check: Check) -> str:
        # A check that hangs must not make the probe hang: orchestrators then kill the process.
        limit = shielding_scope()
        limit.deadline = current_time() + self.timeout
        passed = False
        with limit:
            try:
                outcome = check()
                if inspect.isawaitable(outcome):
                    outcome = await outcome
                passed = outcome is not False
            except Exception:
                _log.warning("the health check %r failed", name, exc_info=True)
                return "fail"
        if limit.cancelled_caught:
            _log.warning("the health check %r took more than %s s", name, self.timeout)
        return "pass" if passed else "fail"


async def _answer(scope: Scope, send: Send, status: str, checks: Mapping[str, str], output: str = "") -> None:
    """Send the result of a probe, for any method, since some load balancers use OPTIONS or POST."""
    document: dict[str, Any] = {"status": status}
    if output:
        document["output"] = output
    if checks:
        document["checks"] = {name: [{"status": result}] for name, result in checks.items()}
    body = json.dumps(document).encode()
    headers = [
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/health+json"),
    ]
    await send({"type": "http.response.start", "status": 200 if status == "pass" else 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})
