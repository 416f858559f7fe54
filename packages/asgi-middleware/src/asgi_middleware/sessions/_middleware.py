"""The middleware: it loads the session when it is looked at, and saves it once, with the head of the response."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from typing import Literal, Self

from .. import stores
from .._headers import RawHeaders, merge_vary
from .._marked import marked_async
from .._scope import request_headers
from .._watch import ResponseWatcher
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._checks import check_flags, domain_of, keys_of, name_of, path_of, seconds_of
from ._cookie import Cookie, SameSite, sets_cookie
from ._encryption import Encryption
from ._json import encode
from ._server import ServerSessions
from ._session import Session, SessionWarning, warn_of_late_change
from ._signer import PreparedSigner
from ._store import CookieStore, Store

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class SessionMiddleware:
    """Middleware that keeps `scope["session"]`, a dict of JSON values, in a cookie, signed or encrypted.

    `secret_key` may be a list, newest first: the first signs, all are read. `max_age` is a timedelta or seconds; None
    lasts until the browser closes. `refresh_after` sends a cookie again that is older than so many seconds, so that
    sessions in use do not expire. `salt` and `digest` are Starlette's; another salt keeps values that the same key
    signed elsewhere from being taken for sessions, as `salt=b"my-app.session", digest="sha256"`. A cookie over 4096
    bytes, which browsers drop, is sent with a warning, or raises ValueError with `oversize="raise"`.

    `encrypted=True` hides the contents from the client, too: AES-256-GCM with the same keys, salt and rotation (the
    extra `encrypted`; `digest` is not used). A signed cookie is then an empty session, and never read as one.

    `store`, of asgi_middleware.stores, keeps the sessions there instead, and the client an id: see `ServerSession`.
    `max_age` is then the longest life of a session, `idle_timeout` the longest time between two requests that look at
    it. What is not looked at is neither read nor written in memory and SQLite; other stores are to be waited for, so
    that a request with an id is one read, or with `lazy=True` none before `await request.session.load()`. Where the
    store fails, or takes more than `store_timeout` seconds, the answer is 503 (`on_store_error="fail"`), or the session
    is empty and not saved (`"empty"`).

    A framework inside with a session of its own (Quart, Flask) calls its cookie "session", too: give this one another
    `session_cookie`. A ConfigurationWarning names what browsers refuse. Raises ValueError for an empty key and for what
    could end the cookie's name or attributes, TypeError for a key that is not text, ImportError without itsdangerous,
    or without cryptography where it is to encrypt.
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
        if oversize not in ("warn", "raise"):
            raise ValueError(f"oversize is 'warn' or 'raise', not {oversize!r}")
        name, path, domain = name_of(session_cookie), path_of(path), domain_of(domain)
        check_flags(name, path, same_site, https_only, domain, partitioned)
        lifetime = seconds_of("max_age", max_age)
        cookie = Cookie(
            name,
            max_age=lifetime,
            path=path,
            same_site=same_site,
            secure=https_only,
            domain=domain,
            partitioned=partitioned,
        )
        if store is not None:
            if secret_key is not None or encrypted:
                raise ValueError(
                    "secret_key and encrypted are of cookies, and store= keeps sessions elsewhere: write one of them"
                )
            if on_store_error not in ("fail", "empty"):
                raise ValueError(f"on_store_error is 'fail' or 'empty', not {on_store_error!r}")
            idle = seconds_of("idle_timeout", idle_timeout)
            if idle is not None and idle < 1:
                raise ValueError(f"idle_timeout={idle_timeout!r}: a second or more, or None for no limit")
            self.app = app
            self._server = ServerSessions(
                store,
                cookie,
                max_age=lifetime,
                idle_timeout=idle,
                on_store_error=on_store_error,
                store_timeout=store_timeout,
                lazy=lazy,
            )
            return
        keys, salt = keys_of(secret_key), salt.encode() if isinstance(salt, str) else salt
        cookie_store = CookieStore(
            Encryption(keys, salt, name) if encrypted else PreparedSigner(keys, salt, digest),
            cookie,
            max_age=lifetime,
            refresh_after=seconds_of("refresh_after", refresh_after),
            raise_oversize=oversize == "raise",
        )
        self._set_up(app, cookie_store)

    @classmethod
    def with_store(cls, app: ASGIApp, store: Store) -> Self:
        """Return a middleware that keeps its sessions in `store` instead of a signed cookie."""
        middleware = cls.__new__(cls)
        middleware._set_up(app, store)
        return middleware

    def _set_up(self, app: ASGIApp, store: Store) -> None:
        self.app = app
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
            if outer.identity == store.identity:  # the outer middleware loads the session once and saves it once
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


def _active_session(scope: Scope) -> Session | None:
    """Return the session of an outer middleware; one that has returned leaves its own behind, sealed."""
    session = scope["session"]
    return session if isinstance(session, Session) and session.identity is not None and not session.sealed else None


class _SessionResponse(ResponseWatcher):
    """A watcher of one request or WebSocket that writes the session into the head of the answer."""

    __slots__ = ("_cookie_start", "_scope", "_session", "_store", "_text", "_written")

    def __init__(self, store: Store, cookie_start: bytes, scope: Scope, session: Session, send: Send) -> None:
        self._send = send
        self.started = False
        self._store = store
        self._cookie_start = cookie_start
        self._scope = scope
        self._session = session
        self._text: str | None = None  # the JSON of what was written, if anything was looked at
        self._written: object = None  # the object in the scope when the head was sent

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        if not self.started and message["type"] in _STARTS:
            self.started = True
            message = self._with_session(message)
        return self._send(message)

    def _with_session(self, message: Message) -> Message:
        session = self._session
        current = self._written = session if session.shadowed else self._scope.get("session")
        session.sealed = True  # the cookie is on its way: every change from now on is too late
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
        """Warn of changes inside values, and of another object in the scope; the session itself warns of the rest."""
        if not self.started:
            return
        if self._scope.get("session") is not self._written or self._has_changed_inside():
            warn_of_late_change(stacklevel=3)

    def _has_changed_inside(self) -> bool:
        text = self._text
        if text is None or ("[" not in text and text.rfind("{") < 1):  # nothing in it that could be changed inside
            return False
        session = self._session
        return self._written is session and not session.changed_late and encode(session) != text


def _warn_of_conflict(name: str) -> None:
    warnings.warn(
        f"the application inside SessionMiddleware sets a cookie named {name!r}, too; the browser keeps one of them. "
        f"Write SessionMiddleware(..., session_cookie='another-name')",
        SessionWarning,
        stacklevel=3,
    )
