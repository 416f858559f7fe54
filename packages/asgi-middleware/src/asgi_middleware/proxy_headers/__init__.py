"""Take the client, the scheme and the host from the headers of trusted proxies only.

    from asgi_middleware.proxy_headers import ProxyHeadersMiddleware

    app = ProxyHeadersMiddleware(app, trusted=["10.0.0.0/8"])               # X-Forwarded-For and -Proto
    app = ProxyHeadersMiddleware(app, trusted=["unix"], family="forwarded") # Forwarded (RFC 7239)
    app = ProxyHeadersMiddleware(app, trusted=["*"], hops=2)                # exactly two proxies, wherever they are

Any client can send these headers. They are read only if the peer is a trusted proxy, from right to left, and only as
far as the chain is trusted; a malformed entry ends it. Exactly one family is read and the other removed; both are
removed if the peer is not trusted, so that no inner middleware or application reads them by mistake.
"""

from __future__ import annotations

from ._middleware import ProxyHeadersMiddleware

__all__ = ["ProxyHeadersMiddleware"]
