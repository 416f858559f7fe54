"""Sessions kept in a signed cookie: readable by the client, and not to be changed by it.

    app = SessionMiddleware(app, secret_key="...")

    async def app(scope, receive, send):
        scope["session"]["visits"] = scope["session"].get("visits", 0) + 1      # any JSON value

Cookies are those of Starlette, both ways. There is nothing on the server: to log out everywhere is to change the key,
and a copied cookie stays good until `max_age` has passed. There is no session id to rotate at login either, because
nobody can plant a session that the key has not signed; `clear()` what an anonymous visitor gathered.
Needs itsdangerous: `pip install asgi-middleware[sessions]`.
"""

from __future__ import annotations

from ._middleware import SessionMiddleware
from ._session import Session, SessionWarning

__all__ = ["Session", "SessionMiddleware", "SessionWarning"]
