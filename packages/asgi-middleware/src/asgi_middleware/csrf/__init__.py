"""Refuse requests that another site makes with a visitor's cookies (cross-site request forgery).

    from asgi_middleware.csrf import CSRFMiddleware

    app = CSRFMiddleware(app, trusted_origins=["https://login.example"], exempt_paths=["/webhooks/payments"])

Browsers say of every request where it comes from. A request that may change something, and every WebSocket
handshake, passes if `Sec-Fetch-Site` says that it comes from this very origin or from the user; where that field is
missing, if `Origin` is this host (W3C Fetch Metadata; Fetch, "Origin header"; RFC 6455 §10.2). A client that sends
neither is not a browser, or a very old one: with `secret_key` it needs a token if it sends a cookie.

    app = CSRFMiddleware(app, secret_key=os.environ["SECRET_KEY"])

    <input type="hidden" name="csrf_token" value="{{ csrf_token(request.scope) }}">
"""

from __future__ import annotations

from ._middleware import CSRFMiddleware
from ._token import csrf_token

__all__ = ["CSRFMiddleware", "csrf_token"]
