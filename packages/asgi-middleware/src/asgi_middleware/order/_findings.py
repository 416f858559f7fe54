"""The rules: which middleware belongs outside which other, and what goes wrong otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_REFUSING = (
    "BearerAuthMiddleware", "AuthenticationMiddleware", "CSRFMiddleware", "RequestBodyLimitMiddleware",
    "RateLimitMiddleware", "ConcurrencyLimitMiddleware", "TimeoutMiddleware", "IdempotencyMiddleware",
)  # fmt: skip
_READS_THE_CLIENT = (
    "AccessLogMiddleware", "RateLimitMiddleware", "HTTPSRedirectMiddleware", "TrustedHostMiddleware",
    "SecurityHeadersMiddleware", "CSRFMiddleware", "CORSMiddleware", "OpenTelemetryMiddleware", "IdempotencyMiddleware",
)  # fmt: skip
_COMPRESSING = ("GZipMiddleware", "CompressionMiddleware")

# The outer middleware, those that belong inside it, and what goes wrong otherwise.
_RULES: list[tuple[str, tuple[str, ...], str]] = [
    ("DrainMiddleware", ("*",), "an outer middleware does not see that the server stops"),
    (
        "HealthMiddleware",
        (*_REFUSING, "TrustedHostMiddleware", "HTTPSRedirectMiddleware", "SessionMiddleware"),
        "probes have no credentials, name the address as their host and must not wait in a queue",
    ),
    ("ProxyHeadersMiddleware", _READS_THE_CLIENT, "it reads the client, the scheme or the host before they are known"),
    ("RequestIDMiddleware", ("AccessLogMiddleware",), "the log record is written without the id of the request"),
    ("RequestIDMiddleware", ("PrometheusMiddleware",), "no measurement has a trace as its exemplar"),
    ("AccessLogMiddleware", (*_COMPRESSING, *_REFUSING), "refused requests are not logged, bytes are not those sent"),
    ("PrometheusMiddleware", _REFUSING, "refused requests are not counted"),
    ("CORSMiddleware", _REFUSING, "a page cannot read its refusals, and preflights carry no credentials (Fetch)"),
    ("TrustedHostMiddleware", ("HTTPSRedirectMiddleware",), "it redirects to whatever host the client names"),
    ("HTTPSRedirectMiddleware", ("SessionMiddleware",), "a session is read, and may be sent, without TLS"),
    ("SessionMiddleware", ("AuthenticationMiddleware",), "a backend that reads the session finds none"),
    ("AuthenticationMiddleware", ("IdempotencyMiddleware",), "a key belongs to a user, who is not known yet"),
    ("BearerAuthMiddleware", ("IdempotencyMiddleware",), "a stored answer is given before the token is checked"),
    ("ProblemDetailsMiddleware", _REFUSING, "their refusals stay plain text"),
    ("RequestBodyLimitMiddleware", ("DecompressionMiddleware",), "the limit is of the bytes that arrive"),
    ("ConcurrencyLimitMiddleware", ("SessionMiddleware",), "work is done for requests that are refused"),
    ("RateLimitMiddleware", ("SessionMiddleware",), "work is done for requests that are refused"),
    ("CompressionMiddleware", ("GZipMiddleware",), "responses are gzipped before a better coding is chosen"),
    ("CompressionMiddleware", ("ConditionalMiddleware",), "the validator would be that of another coding"),
    ("GZipMiddleware", ("ConditionalMiddleware",), "the validator would be that of another coding"),
    ("CompressionMiddleware", ("ProblemDetailsMiddleware",), "an error that is compressed is not described"),
    ("GZipMiddleware", ("ProblemDetailsMiddleware",), "an error that is compressed is not described"),
]
_ONCE = frozenset({"SessionMiddleware", "CORSMiddleware", "ProxyHeadersMiddleware", "RequestIDMiddleware"})
_OUTERMOST = frozenset({"ServerErrorMiddleware", "ErrorMiddleware"})  # which an application puts around everything


@dataclass(frozen=True)
class Finding:
    """Two middlewares in the wrong order: `inner` belongs inside `outer`; `reason` is what goes wrong."""

    outer: str
    inner: str
    reason: str

    def __str__(self) -> str:
        if self.outer == self.inner:
            return f"{self.outer} occurs twice: {self.reason}"
        return f"{self.outer} belongs outside {self.inner}: {self.reason}"


def findings(stack: Any) -> list[Finding]:
    """Return the middlewares that are in the wrong order.

    `stack` is a list of records, classes or instances of middleware, the first of them outermost, or an application
    that is wrapped in them.
    """
    names = [name_of(one) for one in (stack if isinstance(stack, list | tuple) else stack_of(stack))]
    found = []
    for outer, inners, reason in _RULES:
        if outer in names:
            # The first of several counts: a second, inner one is meant for some of the requests only.
            before = names[: names.index(outer)]
            wrong = [name for name in before if (name in inners or inners == ("*",)) and name not in _OUTERMOST]
            found += [Finding(outer, name, reason) for name in dict.fromkeys(wrong)]
    twice = [name for name in dict.fromkeys(names) if name in _ONCE.union(_COMPRESSING) and names.count(name) > 1]
    return found + [Finding(name, name, "the second does the work of the first again") for name in twice]


def stack_of(application: Any) -> list[Any]:
    """Return the middleware around an application, the outermost first.

    A middleware has its application as `app`, Quart its outermost one as `asgi_app`; a framework like Starlette lists
    its middlewares as `user_middleware`.
    """
    return list(_walk(application))


def _walk(app: Any) -> Iterator[Any]:
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        seen.add(id(app))
        records = getattr(app, "user_middleware", None)
        if isinstance(records, Iterable):
            yield from records
            return
        inner = getattr(app, "app", None)
        if callable(inner):
            yield app
            app = inner
        else:
            app = getattr(app, "asgi_app", None)


def name_of(one: Any) -> str:
    """Return the name of a middleware's class, also if it is given as a record."""
    cls = getattr(one, "cls", one)  # a record
    if not isinstance(cls, type):
        cls = type(cls) if not hasattr(cls, "__name__") else cls
    return str(cls.__name__)
