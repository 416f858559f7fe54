"""Redirect plain HTTP requests to the same URL over HTTPS (RFC 9110 §15.4).

    from asgi_middleware.httpsredirect import HTTPSRedirectMiddleware

    app = HTTPSRedirectMiddleware(app, exempt_paths=["/healthz", "/.well-known/acme-challenge/"])

Behind a proxy that ends TLS every request looks like plain HTTP and is redirected forever, unless the headers of the
proxy are trusted, by an outer `asgi_middleware.proxy_headers` or by the server (`uvicorn --forwarded-allow-ips`,
`daphne --proxy-headers`, Hypercorn's `ProxyFixMiddleware`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import cache

from ._authority import absolute_url, is_address
from ._configuration import application, check_numbers, paths
from ._headers import RawHeaders, all_values, first_value
from ._host import ParsedHost, parse_host
from ._replies import reject
from ._scope import request_headers
from .types import ASGIApp, Message, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


class HTTPSRedirectMiddleware:
    """Middleware that redirects http to https and ws to wss, with path and query byte for byte.

    The ports 80 and 443 are dropped, others looked up in `port_map` or kept. `exempt_paths` are whole paths, or
    prefixes if they end in a slash. A request without a valid Host gets a 400; if it has none the server's name is
    used. With `hsts_max_age` browsers use only https for so many seconds (RFC 6797); the header is sent over https, for
    names and not for addresses. Raises ValueError for a `status_code` that does not redirect, and for a policy that no
    browser preloads.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        status_code: int = 307,
        port_map: Mapping[int, int] | None = None,
        exempt_paths: Collection[str] = (),
        hsts_max_age: int | None = None,
        hsts_include_subdomains: bool = False,
        hsts_preload: bool = False,
    ) -> None:
        if status_code not in (301, 302, 303, 307, 308):
            raise ValueError(f"status_code must be 301, 302, 303, 307 or 308, not {status_code!r}")
        self.app = application(app, self)
        self.status_code = status_code
        # A port other than these is kept: a development server has TLS on the same port, or needs `port_map`.
        self.ports: dict[int | None, int | None] = {80: None, 443: None}
        for port, secure_port in (port_map or {}).items():
            self.ports[port] = secure_port
        exempt = paths("exempt_paths", exempt_paths)
        self.exempt_paths = frozenset(exempt)
        self.exempt_below = tuple(path for path in exempt if path.endswith("/"))
        self._hsts = _policy(hsts_max_age, hsts_include_subdomains, hsts_preload)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        scheme = _SECURE.get(scope.get("scheme") or "http") if kind in ("http", "websocket") else None
        if self._hsts is not None and kind == "http" and scheme is None:
            return await self._call_with_policy(self._hsts, scope, receive, send)
        if scheme is None or scope["path"] in self.exempt_paths or scope["path"].startswith(self.exempt_below):
            return await self.app(scope, receive, send)
        headers = request_headers(scope)
        host = _requested_host(headers, scope)
        if host is None:
            return await reject(scope, receive, send, 400, "Invalid host header")
        if _came_over_https(headers):
            _log_endless_redirect()
        port = self.ports.get(host.port_number, host.port_number)
        authority = host.name if port is None else f"{host.name}:{port}"
        url = absolute_url("wss" if kind == "websocket" else scheme, authority, scope)
        # 307 by default: with 301 and 302 browsers turn a POST into a GET (RFC 9110 §15.4.2, §15.4.3).
        return await reject(scope, receive, send, self.status_code, "", [(b"location", url)])

    async def _call_with_policy(self, policy: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application and add the policy to its response, unless it has its own."""
        host = _requested_host(request_headers(scope), scope)
        if host is None or is_address(host.name):  # browsers ignore the policy of an address (RFC 6797 §8.1.1)
            return await self.app(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if first_value(headers, b"strict-transport-security") is None:
                    headers.append((b"strict-transport-security", policy))
                message = {**message, "headers": headers}
            await send(message)

        return await self.app(scope, receive, send_with_policy)


def _requested_host(headers: RawHeaders, scope: Scope) -> ParsedHost | None:
    """Return the requested host: Host, or the server's own name if it is missing or empty.

    Returns None for a repeated or malformed Host, to which a server must answer 400 (RFC 9112 §3.2).
    """
    values = all_values(headers, b"host")
    if len(values) > 1:
        return None
    if values and values[0]:
        host = parse_host(values[0].decode("latin-1"))
    else:
        name, port = scope.get("server") or (None, None)
        if not name or port is None:  # a Unix socket has no port
            return None
        host = parse_host(f"[{name}]:{port}" if ":" in name else f"{name}:{port}")
    return host if host is not None and host.has_valid_port else None


def _came_over_https(headers: RawHeaders) -> bool:
    """Return whether a proxy reports that the client used https (X-Forwarded-Proto, or RFC 7239)."""
    scheme = first_value(headers, b"x-forwarded-proto") or b""
    forwarded = first_value(headers, b"forwarded") or b""
    return scheme.lower().startswith(b"https") or b"proto=https" in forwarded.lower()


@cache
def _log_endless_redirect() -> None:
    """Log that a proxy is not trusted, once per process, because any client can send such a header."""
    logging.getLogger(__name__).warning(
        "A request reached a proxy over https and this server over http, and is redirected to https: an endless loop. "
        "Trust the proxy's headers, by asgi_middleware.proxy_headers outside this middleware or in the server: "
        "uvicorn --forwarded-allow-ips, daphne --proxy-headers, hypercorn.middleware.ProxyFixMiddleware."
    )


def _policy(max_age: int | None, include_subdomains: bool, preload: bool) -> bytes | None:
    """Return the value of Strict-Transport-Security (RFC 6797 §6.1), or None without `max_age`."""
    if max_age is None:
        return None
    check_numbers(hsts_max_age=max_age)
    if max_age < 0:
        raise ValueError(f"hsts_max_age must be a number of seconds, 0 or more, not {max_age!r}")
    # hstspreload.org accepts no other policy; it is hard to undo once a browser has shipped with the name.
    if preload and (max_age < 31536000 or not include_subdomains):
        raise ValueError("hsts_preload needs hsts_include_subdomains and a hsts_max_age of a year, 31536000")
    return b"max-age=%d%s%s" % (max_age, b"; includeSubDomains" * include_subdomains, b"; preload" * preload)
