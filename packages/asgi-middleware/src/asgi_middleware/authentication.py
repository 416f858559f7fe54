"""Authenticate requests with a backend of your own, which sets `scope["user"]` and `scope["auth"]`.

    from asgi_middleware.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError
    from asgi_middleware.authentication import AuthenticationMiddleware, SimpleUser

    class BearerToken(AuthenticationBackend):
        async def authenticate(self, conn):
            header = dict(conn["headers"]).get(b"authorization")
            if header is None:
                return None                                     # anonymous: UnauthenticatedUser
            if header != b"Bearer swordfish":
                raise AuthenticationError("invalid token")
            return AuthCredentials(["authenticated"]), SimpleUser("diver")

    app = AuthenticationMiddleware(app, BearerToken(), challenge='Bearer realm="api"')

Without `challenge` wrong credentials are answered with 400, as in Starlette; with it, with 401.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ._configuration import application, check_function
from ._headers import encode_value
from ._replies import send_text
from ._scope import request_headers
from ._watch import watch_websocket
from .types import ASGIApp, Receive, Scope, Send

OnError = Callable[[Any, "AuthenticationError"], ASGIApp | Awaitable[ASGIApp]]
"""`on_error(conn, exc)` returns the ASGI application that answers, or an awaitable of it."""


class AuthenticationError(Exception):
    """Raised by a backend for wrong credentials; its text is the body of the default answer."""


class AuthCredentials:
    """The names of the permissions of a user: `scope["auth"].scopes`."""

    def __init__(self, scopes: Sequence[str] | None = None) -> None:
        self.scopes = [] if scopes is None else list(scopes)


class BaseUser:
    """The interface of `scope["user"]`: programs store `identity`, people read `display_name`."""

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
    """A user that has only a name."""

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
    """An anonymous user."""

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
    """The base class of backends: override `authenticate`."""

    async def authenticate(self, conn: Any) -> tuple[AuthCredentials, BaseUser] | None:
        """Return the credentials and the user of a connection, or None for an anonymous one.

        Raises AuthenticationError for wrong credentials.
        """
        raise NotImplementedError


class _Backend(Protocol):
    async def authenticate(self, conn: Any, /) -> tuple[Any, Any] | None: ...


class AuthenticationMiddleware:
    """Middleware that authenticates requests and WebSockets with `backend`, and answers an AuthenticationError.

    The answer is `on_error(conn, exc)`, by default status 400 and the error's text; with `challenge`, one or several
    values of WWW-Authenticate, it is 401 (RFC 9110 §11.6.1). A WebSocket gets it as a denial response if the server
    supports that, otherwise it is closed. `connection` turns the scope into the object that the backend and `on_error`
    receive. Raises ValueError for a challenge that is not a valid header value.
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
        check_function("connection", connection)
        # Each challenge is a header of its own: some clients do not parse several in one, which commas make ambiguous
        # (RFC 9110 §11.6.1).
        challenges = [challenge] if isinstance(challenge, str) else challenge
        self.app = application(app, self)
        self.backend = backend
        self.connection = connection
        self._challenges = [(b"www-authenticate", _challenge_value(text)) for text in challenges]
        if on_error is not None:
            self.on_error: OnError = on_error
        elif self._challenges:
            self.on_error = self._challenge
        else:
            self.on_error = self.default_on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        request_headers(scope)  # the backend reads them before the application does
        conn = self.connection(scope)
        try:
            found = await self.backend.authenticate(conn)
        except AuthenticationError as exc:
            return await self._reject(conn, exc, scope, receive, send)
        scope["auth"], scope["user"] = (AuthCredentials(), UnauthenticatedUser()) if found is None else found
        return await self.app(scope, receive, send)

    async def _reject(self, conn: Any, exc: AuthenticationError, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Any = self.on_error(conn, exc)
        if hasattr(answer, "__await__"):
            answer = await answer
        if scope["type"] == "websocket":
            return await watch_websocket(receive, send).answer(answer, scope)
        await answer(scope, receive, send)
        return None

    @staticmethod
    def default_on_error(conn: Any, exc: Exception) -> ASGIApp:
        """Return an application that answers with status 400 and the text of the error."""
        return _text_answer(400, str(exc), [])

    def _challenge(self, conn: Any, exc: Exception) -> ASGIApp:
        return _text_answer(401, str(exc), self._challenges)


def _text_answer(status: int, text: str, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(scope, send, status, text, headers)

    return answer


def _challenge_value(text: str) -> bytes:
    if not text.strip():
        raise ValueError("""empty challenge: write a scheme and its parameters, such as 'Bearer realm="api"'""")
    return encode_value("www-authenticate", text)
