"""The Middleware record, and what importing the package costs."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys

import pytest

import asgi_middleware
from asgi_middleware import Middleware
from asgi_middleware.around import around_http
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.exceptions import ExceptionMiddleware
from asgi_middleware.gzip import GZipMiddleware
from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware
from raw_asgi import http_scope, request


class Greeting:
    def __init__(self, app, greeting, *rest, secret_key=None, **options):
        self.app = app


class Unreadable:
    __signature__ = "no signature at all"


def test_a_record_unpacks_into_class_arguments_and_keywords():
    cls, args, kwargs = Middleware(Greeting, "hello", secret_key="s")
    assert (cls, args, kwargs) == (Greeting, ("hello",), {"secret_key": "s"})


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (Middleware(Greeting), "Middleware(Greeting)"),
        (Middleware(Greeting, "hello", bar=123), "Middleware(Greeting, 'hello', bar=123)"),
        (Middleware(Greeting, "a", "b", "c"), "Middleware(Greeting, 'a', 'b', 'c')"),
        (Middleware(Greeting, "a", secret_key="hush"), "Middleware(Greeting, 'a', secret_key='***')"),
        (Middleware(lambda app, password: app, "hush"), "Middleware(<lambda>, '***')"),
        (Middleware(Unreadable, "hush"), "Middleware(Unreadable, '***')"),
    ],
)
def test_a_record_shows_its_arguments_but_no_secrets(record, shown):
    assert repr(record) == shown


def test_a_nameless_factory_is_shown_as_itself():
    class Factory:
        def __call__(self, app):
            return app

        def __repr__(self):
            return "a factory"

    assert repr(Middleware(Factory())) == "Middleware(a factory)"


def test_the_package_exports_what_belongs_to_no_feature():
    assert asgi_middleware.__all__ == ["ConfigurationWarning", "Middleware", "MiddlewareFactory", "__version__"]


@pytest.mark.parametrize(
    "module", ["cors", "gzip", "httpsredirect", "trustedhost", "body_limit", "around", "wsgi"], ids=lambda name: name
)
def test_a_module_imports_no_third_party_and_no_other_feature(module):
    script = f"""
import sys
before = set(sys.modules)
import asgi_middleware.{module}
new = {{name for name in set(sys.modules) - before}}
known = sys.stdlib_module_names | {{"_missing_stdlib_info"}}  # of Debian's Python 3.15
third = [n for n in new if n.split('.')[0] not in known and not n.startswith('asgi_middleware')]
ours = [n for n in new if n.startswith('asgi_middleware.') and '._' not in n]
assert not third, third
assert sorted(ours) == sorted(['asgi_middleware.{module}', 'asgi_middleware.types']), ours
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@around_http
async def watching(scope):
    yield
    yield


@pytest.mark.parametrize(
    "wrap",
    [
        lambda app: CORSMiddleware(app, ["*"]),
        lambda app: CORSMiddleware(app, ["*"], expose_errors=True),
        GZipMiddleware,
        lambda app: RequestBodyLimitMiddleware(app, 10),
        lambda app: HTTPSRedirectMiddleware(app, hsts_max_age=300),
        watching,
    ],
)
async def test_an_application_is_handed_coroutine_functions(wrap):
    """As asgiref asks of what it makes synchronous."""
    seen = []

    async def app(scope, receive, send):
        seen.extend([receive, send])

    async def receive():
        raise AssertionError

    async def send(message):
        raise AssertionError

    await wrap(app)(http_scope(scheme="https", headers=[(b"host", b"e.org")]), receive, send)
    iscoroutinefunction = inspect.iscoroutinefunction if sys.version_info >= (3, 12) else asyncio.iscoroutinefunction
    assert all(iscoroutinefunction(function) for function in seen)
    assert len(seen) == 2


@around_http
def leaving(scope):
    if scope["path"] == "/nowhere":
        yield


@around_http
def plainly(scope):
    yield
    yield


@pytest.mark.parametrize("wrap", [CORSMiddleware, GZipMiddleware, watching, leaving, plainly])
async def test_what_watches_exceptions_shares_the_watcher_of_a_neighbour(wrap):
    senders = []

    async def missing(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"missing"})

    async def app(scope, receive, send):
        senders.append(send)
        if scope["path"] == "/late":
            await missing(scope, receive, send)
        raise LookupError

    async def between(scope, receive, send):
        senders.append(send)
        await ExceptionMiddleware(app, {LookupError: lambda scope, exc: missing})(scope, receive, send)

    reply = await request(wrap(between))
    assert (reply.status, reply.body) == (404, b"missing")
    assert senders[0] == senders[1]
    with pytest.raises(RuntimeError, match="response already started"):
        await request(wrap(between), path="/late")
