"""Redirects to the path that has one slash more or less at its end."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote

from ._host import default_port
from ._scope import get_full_path, requested_host
from ._urlpath import without_authority
from .types import Scope

_SAFE = "/!$&'()*+,;=:@"
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))  # a query is kept as it came, but never breaks the header


class _Table(Protocol):
    absolute_redirects: bool

    def is_match(self, scope: Scope) -> bool: ...


def other_slash(path: str) -> str:
    """Return the path without the slashes at its end, or with one if it has none."""
    return path.rstrip("/") if path.endswith("/") else f"{path}/"


def slash_redirect(router: _Table, scope: Scope) -> bytes | None:
    """Return the Location of the same path but for its last slash, if a route matches that; the query is kept.

    It never begins with two slashes: a client would read a host there (RFC 3986 §4.2). It is absolute if this router,
    the outermost one or the application has `absolute_redirects`.
    """
    # A copy: predicates and `matches` of routes see the path that is asked about, and change nothing.
    other = {**scope, "path": other_slash(scope["path"])}
    if not router.is_match(other):
        return None
    location = without_authority(quote(get_full_path(other), safe=_SAFE, errors="surrogateescape")).encode()
    if query := scope.get("query_string", b""):
        location += b"?" + quote(query, safe=_PRINTABLE).encode()
    # Relative unless asked for: Host is the client's to choose, and a cache may keep the redirect for others.
    asked = (router, scope.get("router"), scope.get("app"))
    absolute = any(getattr(each, "absolute_redirects", False) for each in asked)
    return _origin(scope) + location if absolute else location


def _origin(scope: Scope) -> bytes:
    """Return `scheme://host` as the client named it, or as the server knows itself; nothing if neither is known."""
    scheme = scope.get("scheme", "http")
    requested = requested_host(scope)
    if requested is not None and requested.has_valid_port:
        host = f"{requested.text}:{requested.port}" if requested.port else requested.text
    elif scope.get("server") and scope["server"][1] is not None:
        name, port = scope["server"]
        name = f"[{name}]" if ":" in name else name  # an IPv6 address (RFC 3986 §3.2.2)
        host = name if port == default_port(scheme) else f"{name}:{port}"
    else:
        return b""
    return f"{scheme}://{host}".encode("latin-1")
