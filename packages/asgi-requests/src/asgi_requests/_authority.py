"""The authority of a URL (RFC 3986 §3.2): read from a request, and put together from its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote

from ._fields import scope_headers
from ._host import default_port, parse_host
from .types import Scope

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def request_netloc(scope: Scope) -> str:
    """Return the authority of a request: the Host header if it is well-formed, else the server, else an empty text."""
    for name, value in scope_headers(scope):
        if name == b"host" or (len(name) == 4 and name.lower() == b"host"):
            host = parse_host(value.decode("latin-1"))
            # The standard library refuses the upper-case V of an IPvFuture literal, and the URL must be readable.
            if host is not None and host.has_valid_port and host.text[:2] != "[V":
                return f"{host.text}:{host.port}" if host.port else host.text
            break
    return _server_netloc(scope)


def _server_netloc(scope: Scope) -> str:
    server = scope.get("server")
    if server is None:
        return ""
    host, port = server
    if port is None:
        # A unix socket has a path where a URL needs a host.
        return ""
    if ":" in host and host[0] != "[":
        host = f"[{host}]"
    return str(host) if default_port(scope.get("scheme", "http")) == port else f"{host}:{port}"


def join_netloc(components: SplitResult, changed: Mapping[str, Any]) -> str:
    """Return an authority with some of its parts (username, password, hostname, port) changed."""
    authority = components.netloc.rpartition("@")[2]
    hostname = changed.get("hostname")
    if hostname is None:
        hostname = authority if authority[-1:] == "]" else authority.rpartition(":")[0] or authority
    elif hostname.count(":") > 1 and hostname[:1] != "[":
        hostname = f"[{hostname}]"
    port = changed.get("port", components.port)
    netloc = hostname if port is None else f"{hostname}:{port}"
    username = _userinfo(changed["username"]) if "username" in changed else components.username
    password = _userinfo(changed["password"]) if "password" in changed else components.password
    if username is None:
        return str(netloc)
    if password is not None:
        username = f"{username}:{password}"
    return f"{username}@{netloc}"


def _userinfo(part: str | None) -> str | None:
    """Return a user or a password without what could move the host; escapes that are there already are kept."""
    return None if part is None else _STRAY_PERCENT.sub("%25", quote(part, safe="%!$&'()*+,;="))
