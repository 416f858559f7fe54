"""Say who is asking: `scope["user"]` and `scope["auth"]`, set by a backend of one's own.

class BearerToken(AuthenticationBackend):
    async def authenticate(self, conn):
        header = dict(conn["headers"]).get(b"authorization")
        if header is None:
            return None                                     # nobody: UnauthenticatedUser
        if header != b"Bearer swordfish":
            raise AuthenticationError("That is not the token.")
        return AuthCredentials(["authenticated"]), SimpleUser("diver")

app = AuthenticationMiddleware(app, BearerToken(), challenge='Bearer realm="api"')
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ._replies import send_text
from ._scope import call_with_lasting_headers, copy_back, copy_scope, has_lasting_headers
from ._watch import watch_websocket
from .types import ASGIApp, Receive, Scope, Send

OnError = Callable[[Any, "AuthenticationError"], ASGIApp | Awaitable[ASGIApp]]
"""`on_error(conn, exc)`: returns the ASGI application that answers, or an awaitable of it."""


class AuthenticationError(Exception):
    """Raised by a backend for credentials that are wrong; its text is the body of the default answer."""


class AuthCredentials:
    """What the user may do, as names: `scope["auth"].scopes`."""

    def __init__(self, scopes: Sequence[str] | None = None) -> None:
        self.scopes = [] if scopes is None else list(scopes)


class BaseUser:
    """What `scope["user"]` offers; `identity` is what a program keeps, `display_name` what a person reads."""

    @property
    def is_authenticated(self) -> bool:
        raise NotImplementedError

    @property
    def display_name(self) -> str:
        raise NotImplementedError

    @property
    def identity(self) -> str:
        raise NotImplementedError


class SimpleUser(BaseUser):
    """A user of whom nothing is known but the name."""

    def __init__(self, username: str) -> None:
        self.username = username

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.username

    @property
    def identity(self) -> str:
        return self.username


class UnauthenticatedUser(BaseUser):
    """Nobody in particular."""

    @property
    def is_authenticated(self) -> bool:
        return False

    @property
    def display_name(self) -> str:
        return ""

    @property
    def identity(self) -> str:
        return ""


class AuthenticationBackend:
    """Finds out who is asking."""

    async def authenticate(self, conn: Any) -> tuple[AuthCredentials, BaseUser] | None:
        """The credentials and the user, or None for nobody. Raises AuthenticationError for wrong credentials."""
        raise NotImplementedError


class _Backend(Protocol):
    async def authenticate(self, conn: Any, /) -> tuple[Any, Any] | None: ...


class AuthenticationMiddleware:
    """Asks `backend` about every request and WebSocket, and answers where it raises AuthenticationError.

    The answer is `on_error(conn, exc)`, by default status 400 and the error's text; with `challenge`, one or several
    values of WWW-Authenticate, it is 401 (RFC 9110 §11.6.1). A WebSocket gets it as a denial response where the server
    offers that, or is closed. `connection` makes of the scope what the backend and `on_error` receive.
    """

    def __init__(
        self,
        app: ASGIApp,
        backend: _Backend,
        on_error: OnError | None = None,
        *,
        connection: Callable[[Scope], Any] = lambda scope: scope,
        challenge: str | Sequence[str] = (),
    ) -> None:
        challenges = [challenge] if isinstance(challenge, str) else challenge
        self.app = app
        self.backend = backend
        self.connection = connection
        self._challenges = [(b"www-authenticate", _header_value(text)) for text in challenges]
        if on_error is not None:
            self.on_error: OnError = on_error
        elif self._challenges:
            self.on_error = self._challenge
        else:
            self.on_error = self.default_on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        conn = self.connection(scope)
        try:
            found = await self.backend.authenticate(conn)
        except AuthenticationError as exc:
            return await self._refuse(conn, exc, scope, receive, send)
        auth, user = (AuthCredentials(), UnauthenticatedUser()) if found is None else found
        inner = copy_scope(scope, auth=auth, user=user)
        try:
            await self.app(inner, receive, send)
        finally:
            copy_back(inner, scope)
        return None

    async def _refuse(self, conn: Any, exc: AuthenticationError, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Any = self.on_error(conn, exc)
        if hasattr(answer, "__await__"):
            answer = await answer
        if scope["type"] == "websocket":
            return await watch_websocket(receive, send).answer(answer, scope)
        await answer(scope, receive, send)
        return None

    @staticmethod
    def default_on_error(conn: Any, exc: Exception) -> ASGIApp:
        """Status 400 and the text of the error."""
        return _plain(400, str(exc), [])

    def _challenge(self, conn: Any, exc: Exception) -> ASGIApp:
        return _plain(401, str(exc), self._challenges)


def _plain(status: int, text: str, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(scope, send, status, text, headers)

    return answer


def _header_value(text: str) -> bytes:
    value = text.encode("latin-1", errors="replace")
    if not value.strip() or not {*b"\r\n\0"}.isdisjoint(value):
        raise ValueError(f"a challenge is a scheme and its parameters on one line, not {text!r}")
    return value
