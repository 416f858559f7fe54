"""Tokens of forms: a secret in a signed cookie that comes back masked (OWASP: signed double-submit cookie)."""

from __future__ import annotations

import hmac
import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence

from .._headers import all_values
from ..types import Scope

SCOPE_KEY = "asgi_middleware.csrf"
_SIZE = 16  # bytes of the secret, and of the mask before it
_MAC_SIZE = 32

_log = logging.getLogger("asgi_middleware.csrf")


def csrf_token(scope: Scope) -> str:
    """Return a token for a form or a header of the page that answers this request; each call returns another.

    The response sets the cookie that the token belongs to if the client has none. Raises RuntimeError if no outer
    CSRFMiddleware has a `secret_key`.
    """
    exchange = scope.get(SCOPE_KEY)
    if not isinstance(exchange, TokenExchange):
        raise RuntimeError("csrf_token() needs CSRFMiddleware(app, secret_key=...) around the application")
    return exchange.token()


class TokenKey:
    """The keys that sign cookies, the newest first; older ones still verify."""

    def __init__(self, secret_keys: Sequence[str | bytes]) -> None:
        keys = [key.encode() if isinstance(key, str) else key for key in secret_keys]
        if not keys or not all(keys):
            raise ValueError("secret_key is empty: anyone could sign with it")
        self._macs = [hmac.new(key, b"asgi_middleware.csrf", "sha256") for key in keys]

    def sign(self, secret: bytes, bound: bytes) -> bytes:
        """Return the signature of a secret; `bound` is what it is bound to, such as the id of a session."""
        return self._signatures(secret, bound)[0]

    def verify(self, secret: bytes, bound: bytes, signature: bytes) -> bool:
        """Return whether one of the keys has made a signature, in constant time."""
        # Every key is tried, so that the time taken does not show which one matches.
        matching = [hmac.compare_digest(signature, good) for good in self._signatures(secret, bound)]
        return True in matching

    def _signatures(self, secret: bytes, bound: bytes) -> list[bytes]:
        signatures = []
        for mac in self._macs:
            copy = mac.copy()
            copy.update(secret + bound)
            signatures.append(copy.digest())
        return signatures


class TokenExchange:
    """The secret of one request: that of its cookie, or a new one that the response will set."""

    def __init__(self, key: TokenKey, cookie_name: bytes, scope: Scope, bind: Callable[[Scope], str]) -> None:
        self._key = key
        self._scope = scope
        self._bind = bind
        self._cookie_name = cookie_name
        self.secret: bytes | None = None
        self.is_new = False
        self.is_shown = False
        self.is_late = False

    def token(self) -> str:
        """Return the secret under a new mask.

        A text that repeats in every response can be guessed from the size of compressed ones (BREACH).
        """
        self.is_shown = True
        if self.secret is None:
            self.secret = self._secret_of_cookie()
        if self.secret is None:
            self.secret = secrets.token_bytes(_SIZE)
            self.is_new = True
            if self.is_late:
                _log.warning("a CSRF token was asked for after the response had begun: its cookie is not set")
        mask = secrets.token_bytes(_SIZE)
        return urlsafe_b64encode(mask + _xor(mask, self.secret)).decode().rstrip("=")

    def matches(self, token: str) -> bool:
        """Return whether a token was made from the secret in the cookie."""
        secret, masked = self._secret_of_cookie(), _decode(token)
        if secret is None or masked is None or len(masked) != 2 * _SIZE:
            return False
        return hmac.compare_digest(_xor(masked[:_SIZE], masked[_SIZE:]), secret)

    def cookie(self) -> bytes:
        """Return the value of Set-Cookie; that of the cookie is the secret and its signature."""
        assert self.secret is not None
        signature = self._key.sign(self.secret, self._bind(self._scope).encode())
        value = urlsafe_b64encode(self.secret + signature).rstrip(b"=")
        cookie = self._cookie_name + b"=" + value + b"; Path=/; HttpOnly; SameSite=lax"
        return cookie + b"; Secure" if self._cookie_name.startswith(b"__Host-") else cookie

    def release(self) -> None:
        """Keep the scope as it is now, without this object: avoid a reference cycle.

        An outer error page may still ask for a token.
        """
        self._scope = {key: value for key, value in self._scope.items() if value is not self}

    def _secret_of_cookie(self) -> bytes | None:
        bound = self._bind(self._scope).encode()
        for line in all_values(self._scope.get("headers", ()), b"cookie"):
            for pair in line.split(b";"):
                name, _, value = pair.strip(b" \t").partition(b"=")
                if name == self._cookie_name:
                    content = _decode(value.decode("latin-1")) or b""
                    secret, signature = content[:_SIZE], content[_SIZE:]
                    if len(signature) == _MAC_SIZE and self._key.verify(secret, bound, signature):
                        return secret
        return None


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _decode(text: str) -> bytes | None:
    # The longest valid value is 64 characters; base64 of a client's megabytes is not decoded.
    if len(text) > 200 or not text.isascii():
        return None
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
