"""Reject requests for hosts that the application does not serve.

    from asgi_middleware.trustedhost import TrustedHostMiddleware

    app = TrustedHostMiddleware(app, allowed_hosts=["shop.example", "*.shop.example", "[::1]", "10.0.0.0/8"])

Otherwise a client chooses the host of every URL that is built from the Host header: an attacker could have a reset link
mailed to a victim that leads to the attacker's site, or fill a cache with such links.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ._authority import absolute_url, configured_host, requested_host
from ._configuration import application, entries, paths, warn_corrected, warn_ignored
from ._replies import reject
from ._scope import request_headers
from .types import ASGIApp, Receive, Scope, Send

ENFORCE_DOMAIN_WILDCARD = "Domain wildcard patterns must be like '*.example.com'."

_PARAMETER = "allowed_hosts"


class TrustedHostMiddleware:
    """Middleware that rejects requests whose Host is missing, malformed, repeated or not allowed (RFC 9110 §7.2).

    `allowed_hosts` are names, addresses, `*.example.com` for any subdomain, networks such as `10.0.0.0/8`, or `*` for
    all; ports are not compared. With `www_redirect` a host that is allowed only with `www.` in front is redirected
    there. `exempt_paths` are served for any host, for the probes of a load balancer. An entry that could never match is
    corrected or ignored with a ConfigurationWarning; a `*` elsewhere raises ValueError.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Sequence[str] | None = None,
        www_redirect: bool = True,
        *,
        exempt_paths: Collection[str] = (),
    ) -> None:
        hosts = list(entries(_PARAMETER, ["*"] if allowed_hosts is None else allowed_hosts))
        self.app = application(app, self)
        self.allowed_hosts = hosts
        self.allow_any = "*" in hosts
        self.www_redirect = www_redirect
        self.exempt_paths = frozenset(paths("exempt_paths", exempt_paths))
        networks = [_network(host) for host in hosts if _is_network(host)]
        names = [_name(host) for host in hosts if host != "*" and not _is_network(host)]
        self._networks = tuple(network for network in networks if network is not None)
        self._exact = frozenset(name for name in names if name is not None and name[0] != "*")
        self._below = tuple(name[1:] for name in names if name is not None and name[0] == "*")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # WebSockets are checked, too: a page whose name an attacker has pointed to this server (DNS rebinding) can open
        # them as well as send requests.
        if self.allow_any or scope["type"] not in ("http", "websocket") or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        host = requested_host(request_headers(scope))
        if host is None:
            return await reject(scope, receive, send, 400, "Invalid host header")
        if self.allows(host.name):
            return await self.app(scope, receive, send)
        if self.www_redirect and f"www.{host.name}" in self._exact:
            authority = f"www.{host.name}:{host.port}" if host.port else f"www.{host.name}"
            url = absolute_url(scope.get("scheme") or "http", authority, scope)
            return await reject(scope, receive, send, 307, "", [(b"location", url)])
        return await reject(scope, receive, send, 400, "Invalid host header")

    def allows(self, host: str) -> bool:
        """Return whether a host, in lower case and without its port, is allowed."""
        if host in self._exact:
            return True
        if host.endswith(self._below):
            return host[0] != "." and ".." not in host  # a subdomain has no empty labels (RFC 1035 §2.3.1)
        if not self._networks:
            return False
        # Health checks of load balancers name the address of the pod, which changes with every deploy.
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _name(entry: str) -> str | None:
    """Return a name or address in the form that is compared, with its `*.`; None if it could never match."""
    _, scheme, rest = entry.rpartition("://")
    text = rest.removesuffix("/") if scheme else entry
    below = "*." if text.startswith("*.") else ""
    host = configured_host(text.removeprefix("*."))
    if "*" in text.removeprefix("*."):
        raise ValueError(ENFORCE_DOMAIN_WILDCARD)
    if host is None or host.text[0] == ".":
        warn_ignored(_PARAMETER, entry, _advice(text))
        return None
    name = f"{below}{host.name}"
    # Case, a trailing dot and missing brackets are other spellings of the same host; a scheme or a port is a mistake.
    if scheme or host.port or text[-1] == ":" or not entry.isascii():
        warn_corrected(_PARAMETER, entry, name)
    return name


def _advice(text: str) -> str:
    """Return the advice for an entry that is not a host."""
    host = configured_host(text.lstrip(".").partition("/")[0])
    if host is None or "*" in host.name:
        return "write a name, an address or a network, without a port"
    if text.startswith("."):
        return f"write {host.name!r} for the host, {'*.' + host.name!r} for those below it, or both"
    return f"write {host.name!r}"


def _is_network(entry: str) -> bool:
    return "/" in entry and "://" not in entry and "*" not in entry


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError as exc:
        warn_ignored(_PARAMETER, entry, f"write a network such as 10.0.0.0/8 ({exc})")
        return None
