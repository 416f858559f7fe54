"""Take the client, the scheme and the host from the headers of the proxies in front, and from nobody else.

    from asgi_middleware.proxy_headers import ProxyHeadersMiddleware

    app = ProxyHeadersMiddleware(app, trusted=["10.0.0.0/8"])               # X-Forwarded-For and -Proto
    app = ProxyHeadersMiddleware(app, trusted=["unix"], family="forwarded") # Forwarded (RFC 7239)
    app = ProxyHeadersMiddleware(app, trusted=["*"], hops=2)                # exactly two proxies, wherever they are

Anybody can send these headers. They are read only where the peer is a proxy that is trusted, from right to left, and
only as far as the chain is trusted; an entry that cannot be read ends it. Exactly one family is read, the other is
removed, as are both where the peer is not trusted, so that nothing inside can be misled.
"""

from __future__ import annotations

from ._middleware import ProxyHeadersMiddleware

__all__ = ["ProxyHeadersMiddleware"]
