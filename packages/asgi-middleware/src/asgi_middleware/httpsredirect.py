"""Send requests that came over plain HTTP to the same URL over HTTPS (RFC 9110 §15.4).

    app = HTTPSRedirectMiddleware(app, exempt_paths=["/healthz", "/.well-known/acme-challenge/"])

Behind a proxy that ends TLS the server must be told the scheme (uvicorn: `--proxy-headers`), else it never ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ._authority import Authority, absolute_url, is_address, parse_authority
from ._headers import all_values, first_value
from ._replies import reject
from ._scope import call_with_lasting_headers, has_lasting_headers
from .types import ASGIApp, Message, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


class HTTPSRedirectMiddleware:
    """Redirects http to https and ws to wss, path and query byte for byte.

    The ports 80 and 443 are dropped, others looked up in `port_map` or kept. `exempt_paths` are whole paths, or all
    below where they end in a slash. Without a valid host, in Host or else from the server, the answer is 400.
    `hsts_max_age` seconds tell browsers to come by https alone (RFC 6797), in answers over https to names, not to
    addresses. Raises ValueError for a `status_code` that is no redirect, or a policy no browser preloads.
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
            raise ValueError(f"status_code is 301, 302, 303, 307 or 308, not {status_code!r}")
        self.app = app
        self.status_code = status_code
        self.ports: dict[int | None, int | None] = {80: None, 443: None}
        self.ports |= {port: secure for port, secure in (port_map or {}).items()}  # noqa: C416
        self.exempt_paths = frozenset(exempt_paths)
        self.exempt_below = tuple(path for path in exempt_paths if path.endswith("/"))
        if not all(path.startswith("/") for path in exempt_paths):
            raise ValueError("exempt_paths begin with a slash")
        self._hsts = _policy(hsts_max_age, hsts_include_subdomains, hsts_preload)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        scheme = _SECURE.get(scope.get("scheme") or "http") if kind in ("http", "websocket") else None
        if self._hsts is not None and kind == "http" and scheme is None:
            return await self._answer_securely(self._hsts, scope, receive, send)
        if scheme is None or scope["path"] in self.exempt_paths or scope["path"].startswith(self.exempt_below):
            return await self.app(scope, receive, send)
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        authority = self.authority(scope)
        if authority is None:
            return await reject(scope, receive, send, 400, "Invalid host header")
        authority = Authority(authority.host, self.ports.get(authority.port, authority.port))
        url = absolute_url("wss" if kind == "websocket" else scheme, authority, scope)
        return await reject(scope, receive, send, self.status_code, "", [(b"location", url)])

    async def _answer_securely(self, policy: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        authority = self.authority(scope)
        if authority is None or is_address(authority.host):
            return await self.app(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if first_value(headers, b"strict-transport-security") is None:
                    headers.append((b"strict-transport-security", policy))
                message = {**message, "headers": headers}
            await send(message)

        return await self.app(scope, receive, send_with_policy)

    def authority(self, scope: Scope) -> Authority | None:
        """Where the request was sent: its Host, or the server's own name where it has none or an empty one."""
        values = all_values(scope.get("headers", ()), b"host")
        if len(values) > 1:
            return None
        if values and values[0]:
            return parse_authority(values[0].decode("latin-1"))
        name, port = scope.get("server") or (None, None)
        if not name or port is None:
            return None
        return parse_authority(f"[{name}]:{port}" if ":" in name else f"{name}:{port}")


def _policy(max_age: int | None, include_subdomains: bool, preload: bool) -> bytes | None:
    """The value of Strict-Transport-Security; None for none (RFC 6797 §6.1)."""
    if max_age is None:
        return None
    if max_age < 0:
        raise ValueError(f"hsts_max_age is a number of seconds from 0, not {max_age!r}")
    if preload and (max_age < 31536000 or not include_subdomains):
        raise ValueError("hsts_preload needs hsts_include_subdomains and a hsts_max_age of a year, 31536000")
    return b"max-age=%d%s%s" % (max_age, b"; includeSubDomains" * include_subdomains, b"; preload" * preload)
