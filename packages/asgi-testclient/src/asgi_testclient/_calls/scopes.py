"""Scopes as a server makes them, from requests of httpx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import unquote

from .._options import Settings
from ..types import Scope

PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class URL(Protocol):
    """The part of a URL that every httpx has."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def raw_path(self) -> bytes: ...


class Request(Protocol):
    """The part of a request that every httpx has."""

    method: str
    url: Any
    headers: Any
    stream: Any
    extensions: Any

    @property
    def content(self) -> bytes: ...


def http_scope(request: Request, settings: Settings, state: Mapping[str, Any]) -> Scope:
    """Return the scope of a request. The path is decoded once; `raw_path` is as it was sent, without the query."""
    scope = _connection(request, settings, state, request.url.scheme)
    scope["type"] = "http"
    scope["method"] = request.method
    scope["headers"] = [(name.lower(), value) for name, value in request.headers.raw]
    scope["extensions"] = _copied(settings.http_extensions)
    return scope


def websocket_scope(request: Request, settings: Settings, state: Mapping[str, Any], subprotocols: list[str]) -> Scope:
    """Return the scope of a WebSocket handshake."""
    scheme = "wss" if request.url.scheme in ("https", "wss") else "ws"
    scope = _connection(request, settings, state, scheme)
    scope["type"] = "websocket"
    scope["headers"] = [(name.lower(), value) for name, value in request.headers.raw]
    scope["subprotocols"] = subprotocols
    scope["extensions"] = _copied(settings.websocket_extensions)
    return scope


def _connection(request: Request, settings: Settings, state: Mapping[str, Any], scheme: str) -> dict[str, Any]:
    url: URL = request.url
    raw_path, _, query = url.raw_path.partition(b"?")
    path = raw_path.decode("ascii")
    return {
        "type": "",
        "asgi": {"version": "3.0", "spec_version": settings.spec_version},
        "http_version": settings.http_version,
        "scheme": scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": settings.root_path,
        "headers": [],
        "client": settings.client,
        "server": settings.server or (url.host, PORTS.get(scheme) if url.port is None else url.port),
        "state": dict(state),
        "extensions": {},
    }


def _copied(extensions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: dict(value) for name, value in extensions.items()}
