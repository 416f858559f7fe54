"""Redirects to the path that has one slash more or less at its end."""

from __future__ import annotations

from typing import Protocol

from ._scope import host_header
from .paths import get_full_path, without_authority
from .types import Scope

_SAFE = "/!$&'()*+,;=:@"
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))  # a query is kept as it came, but never breaks the header
_DEFAULT_PORTS = {"http": 80, "https": 443}


class _Table(Protocol):
    absolute_redirects: bool

    def is_match(self, scope: Scope) -> bool: ...


def other_slash(path: str) -> str:
    """The path without the slashes at its end, or with one where it has none."""
    return path.rstrip("/") if path.endswith("/") else f"{path}/"


def slash_redirect(router: _Table, scope: Scope) -> bytes | None:
    """The Location of the same path but for its last slash, where a route matches that; the query is kept.

    It never begins with two slashes: a client would read a host there (RFC 3986 §4.2).
    """
    other = {**scope, "path": other_slash(scope["path"])}
    if not router.is_match(other):
        return None
    from urllib.parse import quote

    location = without_authority(quote(get_full_path(other), safe=_SAFE, errors="surrogateescape")).encode()
    if query := scope.get("query_string", b""):
        location += b"?" + quote(query, safe=_PRINTABLE).encode()
    return _origin(scope) + location if router.absolute_redirects else location


def _origin(scope: Scope) -> bytes:
    """`scheme://host` as the client named it, or as the server knows itself; nothing where neither is known."""
    scheme = scope.get("scheme", "http")
    host = host_header(scope)
    if host is None and scope.get("server"):
        name, port = scope["server"]
        if port is None:
            return b""
        name = f"[{name}]" if ":" in name else name
        host = name if port == _DEFAULT_PORTS.get(scheme) else f"{name}:{port}"
    return b"" if host is None else f"{scheme}://{host}".encode("latin-1")
