"""The attributes of a request by the HTTP conventions, taken from its scope."""

from __future__ import annotations

import re
from typing import Any

from .._headers import first_value
from .._host import default_port, parse_host
from ..types import Scope

# Any other method is `_OTHER`: a client could invent methods without end, and each would be a new time series.
_KNOWN_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
# The conventions demand that these are redacted: whoever has the URL of a signed link has what it links to.
_SENSITIVE = re.compile(r"(?i)(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature|X-Amz-Signature)=[^&]*")


def method_of(scope: Scope) -> str:
    """Return the method, or `_OTHER` for one that no standard defines."""
    method = scope.get("method", "GET")
    return method if method in _KNOWN_METHODS else "_OTHER"


def request_attributes(scope: Scope) -> dict[str, Any]:
    """Return the attributes known before the application is called, except those without a value."""
    headers = scope.get("headers", ())
    method = method_of(scope)
    address, port = server_of(scope)
    client = scope.get("client")
    attributes = {
        "http.request.method": method,
        "http.request.method_original": scope.get("method") if method == "_OTHER" else None,
        "url.path": scope.get("path", ""),
        "url.scheme": scope.get("scheme", "http"),
        "url.query": query_of(scope),
        "server.address": address,
        "server.port": port,
        "network.protocol.version": scope.get("http_version"),
        "client.address": client[0] if client else None,
        "user_agent.original": _text(first_value(headers, b"user-agent")),
    }
    return {name: value for name, value in attributes.items() if value not in (None, "")}


def server_of(scope: Scope) -> tuple[str | None, int | None]:
    """Return address and port from a valid Host (RFC 9110 §7.2), otherwise those of the server.

    A Host without a port means the default port of the scheme; behind a proxy the server's own port is another one.
    """
    host = parse_host(_text(first_value(scope.get("headers", ()), b"host")) or "")
    if host is None:
        address, port = scope.get("server") or (None, None)
        return address, port
    if not host.port:
        return host.name.strip("[]"), default_port(scope.get("scheme", "http"))
    return host.name.strip("[]"), host.port_number


def query_of(scope: Scope) -> str:
    """Return the query string with the signatures and keys of signed links redacted."""
    return _SENSITIVE.sub(r"\1\2=REDACTED", scope.get("query_string", b"").decode("latin-1"))


def url_of(scope: Scope) -> str:
    """Return the URL in which `excluded_urls` are searched."""
    host = _text(first_value(scope.get("headers", ()), b"host"))
    if host is None:
        address, port = scope.get("server") or ("", None)
        host = f"{address}:{port}" if port else str(address)
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('path', '')}{'?' if query else ''}{query}"


def error_type(exc: BaseException) -> str:
    """Return the name of an exception's class, with its module unless it is Python's own."""
    cls = type(exc)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
