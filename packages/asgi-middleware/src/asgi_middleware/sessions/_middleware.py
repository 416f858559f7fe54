"""Reads the cookie when it is asked for, and writes it once, with the head of the response."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Literal

from .._headers import merge_vary
from .._marked import marked_async
from .._scope import call_with_lasting_headers, copy_back, has_lasting_headers
from .._watch import ResponseWatcher
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._cookie import Cookie, SameSite
from ._json import encode
from ._keeper import Keeper
from ._session import Session, warn_of_late_change
from ._signer import PreparedSigner

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class SessionMiddleware:
    """Keeps `scope["session"]`, a dict of JSON values, in a signed cookie of the client's.

    `secret_key` may be a list, newest first: the first signs, all are read. `max_age` is in seconds; None lasts until
    the browser closes. `refresh_after` sends a cookie again that is older than so many seconds, so that sessions in
    use do not expire. `salt` and `digest` are Starlette's; another salt keeps values that the same key signed
    elsewhere from being taken for sessions, as `salt=b"my-app.session", digest="sha256"`. A cookie over 4096 bytes,
    which browsers drop, is sent with a warning, or raises ValueError with `oversize="raise"`.
    Raises ValueError for a cookie that browsers would refuse, ImportError without itsdangerous.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: object,
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 60 * 60,
        path: str = "/",
        same_site: SameSite = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
        *,
        salt: str | bytes = b"itsdangerous.Signer",
        digest: Literal["sha1", "sha224", "sha256", "sha384", "sha512"] = "sha1",
        refresh_after: int | None = None,
        oversize: Literal["warn", "raise"] = "warn",
    ) -> None:
        if oversize not in ("warn", "raise"):
            raise ValueError(f"oversize is 'warn' or 'raise', not {oversize!r}")
        cookie = Cookie(
            session_cookie,
            max_age=max_age,
            path=path,
            same_site=same_site,
            secure=https_only,
            domain=domain,
            partitioned=partitioned,
        )
        keys = _keys(secret_key)
        self.app = app
        self._keeper = Keeper(
            PreparedSigner(keys, salt.encode() if isinstance(salt, str) else salt, digest),
            cookie,
            max_age=max_age,
            refresh_after=refresh_after,
            raise_oversize=oversize == "raise",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or ("session" in scope and self._is_kept_further_out(scope)):
            return await self.app(scope, receive, send)
        headers = scope.get("headers", ())
        if headers.__class__ is not list and not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        session = Session.of_request(self._keeper, headers)
        inner = {**scope}
        inner["session"] = session  # quicker than in one display
        exchange = _Exchange(self._keeper, inner, session, send)
        try:
            await self.app(inner, receive, exchange.send)
        finally:
            copy_back(inner, scope)
        exchange.warn_of_what_came_late()
        return None

    def _is_kept_further_out(self, scope: Scope) -> bool:
        """Whether an instance around this one keeps the same cookie: then it is read once and set once, by that one."""
        outer = scope.get("session")
        return (
            isinstance(outer, Session)
            and outer.keeper is not None
            and outer.keeper.cookie.identity == self._keeper.cookie.identity
        )


class _Exchange(ResponseWatcher):
    """Watches one request or WebSocket, and writes the session into the head of the answer."""

    __slots__ = ("_keeper", "_scope", "_session", "_text", "_written")

    def __init__(self, keeper: Keeper, scope: Scope, session: Session, send: Send) -> None:
        self._send = send
        self.started = False
        self._keeper = keeper
        self._scope = scope
        self._session = session
        self._text: str | None = None  # the JSON of what was written, if anything was looked at
        self._written: object = None  # what stood in the scope when the head went out

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        if not self.started and message["type"] in _STARTS:
            self.started = True
            message = self._with_session(message)
        send = self._send  # read by itself: a slot is slow to call
        return send(message)

    def _with_session(self, message: Message) -> Message:
        session = self._session
        current = self._written = self._scope.get("session")
        session.sealed = True  # the cookie is on its way: it warns of every change from now on
        is_replaced = current is not session
        if not (is_replaced or session.accessed or self._keeper.refreshes):
            return message
        contents = session.fill()
        self._text = encode(dict(current or ()) if is_replaced else session)
        headers = merge_vary(message.get("headers", ()), b"Cookie")
        cookie = self._keeper.header(self._text, contents, modified=is_replaced or session.modified)
        if cookie is not None:
            headers.append((b"set-cookie", cookie))
        return {**message, "headers": headers}

    def warn_of_what_came_late(self) -> None:
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


def _keys(secret_key: object) -> list[bytes]:
    """The keys as bytes, newest first. A key may be any object whose str() is the key, as Secret is."""
    given: Sequence[object] = secret_key if isinstance(secret_key, (list, tuple)) else [secret_key]
    keys = [key if isinstance(key, bytes) else str(key).encode() for key in given if key is not None]
    if not keys or not all(keys):
        raise ValueError("secret_key is a key, or a list of keys with the newest first; none of them may be empty")
    return keys
