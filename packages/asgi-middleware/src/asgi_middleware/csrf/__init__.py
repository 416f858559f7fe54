"""Reject requests that another site makes with a visitor's cookies (cross-site request forgery).

    from asgi_middleware.csrf import CSRFMiddleware

    app = CSRFMiddleware(app, trusted_origins=["https://login.example"], exempt_paths=["/webhooks/payments"])

Browsers state where every request comes from. An unsafe request, and every WebSocket handshake, passes if
`Sec-Fetch-Site` names this very origin or the user; without that field, if `Origin` is this host (W3C Fetch Metadata;
Fetch, "Origin header"; RFC 6455 §10.2). A client that sends neither is not a browser, or a very old one: with
`secret_key` it needs a token if it sends a cookie.

    from asgi_middleware.csrf import CSRFMiddleware, csrf_token

    app = CSRFMiddleware(app, secret_key="...")

    def hidden_field(scope):
        return f'<input type="hidden" name="csrf_token" value="{csrf_token(scope)}">'
"""

from __future__ import annotations

from ._middleware import CSRFMiddleware
from ._token import csrf_token

__all__ = ["CSRFMiddleware", "csrf_token"]
