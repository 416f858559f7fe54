"""Backends for AuthenticationMiddleware: HTTP Basic (RFC 7617) and API keys in a header.

    from asgi_middleware.authentication import AuthenticationMiddleware
    from asgi_middleware.backends import BasicBackend

    async def verify(username, password):
        return await users.check(username, password)        # a user, or None

    app = AuthenticationMiddleware(app, BasicBackend(verify), challenge='Basic realm="shop", charset="UTF-8"')

The user that `verify` returns is `scope["user"]`; its `scopes`, if it has any, are added to `authenticated`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any

from ._headers import all_values
from .authentication import AuthCredentials, AuthenticationBackend, AuthenticationError

__all__ = ["APIKeyBackend", "BasicBackend"]

_LONGEST = 8192  # bytes of a header with credentials


class BasicBackend(AuthenticationBackend):
    """A backend for user names and passwords; compare them by a password hash, or by `hmac.compare_digest`.

    `verify(username, password)` returns the user, or an awaitable of it; for None AuthenticationError is raised.
    """

    def __init__(self, verify: Callable[[str, str], Awaitable[Any] | Any]) -> None:
        self.verify = verify

    async def authenticate(self, conn: Any) -> tuple[AuthCredentials, Any] | None:
        """Return the user with these credentials, or None if the request has none of this scheme."""
        values = all_values(_headers_of(conn), b"authorization")
        if not values or values[0][:6].lower() != b"basic ":
            return None
        # Every failure has the same text, so that none reveals whether the name or the password is wrong.
        if len(values) > 1 or len(values[0]) > _LONGEST:
            raise AuthenticationError("Invalid credentials")
        try:
            text = b64decode(values[0][6:].strip(b" "), validate=True).decode()
        except ValueError as exc:
            raise AuthenticationError("Invalid credentials") from exc
        username, colon, password = text.partition(":")
        # RFC 7617 §2 forbids control characters; a password may contain colons, a name may not.
        if not colon or not text.isprintable():
            raise AuthenticationError("Invalid credentials")
        return _found(await _awaited(self.verify(username, password)))


class APIKeyBackend(AuthenticationBackend):
    """A backend for API keys in a header; `verify(key)` returns the user, or an awaitable of it, or None."""

    def __init__(self, verify: Callable[[str], Awaitable[Any] | Any], *, header: str = "x-api-key") -> None:
        self.verify = verify
        self._header = header.lower().encode("latin-1")

    async def authenticate(self, conn: Any) -> tuple[AuthCredentials, Any] | None:
        """Return the user of the key, or None for a request without one."""
        values = all_values(_headers_of(conn), self._header)
        if not values:
            return None
        if len(values) > 1 or len(values[0]) > _LONGEST:
            raise AuthenticationError("Invalid credentials")
        return _found(await _awaited(self.verify(values[0].decode("latin-1"))))


def _headers_of(conn: Any) -> Any:
    scope = conn if isinstance(conn, dict) else conn.scope
    return scope.get("headers", ())


async def _awaited(value: Any) -> Any:
    return await value if hasattr(value, "__await__") else value


def _found(user: Any) -> tuple[AuthCredentials, Any]:
    if user is None:
        raise AuthenticationError("Invalid credentials")
    return AuthCredentials(["authenticated", *getattr(user, "scopes", ())]), user
