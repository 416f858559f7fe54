"""Every middleware there is, found in the packages, and how the conformance suite builds it and makes it act.

A middleware that is found and has no line in SUBJECTS fails `test_conformance_cases.py` with the words to add.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from asgi_middleware.stores import MemoryStore

SECRET = "swordfish-and-some-more-bytes"


class Refused(Exception):
    """An exception of an application, raised so that a middleware for exceptions gives an answer of its own."""


@dataclass
class Subject:
    """One middleware with its arguments, requests on which it acts, and one that it answers itself.

    `headers` and `scope` make it act on a request; `touch(scope)` is what its application does for that; `refusal` is a
    scope that gets its own answer, but for `safe_methods`; `raises` whether it gives one to an exception. `sockets`: it wraps WebSockets too.
    `leaves` are keys of its own that stay in the scope for those outside; `copies`: it changes what the scope says of
    the connection, so that its application gets a copy; `ignore` are codes of Lint.
    """

    path: str
    arguments: Callable[[], Mapping[str, Any]] = dict
    variant: str = ""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    touch: Callable[[Any], None] = lambda scope: None
    refusal: dict[str, Any] | None = None
    safe_methods: bool = False
    refuses_sockets: bool = False
    raises: bool = False
    sockets: bool = False
    build: Callable[[Any, Any], Any] | None = None
    ignore: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    copies: bool = False

    @property
    def id(self) -> str:
        return self.path.removeprefix("asgi_middleware.") + (f"+{self.variant}" if self.variant else "")

    @property
    def factory(self) -> Any:
        module, _, name = self.path.rpartition(".")
        return getattr(import_module(module), name)

    def make(self, app: Any) -> Any:
        """The middleware around an application."""
        if self.build is not None:
            return self.build(self.factory, app)
        return self.factory(app, **self.arguments())

    def request_headers(self, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        given = {name for name, _ in more}
        return [*(pair for pair in ((b"host", b"testserver"), *self.headers) if pair[0] not in given), *more]


def plain(status: int, text: str) -> Any:
    """An ASGI application with one answer."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body = text.encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})

    return answer


class _Visitor:
    scopes = ("read",)


class _Backend:
    async def authenticate(self, conn: Any) -> Any:
        from asgi_middleware.authentication import AuthCredentials, AuthenticationError, SimpleUser

        headers = dict(conn["headers"] if isinstance(conn, dict) else conn.scope.get("headers", ()))
        if headers.get(b"authorization") == b"wrong":
            raise AuthenticationError("wrong")
        return AuthCredentials(["authenticated"]), SimpleUser("diver")


def _tagging(around_http: Any, app: Any) -> Any:
    @around_http
    async def tagging(scope: Any, value: str) -> Any:
        scope["contract.tag"] = value, list(scope["headers"])
        if scope["path"] == "/refused":
            yield plain(403, "refused")
            return
        start = yield
        start.headers["x-tag"] = value
        start.headers.add_vary("X-Tag")
        yield

    return tagging(app, "a")


def _tagging_plainly(around_http: Any, app: Any) -> Any:
    @around_http
    def tagging(scope: Any) -> Any:
        if scope["path"] == "/refused":
            yield plain(403, "refused")
            return
        start = yield
        start.headers["x-tag"] = "plain"
        yield

    return tagging(app)


def _when(when: Any, app: Any) -> Any:
    from asgi_middleware import Middleware
    from asgi_middleware.cors import CORSMiddleware

    cors = Middleware(CORSMiddleware, allow_origins=["https://a.example"])
    return when(lambda scope: b"x-never" not in dict(scope["headers"]), cors)(app)


def _stack(stack: Any, app: Any) -> Any:
    from asgi_middleware import Middleware
    from asgi_middleware.errors import ServerErrorMiddleware
    from asgi_middleware.exceptions import ExceptionMiddleware
    from asgi_middleware.trustedhost import TrustedHostMiddleware

    return stack(
        ServerErrorMiddleware,
        Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
        Middleware(ExceptionMiddleware, handlers={Refused: lambda scope, exc: plain(409, "refused")}),
    )(app)


