"""The host and port of a URL: from a request, and put together anew (RFC 3986 §3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

from ._fields import scope_headers
from .types import Scope

_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%\-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?").fullmatch
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def request_netloc(scope: Scope) -> str:
    """The authority a request was sent to: the Host header if it is well-formed, else the server, else nothing."""
    for name, value in scope_headers(scope):
        if name == b"host" or (len(name) == 4 and name.lower() == b"host"):
            host: str = value.decode("latin-1")
            if is_authority(host):
                return host
            break
    return _server_netloc(scope)


def is_authority(host: str) -> bool:
    """Whether this is a host, or a host and a port from 0 to 65535, and nothing else."""
    match = _HOST(host)
    if match is None or int(match[1] or 0) > 65535:
        return False
    return host[0] != "[" or _is_ipv6(host[1 : host.index("]")])


def _is_ipv6(address: str) -> bool:
    from ipaddress import IPv6Address  # slow to import, and few hosts are IPv6 literals

    try:
        IPv6Address(address)
    except ValueError:
        return False
    return True


def _server_netloc(scope: Scope) -> str:
    server = scope.get("server")
    if server is None:
        return ""
    host, port = server
    if port is None:
        # A unix socket has a path where a URL needs a host.
        return ""
    if ":" in host:
        host = f"[{host}]"
    return str(host) if _DEFAULT_PORTS.get(scope.get("scheme", "http")) == port else f"{host}:{port}"


def join_netloc(components: SplitResult, changed: Mapping[str, Any]) -> str:
    """An authority with some of its parts (username, password, hostname, port) changed."""
    authority = components.netloc.rpartition("@")[2]
    hostname = changed.get("hostname")
    if hostname is None:
        hostname = authority if authority[-1:] == "]" else authority.rpartition(":")[0] or authority
    elif hostname.count(":") > 1 and hostname[:1] != "[":
        hostname = f"[{hostname}]"
    port = changed.get("port", components.port)
    netloc = hostname if port is None else f"{hostname}:{port}"
    username = changed.get("username", components.username)
    password = changed.get("password", components.password)
    if username is None:
        return str(netloc)
    if password is not None:
        username = f"{username}:{password}"
    return f"{username}@{netloc}"
