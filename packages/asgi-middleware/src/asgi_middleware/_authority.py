"""The Host of a request, read strictly (RFC 9110 §7.2, RFC 3986 §3.2.2), and absolute URLs built from it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from ._headers import RawHeaders, all_values
from .types import Scope

_HOST = re.compile(
    r"(?P<name>(?=[^:]{1,254}(?::|$))[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?"
    r"|\[(?P<ipv6>[0-9a-f:.]{2,45})\])(?::(?P<port>[0-9]{0,5}))?",
    re.IGNORECASE | re.ASCII,
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xff]")


class Authority(NamedTuple):
    """A host in lower case, an IPv6 address shortened and in brackets, without a final dot; and its port, if named."""

    host: str
    port: int | None

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


def parse_authority(value: str) -> Authority | None:
    """The authority that a Host header names, or None where it is malformed."""
    found = _HOST.fullmatch(value)
    if found is None or int(found["port"] or 0) > 65535:
        return None
    port = int(found["port"]) if found["port"] else None
    if found["ipv6"] is None:
        return Authority(found["name"].lower().removesuffix("."), port)
    from ipaddress import IPv6Address  # costs milliseconds, and few hosts are IPv6 literals

    try:
        return Authority(f"[{IPv6Address(found['ipv6']).compressed}]", port)
    except ValueError:
        return None


def is_address(host: str) -> bool:
    """Whether a host is an IPv6 literal or an IPv4 address; a name ends in no number (URL Standard, host parsing)."""
    return host[:1] == "[" or host.rpartition(".")[2].isdigit()


def requested_authority(headers: RawHeaders) -> Authority | None:
    """The authority a request names in its one Host header; None if it is missing, repeated or malformed."""
    values = all_values(headers, b"host")
    return parse_authority(values[0].decode("latin-1")) if len(values) == 1 else None


def absolute_url(scheme: str, authority: Authority, scope: Scope) -> bytes:
    """The URL of the request with another scheme or authority; path and query stay as they came, byte for byte."""
    path = scope["path"]
    raw = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")
    if unquote(raw) != path:  # a middleware further out has rewritten the path
        raw = quote(path, safe="/!$&'()*+,;=:@~")
    if not raw.startswith("/"):
        raw = f"/{raw}"  # else `@evil.example` would become the authority
    query = scope.get("query_string", b"").decode("latin-1")
    url = f"{scheme}://{authority}{raw}{'?' if query else ''}{query}"
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", url).encode("ascii")
