"""The middleware: it loads the session at the first access, and saves it once, with the head of the response."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from .._configuration import application, check_seconds, check_store
from .._headers import RawHeaders, merge_vary
from .._marked import marked_async
from .._scope import request_headers
from .._watch import ResponseWatcher
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._checks import cookie_of, keys_of, raises_oversize, seconds_of
from ._cookie import SameSite, sets_cookie
from ._encryption import Encryption
from ._json import encode
from ._session import Session, SessionWarning, warn_of_late_change
from ._signer import PreparedSigner
from ._store import CookieStore, Seal, Store

if TYPE_CHECKING:
    from datetime import timedelta

    from .. import stores
    from ._server import ServerSessions

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class SessionMiddleware:
    """Middleware that keeps `scope["session"]`, a dict of JSON values, in a cookie, signed or encrypted.

    `secret_key` may be a list, newest first: the first signs, all of them verify. `max_age` is a timedelta or seconds;
    with None the cookie lasts until the browser closes. A cookie older than `refresh_after` seconds is sent again, so
    that sessions in use do not expire. `salt` and `digest` are Starlette's; another salt, as in
    `salt=b"my-app.session", digest="sha256"`, keeps values that the same key has signed elsewhere from passing for
    sessions. Browsers drop a cookie over 4096 bytes: it is sent with a warning, or with `oversize="raise"` ValueError
    is raised.

    `encrypted=True` hides the contents from the client, too: AES-256-GCM with the same keys, salt and rotation (the
    extra `encrypted`; `digest` is not used). Signed cookies are then ignored.

    With `store`, of asgi_middleware.stores, the sessions are kept there, and the cookie holds an id: see
    `ServerSession`. `max_age` is then the longest life of a session, `idle_timeout` the longest time between two
    requests that access it. In memory and SQLite a session is read at the first access only; other stores have to be
    awaited, so each request with an id reads once before the application runs, or with `lazy=True` at
    `await request.session.load()`. If the store fails, or takes more than `store_timeout` seconds, the answer is 503
    (`on_store_error="fail"`), or the session is empty and not saved (`"empty"`).

    Quart and Flask call the cookie of their own session "session", too: use another `session_cookie` around them. A
    ConfigurationWarning names options that make browsers refuse the cookie. Raises ValueError for an empty key and for
    characters that would end the cookie's name or attributes, TypeError for a key that is not text, ImportError without
    itsdangerous, or for `encrypted` without cryptography.
    """

    store: Store
    _server: ServerSessions | None = None

    def __init__(
        self,
        app: ASGIApp,
        secret_key: object = None,
        session_cookie: str = "session",
        max_age: int | timedelta | None = 14 * 24 * 60 * 60,
        path: str = "/",
        same_site: SameSite = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
        *,
        salt: str | bytes = b"itsdangerous.Signer",
        digest: Literal["sha1", "sha224", "sha256", "sha384", "sha512"] = "sha1",
        refresh_after: int | timedelta | None = None,
        oversize: Literal["warn", "raise"] = "warn",
        encrypted: bool = False,
        store: stores.Store | None = None,
        idle_timeout: int | timedelta | None = None,
        on_store_error: Literal["fail", "empty"] = "fail",
        store_timeout: float = 2.0,
        lazy: bool = False,
    ) -> None:
        strict = raises_oversize(oversize)  # checked even if it has no effect
        seconds = seconds_of("max_age", max_age)
        cookie = cookie_of(session_cookie, seconds, path, same_site, domain, secure=https_only, partitioned=partitioned)
        if store is not None:
            if secret_key is not None or encrypted:
                raise ValueError("secret_key= and encrypted= need a cookie, but store= keeps the sessions elsewhere")
            check_store(store, "put")
            check_seconds("store_timeout", store_timeout)
            from ._server import Limits, ServerSessions

            limits = Limits.of(seconds, idle_timeout)
            self.app = application(app, self)
            self._server = ServerSessions(store, cookie, limits, on_store_error, store_timeout, lazy=lazy)
            return
        seal = _seal(cookie.name, secret_key, salt, digest if not encrypted else None)
        refresh = seconds_of("refresh_after", refresh_after)
        self._set_up(app, CookieStore(seal, cookie, max_age=seconds, refresh_after=refresh, raise_oversize=strict))

    @classmethod
    def with_store(cls, app: ASGIApp, store: Store) -> Self:
        """Return a middleware that keeps its sessions in `store` instead of a signed cookie."""
        middleware = cls.__new__(cls)
        middleware._set_up(app, store)
        return middleware

    def _set_up(self, app: ASGIApp, store: Store) -> None:
        self.app = application(app, self)
        self.store = store
        self._cookie_start = f"{store.cookie_name}=".encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers: RawHeaders = scope.get("headers", ())
        if headers.__class__ is not list:
            headers = request_headers(scope)
        server = self._server
        store = self.store if server is None else server
        outer = _active_session(scope) if "session" in scope else None
        if outer is not None:
            # Two instances with the same cookie would overwrite each other's Set-Cookie: the outer one does it all.
            if outer.identity == store.identity:
                return await self.app(scope, receive, send)
            outer.shadowed = True
        if server is not None:
            try:
                return await server.run(self.app, scope, receive, send, headers)
            finally:
                if outer is not None:
                    outer.shadowed = False
        session = scope["session"] = Session.loaded_by(partial(self.store.load, headers), store.identity)
        response = _SessionResponse(self.store, self._cookie_start, scope, session, send)
        try:
            await self.app(scope, receive, response.send)
            response.warn_of_late_changes()
        finally:
            session.sealed = True
            if outer is not None:
                outer.shadowed = False
                scope["session"] = outer
        return None


def _seal(name: str, secret_key: object, salt: str | bytes, digest: str | None) -> Seal:
    """Return the seal of the cookies: a signer, or without a `digest` an encryption."""
    keys, salt = keys_of(secret_key), salt.encode() if isinstance(salt, str) else salt
    return Encryption(keys, salt, name) if digest is None else PreparedSigner(keys, salt, digest)


def _active_session(scope: Scope) -> Session | None:
    """Return the session of an outer middleware. One that has returned leaves a sealed session in the scope."""
    session = scope["session"]
    return session if isinstance(session, Session) and session.identity is not None and not session.sealed else None


class _SessionResponse(ResponseWatcher):
    """A watcher of one request or WebSocket that saves the session with the head of the response."""

    __slots__ = ("_cookie_start", "_scope", "_session", "_store", "_text", "_written")

    def __init__(self, store: Store, cookie_start: bytes, scope: Scope, session: Session, send: Send) -> None:
        self._send = send
        self.started = False
        self._store = store
        self._cookie_start = cookie_start
        self._scope = scope
        self._session = session
        self._text: str | None = None  # the JSON at the time of the head, if the session was accessed
        self._written: object = None  # the object in the scope at that time

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        if not self.started and message["type"] in _STARTS:
            self.started = True
            message = self._with_session(message)
        return self._send(message)

    def _with_session(self, message: Message) -> Message:
        session = self._session
        current = self._written = session if session.shadowed else self._scope.get("session")
        session.sealed = True  # every later change comes too late for the cookie
        headers = message.get("headers", ())
        if headers.__class__ is not list and iter(headers) is headers:
            message = {**message, "headers": (headers := list(headers))}
        if sets_cookie(headers, self._cookie_start):
            _warn_of_conflict(self._store.cookie_name)
        is_replaced = current is not session
        if not (is_replaced or session.accessed or self._store.refreshes):
            return message
        stored = session.fill()
        self._text = encode(dict(current or ()) if is_replaced else session)
        merged = merge_vary(headers, b"Cookie")
        cookie = self._store.save(self._text, stored, modified=is_replaced or session.modified)
        if cookie is not None:
            merged.append((b"set-cookie", cookie))
        return {**message, "headers": merged}

    def warn_of_late_changes(self) -> None:
        """Warn of late changes that the session itself cannot notice: inside values, or another object in the scope."""
        if not self.started:
            return
        if self._scope.get("session") is not self._written or self._has_changed_inside():
            warn_of_late_change(stacklevel=3)

    def _has_changed_inside(self) -> bool:
        text = self._text
        if text is None or ("[" not in text and text.rfind("{") < 1):  # no value is mutable
            return False
        session = self._session
        return self._written is session and not session.changed_late and encode(session) != text


def _warn_of_conflict(name: str) -> None:
    warnings.warn(
        f"the application inside SessionMiddleware also sets a cookie named {name!r}, and the browser keeps only one. "
        f"Write SessionMiddleware(..., session_cookie='another-name')",
        SessionWarning,
        stacklevel=3,
    )
