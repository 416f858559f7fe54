"""Sessions: in a signed cookie, in an encrypted one, or in a store on the server.

    from asgi_middleware.sessions import SessionMiddleware

    async def app(scope, receive, send):
        scope["session"]["visits"] = scope["session"].get("visits", 0) + 1      # any JSON value

    app = SessionMiddleware(app, secret_key="...")

Other frameworks reach it through the scope: `request.scope["session"]` in Quart, FastAPI and Litestar,
`request.scope["session"]` of Django's ASGIRequest, `req.scope["session"]` in Falcon. Quart and Flask have their own
session, whose cookie is called "session" too: use another `session_cookie` there.

The client can read a signed cookie, but not change it; the format is Starlette's, so each reads the other's cookies.
Nothing is kept on the server: the only way to end all sessions is to change the key, and a copied cookie stays valid
until `max_age` has passed. There is no session id to rotate at login either, because an attacker cannot forge a session
to plant in a browser; but `clear()` the values of the anonymous visitor.

    app = SessionMiddleware(app, secret_key="...", encrypted=True)      # the client cannot read it either

needs `pip install asgi-middleware[encrypted]`. A nonce is 96 random bits, so replace a key before it has encrypted
2**32 cookies (1,000 a second for 49 days). Encryption hides, it does not revoke: a copied cookie stays valid until
`max_age` has passed.

    from asgi_middleware.stores import SQLiteStore

    app = SessionMiddleware(app, store=SQLiteStore("state.db"))     # or any of asgi_middleware.stores

keeps them on the server, where they can be ended: `session.regenerate(user)` at login, `session.destroy()` at logout,
`revoke(store, user)` for all sessions of a user, which `sessions_of(store, user)` lists.

`SessionMiddleware.with_store(app, store)` accepts any other `Store`; `CookieStore` is one.
Signed cookies need itsdangerous: `pip install asgi-middleware[sessions]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._contents import EMPTY, StoredSession
from ._middleware import SessionMiddleware
from ._session import Session, SessionWarning
from ._store import CookieStore, Store

if TYPE_CHECKING:
    from ._records import SessionOf, revoke, sessions_of
    from ._server_session import ServerSession

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

__getattr__, __dir__ = late_names(
    __name__,
    {
        "SessionOf": "_records",
        "revoke": "_records",
        "sessions_of": "_records",
        "ServerSession": "_server_session",
    },
)