async def _dispatch(request: Any, call_next: Any) -> Any:
    from asgi_requests.responses import PlainTextResponse

    if request.url.path == "/refused":
        return PlainTextResponse("refused", 403)
    response = await call_next(request)
    response.headers["x-dispatched"] = "yes"
    return response


def _framework_answer(request: Any, exc: Exception) -> Any:
    from asgi_requests.responses import PlainTextResponse

    return PlainTextResponse("refused", 409)


def _use_session(scope: Any) -> None:
    session = scope["session"]
    session["visits"] = session.get("visits", 0) + 1


ORIGIN = (b"origin", b"https://a.example")
PREFLIGHT = {"method": "OPTIONS", "headers": [ORIGIN, (b"access-control-request-method", b"GET")]}
FOREIGN = {"headers": [(b"host", b"evil.example"), (b"origin", b"https://evil.example")]}
WRONG = {"headers": [(b"authorization", b"wrong")]}
TOO_LARGE = {"method": "POST", "headers": [(b"content-length", b"10000000")]}

SUBJECTS = [
    Subject(
        "asgi_middleware.cors.CORSMiddleware",
        lambda: {"allow_origins": ["https://a.example"], "expose_headers": ["X-A"]},
        headers=[ORIGIN],
        refusal=PREFLIGHT,
    ),
    Subject(
        "asgi_middleware.cors.CORSMiddleware",
        lambda: {"allow_origins": ["https://a.example"], "expose_errors": True, "check_websocket_origin": True},
        "errors",
        headers=[ORIGIN],
        refusal=FOREIGN | {"raises": True},
        refuses_sockets=True,
        raises=True,
    ),
    Subject("asgi_middleware.gzip.GZipMiddleware", headers=[(b"accept-encoding", b"gzip, deflate, br")]),
    Subject(
        "asgi_middleware.gzip.GZipMiddleware",
        lambda: {"minimum_size": 0, "thread_minimum_size": 4096, "max_random_bytes": 20},
        "threads",
        headers=[(b"accept-encoding", b"gzip")],
    ),
    Subject(
        "asgi_middleware.compression.CompressionMiddleware",
        lambda: {"codings": ["gzip"], "minimum_size": 10},
        headers=[(b"accept-encoding", b"gzip, br, zstd;q=0.9")],
    ),
    Subject(
        "asgi_middleware.httpsredirect.HTTPSRedirectMiddleware",
        lambda: {"hsts_max_age": 60},
        scope={"scheme": "https"},
        refusal={"scheme": "http"},
    ),
    Subject("asgi_middleware.httpsredirect.HTTPSRedirectMiddleware", variant="default", scope={"scheme": "https"}),
    Subject(
        "asgi_middleware.trustedhost.TrustedHostMiddleware",
        lambda: {"allowed_hosts": ["testserver"]},
        refusal=FOREIGN,
        refuses_sockets=True,
    ),
    Subject("asgi_middleware.trustedhost.TrustedHostMiddleware", variant="default"),
    Subject(
        "asgi_middleware.sessions.SessionMiddleware",
        lambda: {"secret_key": SECRET},
        touch=_use_session,
        sockets=True,
    ),
    Subject(
        "asgi_middleware.sessions.SessionMiddleware",
        lambda: {"secret_key": [SECRET, "older"], "refresh_after": 60},
        "unused",
        sockets=True,
    ),
    Subject(
        "asgi_middleware.sessions.SessionMiddleware",
        lambda: {"secret_key": SECRET, "encrypted": True},
        "encrypted",
        touch=_use_session,
        sockets=True,
    ),
    Subject(
        "asgi_middleware.sessions.SessionMiddleware",
        lambda: {"store": MemoryStore()},
        "store",
        touch=_use_session,
        sockets=True,
    ),
    Subject(
        "asgi_middleware.authentication.AuthenticationMiddleware",
        lambda: {"backend": _Backend(), "challenge": "Bearer"},
        refusal=WRONG,
        refuses_sockets=True,
        sockets=True,
    ),
    Subject(
        "asgi_middleware.errors.ServerErrorMiddleware", refusal={"raises": True}, raises=True, refuses_sockets=True
    ),
    Subject(
        "asgi_middleware.errors.ServerErrorMiddleware",
        lambda: {"debug": True},
        "debug",
        headers=[(b"accept", b"text/html")],
        refusal={"raises": True},
        raises=True,
        refuses_sockets=True,
    ),
    Subject(
        "asgi_middleware.exceptions.ExceptionMiddleware",
        lambda: {"handlers": {Refused: lambda scope, exc: plain(409, "refused")}},
        refusal={"raises": True},
        refuses_sockets=True,
    ),
    Subject(
        "asgi_middleware.body_limit.RequestBodyLimitMiddleware",
        lambda: {"max_body_size": 1_000_000, "max_message_size": 1000},
        refusal=TOO_LARGE,
        sockets=True,
    ),
    Subject(
        "asgi_middleware.body_limit.RequestBodyLimitMiddleware",
        lambda: {"max_body_size": 1_000_000, "overridable": False},
        "final",
        refusal=TOO_LARGE,
    ),
    Subject("asgi_middleware.drain.DrainMiddleware", sockets=True, leaves=frozenset({"asgi_middleware.drain"})),
    Subject(
        "asgi_middleware.timeout.TimeoutMiddleware",
        lambda: {"timeout": 60.0, "whole": True, "body_idle": 60.0, "response_idle": 60.0},
    ),
    Subject(
        "asgi_middleware.concurrency.ConcurrencyLimitMiddleware",
        lambda: {"limit": 1000, "websocket_limit": 1000},
        sockets=True,
    ),
    Subject("asgi_middleware.disconnect.CancelOnDisconnectMiddleware"),
    Subject(
        "asgi_middleware.health.HealthMiddleware",
        refusal={"path": "/livez"},
        leaves=frozenset({"asgi_middleware.health"}),  # a probe is marked for access logs outside
    ),
    Subject(
        "asgi_middleware.proxy_headers.ProxyHeadersMiddleware",
        lambda: {"trusted": ["127.0.0.1"], "host": True, "port": True, "prefix": True},
        headers=[(b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")],
        copies=True,
    ),
    Subject(
        "asgi_middleware.csrf.CSRFMiddleware",
        headers=[(b"sec-fetch-site", b"same-origin")],
        refusal={"method": "POST", "headers": [(b"sec-fetch-site", b"cross-site")]},
        safe_methods=True,
    ),
    Subject(
        "asgi_middleware.csrf.CSRFMiddleware",
        lambda: {"secret_key": SECRET},
        "tokens",
        headers=[(b"cookie", b"a=b"), (b"sec-fetch-site", b"same-origin")],
        refusal={"method": "POST", "headers": [(b"sec-fetch-site", b"cross-site"), (b"cookie", b"a=b")]},
        safe_methods=True,
        leaves=frozenset({"asgi_middleware.csrf"}),
    ),
    Subject(
        "asgi_middleware.request_id.RequestIDMiddleware",
        headers=[(b"x-request-id", b"abc")],
        sockets=True,
        leaves=frozenset({"asgi_middleware.request_id", "asgi_middleware.trace_context"}),
    ),
    Subject("asgi_middleware.server_timing.ServerTimingMiddleware"),
    Subject(
        "asgi_middleware.security_headers.SecurityHeadersMiddleware",
        touch=lambda scope: scope.get("asgi_middleware.csp_nonce", str)(),
        leaves=frozenset({"asgi_middleware.csp_nonce"}),
    ),
    Subject("asgi_middleware.access_log.AccessLogMiddleware", lambda: {"background": False}, sockets=True),
    Subject("asgi_middleware.metrics.PrometheusMiddleware", sockets=True),
    Subject(
        "asgi_middleware.bearer.BearerAuthMiddleware",
        lambda: {"verify": lambda token, scope: _Visitor(), "resource": "https://a.example/mcp", "optional": True},
        headers=[(b"authorization", b"Bearer swordfish")],
        refusal={"headers": [(b"authorization", b"Bearer not a token")]},
        refuses_sockets=True,
        sockets=True,
    ),
    Subject("asgi_middleware.idempotency.IdempotencyMiddleware", lambda: {"store": MemoryStore()}),
    Subject("asgi_middleware.problems.ProblemDetailsMiddleware", lambda: {"plain": False}),
    Subject("asgi_middleware.rate_limit.RateLimitMiddleware", lambda: {"limits": "100000/second"}, sockets=True),
    Subject(
        "asgi_middleware.decompression.DecompressionMiddleware",
        refusal={"method": "POST", "headers": [(b"content-encoding", b"compress")]},
    ),
    Subject("asgi_middleware.conditional.ConditionalMiddleware", lambda: {"max_size": 0}),
    Subject("asgi_middleware.opentelemetry.OpenTelemetryMiddleware"),
    Subject("asgi_middleware.opentelemetry.OpenTelemetryMiddleware", lambda: {"websockets": True}, "websockets"),
    Subject("asgi_middleware.around.around_http", build=_tagging, refusal={"path": "/refused"}),
    Subject(
        "asgi_middleware.around.around_http", variant="plain", build=_tagging_plainly, refusal={"path": "/refused"}
    ),
    Subject("asgi_middleware.around.When", build=_when, headers=[ORIGIN], refusal=PREFLIGHT),
    Subject(
        "asgi_middleware.around.Stack",
        build=_stack,
        refusal=FOREIGN,
        refuses_sockets=True,
        raises=True,
    ),
    Subject(
        "asgi_requests.middleware.BaseHTTPMiddleware",
        lambda: {"dispatch": _dispatch},
        refusal={"path": "/refused"},
    ),
    Subject(
        "asgi_framework.middleware.ExceptionMiddleware",
        lambda: {"handlers": {Refused: _framework_answer}},
        refusal={"raises": True},
        refuses_sockets=True,
    ),
    Subject(
        "asgi_framework.middleware.ServerErrorMiddleware",
        lambda: {"handler": _framework_answer},
        refusal={"raises": True},
        raises=True,
        refuses_sockets=True,
    ),
    Subject(
        "asgi_framework.middleware.AuthenticationMiddleware",
        lambda: {"backend": _Backend()},
        refusal=WRONG,
        refuses_sockets=True,
        sockets=True,
    ),
]

# Found, and no middleware around an ASGI application: where it is tested instead.
NOT_HERE = {
    "asgi_middleware.MiddlewareFactory": "the type of all of them",
    "asgi_middleware.wsgi.WSGIMiddleware": "wraps a WSGI application: test_conformance_wsgi.py",
}
PACKAGES = ("asgi_middleware", "asgi_framework.middleware", "asgi_requests.middleware")


def found() -> list[str]:
    """The paths of all public classes and functions that make an ASGI application of an application."""
    return sorted({path for name in PACKAGES for module in _public_modules(name) for path in _factories(module)})


def _public_modules(name: str) -> Iterator[Any]:
    module = import_module(name)
    yield module
    for _, inner, _ in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
        if not any(part.startswith("_") for part in inner.split(".")):
            yield import_module(inner)


def _factories(module: Any) -> Iterator[str]:
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None) or ""
        if not name.startswith("_") and home.startswith(module.__name__) and _takes_an_application(value):
            yield f"{module.__name__}.{name}"


def _takes_an_application(value: Any) -> bool:
    """A class or function that takes `app` first, or a class whose instances do."""
    if inspect.isclass(value):
        call = getattr(value, "__call__", None)
        is_application = call is not None and _parameters(call)[1:4] == ["scope", "receive", "send"]
        is_factory = call is not None and _parameters(call)[1:2] == ["app"]
        return is_factory or (is_application and _parameters(value.__init__)[1:2] == ["app"])
    return inspect.isfunction(value) and _parameters(value)[:1] == ["app"]


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
