"""A test client for every ASGI application: Django, Quart, FastAPI, Litestar, Falcon and bare ASGI.

    from asgi_testclient import TestClient

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"hello"})

    response = TestClient(app).get("/")
    assert (response.status_code, response.text) == (200, "hello")

TestClient is an `httpx.Client`, AsyncTestClient an `httpx.AsyncClient`: of httpx2 where that is installed, of httpx
otherwise. `asgi_testclient.httpx` and `asgi_testclient.httpx2` name one of them.

What the package changes in the process, while a call of an application runs:

- Exception classes are made for WebSockets that are closed or refused, so that an `except` of Starlette's class catches
  them too, where Starlette is imported (`_clients/session.py`).
- With `raise_server_exceptions="logged"` the log record factory is wrapped, and Django's signal `got_request_exception`
  has one receiver more (`_logs.py`).
- Where Django is in use, the ends of requests close no database connections, and synchronous code runs on the thread of
  the test (`_django.py`).
- Up to two idle threads are kept for a few seconds (`_loops/workers.py`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._clients.sessions import AsyncWebSocketTestSession, WebSocketTestSession
    from .clock import Clock
    from .exceptions import (
        AppCancelled,
        AppIgnoredDisconnect,
        AppTimeout,
        BlockedEventLoop,
        ClientDisconnected,
        LifespanFailed,
        LifespanNotSupported,
        LifespanSkipped,
        ProtocolViolation,
        ProtocolWarning,
        UnfinishedTasks,
        Violation,
        WebSocketDenied,
        WebSocketDisconnect,
    )
    from .httpx import (
        ASGIResponse,
        ASGITransport,
        AsyncASGIResponse,
        AsyncASGITransport,
        AsyncTestClient,
        LiveClient,
        TestClient,
        WebSocketDenialResponse,
    )
    from .lifespan import LifespanManager
    from .lint import Lint
    from .replay import Replay, ReplayMismatch, save
    from .server import LiveServer
    from .snapshots import snapshot_of

__version__ = "1.0.0"

__all__ = [
    "ASGIResponse",
    "ASGITransport",
    "AppCancelled",
    "AppIgnoredDisconnect",
    "AppTimeout",
    "AsyncASGIResponse",
    "AsyncASGITransport",
    "AsyncTestClient",
    "AsyncWebSocketTestSession",
    "BlockedEventLoop",
    "ClientDisconnected",
    "Clock",
    "LifespanFailed",
    "LifespanManager",
    "LifespanNotSupported",
    "LifespanSkipped",
    "Lint",
    "LiveClient",
    "LiveServer",
    "ProtocolViolation",
    "ProtocolWarning",
    "Replay",
    "ReplayMismatch",
    "TestClient",
    "UnfinishedTasks",
    "Violation",
    "WebSocketDenialResponse",
    "WebSocketDenied",
    "WebSocketDisconnect",
    "WebSocketTestSession",
    "__version__",
    "save",
    "snapshot_of",
]

# Imported when they are asked for: Lint alone needs no httpx, and a pytest plugin that is only loaded costs nothing.
HOMES = {
    "AsyncWebSocketTestSession": "_clients.sessions",
    "WebSocketTestSession": "_clients.sessions",
    "Clock": "clock",
    "LifespanManager": "lifespan",
    "Lint": "lint",
    "LiveServer": "server",
    "Replay": "replay",
    "ReplayMismatch": "replay",
    "save": "replay",
    "snapshot_of": "snapshots",
}
BUILT_ON_HTTPX = frozenset(
    {
        "ASGIResponse", "ASGITransport", "AsyncASGIResponse", "AsyncASGITransport", "AsyncTestClient", "LiveClient",
        "TestClient", "WebSocketDenialResponse",
    }
)  # fmt: skip


def _preferred_httpx() -> str:
    """Return the name of the module that is built on httpx2 if that is installed, else on httpx."""
    try:
        import_module("httpx2")
    except ImportError:
        return "httpx"
    return "httpx2"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _preferred_httpx() if name in BUILT_ON_HTTPX else HOMES.get(name, "exceptions")
    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
