"""Ask for a bearer token (RFC 6750), and say where one is to be had (RFC 9728).

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

The metadata of the resource is served at its well-known address without a token, and every challenge names it: this is
what the authorization of the Model Context Protocol asks of a server. `JWTVerifier` checks JSON Web Tokens of an issuer
(RFC 9068, RFC 8725): pip install asgi-middleware[jwt].
"""

from __future__ import annotations

from ._jwt import JWTUser, JWTVerifier
from ._middleware import BearerAuthMiddleware, BearerCredentials, VerificationUnavailable

__all__ = ["BearerAuthMiddleware", "BearerCredentials", "JWTUser", "JWTVerifier", "VerificationUnavailable"]
