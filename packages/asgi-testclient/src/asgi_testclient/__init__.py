"""A test client for every ASGI application: Django, Quart, FastAPI, Litestar, Falcon and bare ASGI."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncTestClient, TestClient, WebSocketDenialResponse
    from .exceptions import (
        AppCancelled,
        AppIgnoredDisconnect,
        AppTimeout,
        BlockedEventLoop,
        ClientDisconnected,
        UnfinishedTasks,
    )
    from .lifespan import LifespanFailed, LifespanNotSupported
    from .lint import Lint, ProtocolViolation, ProtocolWarning, Violation
    from .transport import ASGITransport, AsyncASGITransport
    from .websockets import AsyncWebSocketTestSession, WebSocketDenied, WebSocketDisconnect, WebSocketTestSession

__version__ = "1.0.0"

__all__ = [
    "ASGITransport",
    "AppCancelled",
    "AppIgnoredDisconnect",
    "AppTimeout",
    "AsyncASGITransport",
    "AsyncTestClient",
    "AsyncWebSocketTestSession",
    "BlockedEventLoop",
    "ClientDisconnected",
    "LifespanFailed",
    "LifespanNotSupported",
    "Lint",
    "ProtocolViolation",
    "ProtocolWarning",
    "TestClient",
    "UnfinishedTasks",
    "Violation",
    "WebSocketDenialResponse",
    "WebSocketDenied",
    "WebSocketDisconnect",
    "WebSocketTestSession",
    "__version__",
]

# Looked up when they are asked for: Lint alone needs no httpx, and a plugin that is only loaded costs nothing.
MODULES = {
    "client": ("AsyncTestClient", "TestClient", "WebSocketDenialResponse"),
    "exceptions": (
        "AppCancelled",
        "AppIgnoredDisconnect",
        "AppTimeout",
        "BlockedEventLoop",
        "ClientDisconnected",
        "UnfinishedTasks",
    ),
    "lifespan": ("LifespanFailed", "LifespanNotSupported"),
    "lint": ("Lint", "ProtocolViolation", "ProtocolWarning", "Violation"),
    "transport": ("ASGITransport", "AsyncASGITransport"),
    "websockets": ("AsyncWebSocketTestSession", "WebSocketDenied", "WebSocketDisconnect", "WebSocketTestSession"),
}
HOMES = {name: module for module, names in MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
