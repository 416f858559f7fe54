"""Sessions kept in a signed cookie: readable by the client, which cannot change them.

    app = SessionMiddleware(app, secret_key="...")

    async def app(scope, receive, send):
        scope["session"]["visits"] = scope["session"].get("visits", 0) + 1      # any JSON value

Other frameworks reach it through the scope: `request.scope["session"]` in Quart, FastAPI and Litestar,
`request.scope["session"]` of Django's ASGIRequest, `req.scope["session"]` in Falcon. Quart and Flask have a session of
their own whose cookie is called "session", too: give this one another `session_cookie` there.

Cookies are those of Starlette, both ways. Nothing is kept on the server: to log out everywhere is to change the key,
and a copied cookie stays valid until `max_age` has passed. There is no session id to rotate at login either, because
no one else can plant a session that the key has not signed; `clear()` what an anonymous visitor gathered.

    app = SessionMiddleware(app, store=SQLiteStore("state.db"))     # or any of asgi_middleware.stores

keeps them on the server, where they can be ended: `session.regenerate(user)` at a login, `session.destroy()` at a
logout, `revoke(store, user)` for all of a user, `sessions_of(store, user)`.

`SessionMiddleware.with_store(app, store)` keeps them elsewhere: in any `Store`, of which `CookieStore` is one.
Signed cookies need itsdangerous: `pip install asgi-middleware[sessions]`.
"""

from __future__ import annotations

from ._contents import EMPTY, StoredSession
from ._middleware import SessionMiddleware
from ._records import SessionOf, revoke, sessions_of
from ._server import ServerSession
from ._session import Session, SessionWarning
from ._store import CookieStore, Store

__all__ = [
    "EMPTY",
    "CookieStore",
    "ServerSession",
    "Session",
    "SessionMiddleware",
    "SessionOf",
    "SessionWarning",
    "Store",
    "StoredSession",
    "revoke",
    "sessions_of",
]
