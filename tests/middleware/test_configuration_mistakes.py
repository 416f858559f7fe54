"""Options of the wrong kind: refused where the middleware is built, by an exception that names the option and the way out."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from asgi_middleware.access_log import AccessLogMiddleware
from asgi_middleware.authentication import AuthenticationMiddleware
from asgi_middleware.bearer import BearerAuthMiddleware
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.concurrency import ConcurrencyLimitMiddleware
from asgi_middleware.conditional import ConditionalMiddleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.decompression import DecompressionMiddleware
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.health import HealthMiddleware
from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware
from asgi_middleware.idempotency import IdempotencyMiddleware
from asgi_middleware.metrics import PrometheusMiddleware
from asgi_middleware.problems import ProblemDetailsMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.rate_limit import Limit, RateLimitMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from asgi_middleware.security_headers import SecurityHeadersMiddleware
from asgi_middleware.server_timing import ServerTimingMiddleware
from asgi_middleware.sessions import SessionMiddleware
from asgi_middleware.stores import MemoryStore, SQLiteStore
from asgi_middleware.timeout import TimeoutMiddleware
from asgi_middleware.wsgi import WSGIMiddleware
from raw_asgi import http_scope, run


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"mine"), (b"t", b"1")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("cls", "options", "text"),
    [
        (TimeoutMiddleware, {"timeout": "30"}, "timeout='30' must be a number of seconds above 0, or None"),
        (TimeoutMiddleware, {"body_idle": "1"}, "body_idle='1' must be a number"),
        (DrainMiddleware, {"grace": "25"}, "grace='25' must be a number of seconds"),
        (DrainMiddleware, {"drain": 25}, "write grace=25"),
        (DrainMiddleware, {"endless": True}, "endless=True must be a function of the scope and the start"),
        (HealthMiddleware, {"timeout": "2"}, "timeout='2' must be a number"),
        (HealthMiddleware, {"checks": [print]}, "must be a dict from names to functions"),
        (ConcurrencyLimitMiddleware, {"limit": "10"}, "must be numbers, not .'10', "),
        (ConcurrencyLimitMiddleware, {"limit": 1, "websocket_limit": "5"}, "must be numbers"),
        (RateLimitMiddleware, {"limits": "1/minute", "key": "user"}, "key='user' must be a function of the scope"),
        (RateLimitMiddleware, {"limits": "1/minute", "store": MemoryStore}, r"a store, such as MemoryStore\(\)"),
        (RateLimitMiddleware, {"limits": "1/minute", "store_timeout": "1"}, "store_timeout='1' must be a number"),
        (IdempotencyMiddleware, {"store": SQLiteStore}, r"a store, such as MemoryStore\(\)"),
        (IdempotencyMiddleware, {"store": MemoryStore(), "principal": "user"}, "principal='user' must be a function"),
        (IdempotencyMiddleware, {"store": MemoryStore(), "store_timeout": "1"}, "store_timeout='1' must be a number"),
        (SessionMiddleware, {"store": "sessions.db"}, "store='sessions.db' must be a store"),
        (SessionMiddleware, {"store": MemoryStore}, r"a store, such as MemoryStore\(\)"),
        (AccessLogMiddleware, {"exclude": "/livez"}, "exclude='/livez' must be a function of the scope"),
        (AccessLogMiddleware, {"route": "path"}, "route='path' must be a function of the scope"),
        (AccessLogMiddleware, {"level": "INFO"}, "level='INFO' must be a number, such as logging.INFO"),
        (RequestIDMiddleware, {"generate": "uuid4"}, "generate='uuid4' must be a function of no arguments"),
        (SecurityHeadersMiddleware, {"content_security_policy": "default-src 'self'"}, "must be a dict"),
        (PrometheusMiddleware, {"route": "path"}, "route='path' must be a function of the scope"),
        (PrometheusMiddleware, {"exclude": "/metrics"}, "exclude='/metrics' must be a function of the scope"),
        (AccessLogMiddleware, {"sample": "0.1"}, "sample='0.1' must be a number"),
        (AuthenticationMiddleware, {"backend": None, "connection": "conn"}, "connection='conn' must be a function"),
        (BearerAuthMiddleware, {"verify": "secret"}, "verify='secret' must be a function of the token"),
        (ConditionalMiddleware, {"max_size": "9"}, "max_size='9' must be a number"),
        (ConditionalMiddleware, {"validators": "etag"}, "validators='etag' must be a function of the scope"),
        (CORSMiddleware, {"origin_check": "a.example"}, "origin_check='a.example' must be a function of an origin"),
        (CSRFMiddleware, {"bind": "user"}, "bind='user' must be a function of the scope"),
        (CSRFMiddleware, {"max_form_bytes": "9"}, "max_form_bytes='9' must be a number"),
        (DecompressionMiddleware, {"max_size": "9"}, "max_size='9' must be a number"),
        (DecompressionMiddleware, {"max_ratio": "9"}, "max_ratio='9' must be a number"),
        (HTTPSRedirectMiddleware, {"hsts_max_age": "9"}, "hsts_max_age='9' must be a number"),
        (IdempotencyMiddleware, {"store": MemoryStore(), "ttl": "9"}, "ttl='9' must be a number of seconds"),
        (IdempotencyMiddleware, {"store": MemoryStore(), "max_body": "9"}, "max_body='9' must be a number"),
        (ProblemDetailsMiddleware, {"extend": {"id": 1}}, "must be a function of the scope"),
        (ProxyHeadersMiddleware, {"trusted": ["10.0.0.1"], "hops": "1"}, "hops='1' must be a number"),
        (RateLimitMiddleware, {"limits": "1/minute", "cost": "2"}, "cost='2' must be a number of units, or a function"),
        (RequestBodyLimitMiddleware, {"max_body_size": 9, "too_large": 413}, "too_large=413 must be a function"),
        (ServerTimingMiddleware, {"visible": True}, "visible=True must be a function of the scope"),
        (SessionMiddleware, {"store": MemoryStore(), "store_timeout": "1"}, "store_timeout='1' must be a number"),
        (WSGIMiddleware, {"max_threads": "9"}, "max_threads='9' must be a number"),
    ],
)
def test_an_option_of_another_type_is_refused(cls: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        cls(app, **options)


@pytest.mark.parametrize("style", ["nginx", "JSON", None])
def test_a_style_that_there_is_not_names_those_that_there_are(style: Any) -> None:
    with pytest.raises(ValueError, match=f"style={style!r} must be 'combined', 'json', 'logfmt' or a function"):
        AccessLogMiddleware(app, style=style)


@pytest.mark.parametrize("limits", [100, (100, 60), ["100/min"]])
def test_a_limit_that_is_none_shows_one(limits: Any) -> None:
    with pytest.raises(ValueError, match="invalid limit .*: write 100/minute"):
        RateLimitMiddleware(app, limits)


def test_a_limit_may_stand_alone() -> None:
    assert RateLimitMiddleware(app, Limit(2, 60)).limits == [Limit(2, 60)]


async def test_a_name_alone_is_a_list_of_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgi_middleware.access")
    entries: list[Any] = []
    logged = AccessLogMiddleware(app, redact="ticket", headers="x-tenant", style=entries.append, background=False)
    await run(logged, http_scope(query=b"t=1&ticket=2", headers=[(b"x-tenant", b"acme")]))
    assert entries[0].target == "/?t=1&ticket=***"
    assert entries[0].headers == {"x-tenant": "acme"}
    reply = await run(SecurityHeadersMiddleware(app, hide="server"), http_scope())
    assert (reply.header("server"), reply.header("t")) == (None, "1")


async def test_a_policy_that_is_text_is_a_header() -> None:
    policy = "default-src 'none'"
    reply = await run(SecurityHeadersMiddleware(app, headers={"content-security-policy": policy}), http_scope())
    assert reply.all("content-security-policy") == [policy]
