"""JSON Web Tokens of an issuer, checked as RFC 9068 and RFC 8725 require."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from .._cancel import Waiter
from .._threads import in_thread
from ..types import Scope
from ._middleware import VerificationUnavailable

_ASYMMETRIC = frozenset(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
_REQUIRED = ("exp", "iat", "iss", "aud", "sub", "client_id", "jti")  # RFC 9068 §2.2
_MOST_BYTES = 1 << 20  # of a key set

Fetch = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns a JSON Web Key Set (RFC 7517 §5)."""

_log = logging.getLogger("asgi_middleware.bearer")


class JWTUser:
    """The user of a token: its subject, its claims, and the scopes it was granted."""

    is_authenticated = True

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self.claims = claims
        self.identity: str = claims["sub"]
        scope = claims.get("scope")
        self.scopes: list[str] = scope.split() if isinstance(scope, str) else []  # RFC 9068 §2.2.3: a string

    @property
    def display_name(self) -> str:
        return self.identity


class JWTVerifier:
    """A `verify` that accepts the access tokens of one issuer for one audience.

    The keys come from `jwks_url`, or from `fetch()`, an async function that returns a key set. They are fetched at the
    first token, again after `lifetime` seconds, and for an unknown key id: once for all requests that wait, and at most
    once in `min_interval` seconds, so that invented ids cost nothing. While the issuer is down the known keys stay in
    use; if there are none, VerificationUnavailable is raised, which the middleware answers with 503: the token may well
    be valid. `leeway` allows for clocks that differ, in seconds. `algorithms` must be asymmetric. `strict` requires the
    type and the claims of RFC 9068; without it only exp, iss, aud and sub. Raises ImportError without PyJWT, ValueError
    for symmetric algorithms.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Sequence[str],
        jwks_url: str | None = None,
        fetch: Fetch | None = None,
        algorithms: Sequence[str] = ("RS256", "ES256"),
        strict: bool = True,
        leeway: float = 30.0,
        lifetime: float = 3600.0,
        min_interval: float = 10.0,
        timeout: float = 5.0,
    ) -> None:
        try:
            import jwt
        except ImportError as exc:
            raise ImportError("JSON Web Tokens need PyJWT: pip install asgi-middleware[jwt]") from exc
        if (jwks_url is None) == (fetch is None):
            raise ValueError("write either jwks_url= or fetch=, the source of the keys")
        if not algorithms or not _ASYMMETRIC.issuperset(algorithms):
            # With a symmetric algorithm the public key would serve as the secret: anyone could sign with it (RFC 8725
            # §2.1, §3.1). "none" is refused by the same test.
            raise ValueError(f"invalid algorithms={algorithms!r}: choose from {', '.join(sorted(_ASYMMETRIC))}")
        self._jwt = jwt
        self.issuer = issuer
        self.audience = audience
        self.algorithms = list(algorithms)
        self.strict = strict
        self.leeway = leeway
        self.lifetime = lifetime
        self.min_interval = min_interval
        self._fetch: Fetch = fetch if fetch is not None else _fetcher(jwks_url or "", timeout)
        self._keys: dict[str, Any] = {}
        self._fetched = self._tried = float("-inf")
        self._attempts = 0
        self._fetching = False
        self._done = Waiter()

    async def __call__(self, token: str, scope: Scope) -> JWTUser | None:
        """Return the user of a valid token, None for any other."""
        try:
            header = self._jwt.get_unverified_header(token)
        except (self._jwt.InvalidTokenError, RecursionError):  # deeply nested JSON in the header
            return None
        kind = str(header.get("typ", "")).lower().removeprefix("application/")
        # An ID token of the same issuer is signed with the same keys, but is not meant for an API (RFC 9068 §4, RFC
        # 8725 §3.11).
        if self.strict and kind != "at+jwt":
            return None
        key = await self._key(header.get("kid"))
        # "crit" lists extensions that a recipient must understand or refuse (RFC 7515 §4.1.11); none is supported.
        if key is None or "crit" in header:
            return None
        try:
            claims: dict[str, Any] = self._jwt.decode(
                token,
                key.key,
                # The key decides as well, so that a token cannot choose another algorithm for it (RFC 8725 §3.1).
                algorithms=[name for name in self.algorithms if key.algorithm_name in (None, name)],
                audience=self.audience,
                issuer=self.issuer,
                leeway=self.leeway,
                options={"require": list(_REQUIRED if self.strict else _REQUIRED[:1] + _REQUIRED[2:5])},
            )
        except (self._jwt.InvalidTokenError, TypeError, ValueError, OverflowError, RecursionError):
            return None
        return JWTUser(claims) if claims["sub"] else None

    async def _key(self, kid: object) -> Any:
        if not isinstance(kid, str):
            return None
        now = time.monotonic()
        # An unknown id usually means that the issuer has rotated its keys.
        wanted = kid not in self._keys or now - self._fetched > self.lifetime
        if wanted and now - self._tried > self.min_interval:
            await self._refresh()
        if self._fetched == float("-inf"):
            raise VerificationUnavailable("the keys of the issuer could not be fetched")
        return self._keys.get(kid)

    async def _refresh(self) -> None:
        """Fetch the keys, once for all requests that wait; if that fails the known keys stay."""
        attempts = self._attempts
        while self._fetching:
            await self._done.wait()
        # If the count is the same the request that fetched was cancelled, and this one takes its place.
        if self._attempts != attempts:
            return
        self._fetching = True
        try:
            self._keys = self._read(await self._fetch())
            self._fetched = time.monotonic()
            self._attempts += 1
        except Exception:  # the HTTP client of `fetch` may raise any
            _log.warning("the keys of %s could not be fetched", self.issuer, exc_info=True)
            self._attempts += 1
        finally:
            self._fetching = False
            self._done.wake()
        self._tried = time.monotonic()

    def _read(self, document: object) -> dict[str, Any]:
        entries = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list):
            raise ValueError("a JSON Web Key Set is an object with a list of keys (RFC 7517 §5)")
        keys = {}
        for entry in entries:
            # Keys for encryption verify nothing, and a symmetric key in a public document is no longer a secret.
            if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
                continue
            try:
                if "verify" in entry.get("key_ops", ("verify",)):
                    keys[str(entry["kid"])] = self._jwt.PyJWK(entry)
            except (KeyError, TypeError, self._jwt.PyJWTError):
                continue  # one key of a kind that is not supported does not spoil the set (RFC 7517 §5)
        return keys


def _fetcher(url: str, timeout: float) -> Fetch:
    if not _is_private(url):
        raise ValueError(f"jwks_url={url!r} must be an https URL: whoever replaces the keys can sign any token")

    def load(address: str) -> Mapping[str, Any]:
        request = Request(address, headers={"accept": "application/json"})  # noqa: S310 - checked above
        with urlopen(request, timeout=timeout) as response:  # noqa: S310 - the same
            if not _is_private(response.geturl()):  # the URL after redirects
                raise ValueError(f"the keys of {address} are not at an https URL: {response.geturl()}")
            document: Mapping[str, Any] = json.loads(response.read(_MOST_BYTES))
        return document

    async def fetch() -> Mapping[str, Any]:
        return await in_thread(load, url)

    return fetch


def _is_private(url: str) -> bool:
    """Return whether a response from a URL is protected on its way: https, or http on this very host."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))
