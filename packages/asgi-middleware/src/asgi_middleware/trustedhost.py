"""Answer only requests that name a host we serve.

app = TrustedHostMiddleware(app, allowed_hosts=["shop.example", "*.shop.example", "[::1]", "10.0.0.0/8"])
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ._authority import Authority, absolute_url, parse_authority, requested_authority
from ._replies import reject
from ._scope import call_with_lasting_headers, has_lasting_headers
from .types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

ENFORCE_DOMAIN_WILDCARD = "Domain wildcard patterns must be like '*.example.com'."


class TrustedHostMiddleware:
    """Refuses requests whose Host header is missing, malformed, repeated or not allowed (RFC 9110 §7.2).

    `allowed_hosts` are names, addresses, `*.example.com` for any name below, networks as `10.0.0.0/8`, or `*` for
    all. With `www_redirect` a host that is allowed only with `www.` before it is sent there. `exempt_paths` answer
    any host, for the probes of a load balancer. Raises ValueError for a pattern that could never match.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Sequence[str] | None = None,
        www_redirect: bool = True,
        *,
        exempt_paths: Collection[str] = (),
    ) -> None:
        allowed_hosts = ["*"] if allowed_hosts is None else allowed_hosts
        hosts = [allowed_hosts] if isinstance(allowed_hosts, str) else list(allowed_hosts)
        self.app = app
        self.allowed_hosts = hosts
        self.allow_any = "*" in hosts
        self.www_redirect = www_redirect
        self.exempt_paths = frozenset(exempt_paths)
        self._exact = frozenset(_host(host) for host in hosts if "*" not in host and "/" not in host)
        self._below = tuple(_below(host) for host in hosts if "*" in host and host != "*")
        self._networks = tuple(_network(host) for host in hosts if "/" in host and "*" not in host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.allow_any or scope["type"] not in ("http", "websocket") or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        authority = requested_authority(scope.get("headers", ()))
        if authority is None:
            return await reject(scope, receive, send, 400, "Invalid host header")
        if self.allows(authority.host):
            return await self.app(scope, receive, send)
        if self.www_redirect and f"www.{authority.host}" in self._exact:
            www = Authority(f"www.{authority.host}", authority.port)
            url = absolute_url(scope.get("scheme") or "http", www, scope)
            return await reject(scope, receive, send, 307, "", [(b"location", url)])
        return await reject(scope, receive, send, 400, "Invalid host header")

    def allows(self, host: str) -> bool:
        """Whether a host, in lower case and without its port, is one of ours."""
        if host in self._exact or host.endswith(self._below):
            return True
        if not self._networks:
            return False
        from ipaddress import ip_address

        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _host(pattern: str) -> str:
    """An exact pattern as hosts are compared; an IPv6 address may stand with or without its brackets."""
    authority = parse_authority(f"[{pattern}]" if pattern.count(":") > 1 and pattern[:1] != "[" else pattern)
    if authority is None or authority.port is not None:
        raise ValueError(f"the allowed host {pattern!r} could never match: it is an ASCII name or address, no port")
    return authority.host


def _below(pattern: str) -> str:
    """The ending of the names that `*.example.com` stands for; the grammar of a host leaves no label empty."""
    if not pattern.startswith("*.") or "*" in pattern[1:]:
        raise ValueError(ENFORCE_DOMAIN_WILDCARD)
    return f".{_host(pattern[2:])}"


def _network(pattern: str) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network

    try:
        return ip_network(pattern)
    except ValueError as exc:
        raise ValueError(f"the allowed host {pattern!r} is no network: {exc}") from exc
