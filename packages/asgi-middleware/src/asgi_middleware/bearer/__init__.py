"""Require a bearer token (RFC 6750), and publish where clients can get one (RFC 9728).

    from asgi_middleware.bearer import BearerAuthMiddleware

    async def verify(token, scope):
        return await users.by_token(token)      # a user, or None for a token that is not valid

    app = BearerAuthMiddleware(
        app,
        verify,
        resource="https://api.example/mcp",
        authorization_servers=["https://login.example"],
        scopes=["notes:read"],
    )

The metadata of the resource is served at its well-known address without a token, and every challenge names it, as the
authorization of the Model Context Protocol requires of a server. `JWTVerifier` checks the JSON Web Tokens of an issuer
(RFC 9068, RFC 8725): pip install asgi-middleware[jwt].
"""

from __future__ import annotations

from ._jwt import JWTUser, JWTVerifier
from ._middleware import BearerAuthMiddleware, BearerCredentials, VerificationUnavailable

__all__ = ["BearerAuthMiddleware", "BearerCredentials", "JWTUser", "JWTVerifier", "VerificationUnavailable"]
