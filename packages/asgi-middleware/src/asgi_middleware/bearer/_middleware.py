"""The middleware: it reads the token, sends the challenges, and serves the metadata of the resource."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from .._configuration import application, check_function, paths
from .._headers import all_values
from .._replies import reject
from .._scope import path_below_root, request_headers
from ..types import ASGIApp, Receive, Scope, Send

Verify = Callable[[str, Scope], Awaitable[Any] | Any]
"""`verify(token, scope)` returns the user, or an awaitable of it; None for an invalid token."""

_LONGEST = 8192  # characters of a token
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token (RFC 6750 §2.1)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # scope-token (RFC 6749 §3.3)
_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_ALLOWED = b"GET, HEAD, OPTIONS"


class VerificationUnavailable(Exception):
    """Raised by a `verify` that cannot decide whether a token is valid, because its issuer or database is down."""


class BearerCredentials:
    """The permissions of a token: `scope["auth"].scopes`."""

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes = list(scopes)


class BearerAuthMiddleware:
    """Middleware that lets only requests and WebSockets with a valid bearer token through.

    `verify(token, scope)` returns the user, which becomes `scope["user"]`, or None; the user's `scopes`, if any,
    become `scope["auth"].scopes`, and must include all of `scopes`. With `optional` a request without a token passes,
    one with an invalid token does not. `resource` is the URL of the protected API; its metadata is served at the
    well-known path (RFC 9728 §3.1), with `authorization_servers` and whatever `metadata` adds. `exempt_paths` are
    exact. Tokens in the query string or the body are not read (RFC 9700 §4.3.2).

    Answers 401 without a valid token, 403 without the scopes, 400 for a malformed request (RFC 6750 §3.1), and 503 if
    `verify` raises VerificationUnavailable: after a 401 clients throw away tokens that are valid. Raises ValueError for
    a `resource` that is not an absolute URL without a fragment, and for an invalid scope.
    """

    def __init__(
        self,
        app: ASGIApp,
        verify: Verify,
        *,
        scopes: Sequence[str] = (),
        realm: str | None = None,
        optional: bool = False,
        resource: str | None = None,
        authorization_servers: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
        exempt_paths: Sequence[str] = (),
    ) -> None:
        check_function("verify", verify, "the token")
        names = [scopes] if isinstance(scopes, str) else list(scopes)
        for name in names:
            if not _SCOPE.fullmatch(name):
                raise ValueError(f"scopes: invalid name of a scope: {name!r} (RFC 6749 §3.3)")
        if realm is not None and (not realm.isascii() or not realm.isprintable()):
            raise ValueError(f"realm={realm!r} must be printable ASCII")
        self.app = application(app, self)
        self.verify = verify
        self.scopes = frozenset(names)
        self.optional = optional
        self.exempt_paths = frozenset(paths("exempt_paths", exempt_paths))
        self.metadata_path: str | None = None
        parameters = [] if realm is None else [("realm", realm)]
        if resource is not None:
            self.metadata_path, url = _well_known(resource)
            parameters.append(("resource_metadata", url))
            self._metadata = _metadata(resource, authorization_servers, names, metadata or {})
        self._parameters = parameters
        self._scope_list = " ".join(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket") or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        if self.metadata_path is not None and kind == "http" and path_below_root(scope) == self.metadata_path:
            return await self._serve_metadata(scope, send)
        credentials = all_values(request_headers(scope), b"authorization")
        if not credentials:
            if self.optional:
                return await self.app(scope, receive, send)
            return await self._challenge(scope, receive, send, 401, "")
        token = _bearer_token(credentials[0]) if len(credentials) == 1 else None
        if token is None:
            if len(credentials) == 1 and not _is_bearer(credentials[0]):
                # Another scheme, such as Basic, counts as no credentials: the challenge then names no error (§3.1).
                return await self._challenge(scope, receive, send, 401, "")
            return await self._challenge(scope, receive, send, 400, "invalid_request")
        try:
            user = self.verify(token, scope)
            if hasattr(user, "__await__"):
                user = await user
        except VerificationUnavailable:
            headers = [(b"cache-control", b"no-store"), (b"retry-after", b"10")]
            return await reject(scope, receive, send, 503, "Service Unavailable", headers)
        if user is None:
            return await self._challenge(scope, receive, send, 401, "invalid_token")
        granted = list(getattr(user, "scopes", ()))
        if not self.scopes.issubset(granted):
            return await self._challenge(scope, receive, send, 403, "insufficient_scope")
        scope["user"], scope["auth"] = user, BearerCredentials(granted)
        return await self.app(scope, receive, send)

    async def _challenge(self, scope: Scope, receive: Receive, send: Send, status: int, error: str) -> None:
        parameters = list(self._parameters)
        if error:
            parameters.append(("error", error))
        if self._scope_list and status != 400:
            parameters.append(("scope", self._scope_list))
        value = "Bearer" + ",".join(f' {name}="{_quoted(text)}"' for name, text in parameters)
        headers = [(b"cache-control", b"no-store"), (b"www-authenticate", value.encode("ascii"))]
        text = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}[status]
        await reject(scope, receive, send, status, text, headers)

    async def _serve_metadata(self, scope: Scope, send: Send) -> None:
        """Answer with the metadata, which pages of any origin may read: it is public, and clients run in browsers.

        Clients of the Model Context Protocol send its version in a header, so browsers send a preflight (Fetch §4.8).
        """
        headers = [(b"access-control-allow-origin", b"*")]
        method, body = scope["method"], b""
        if method in ("GET", "HEAD"):
            status, body = 200, self._metadata
            headers += [(b"cache-control", b"max-age=3600"), (b"content-type", b"application/json")]
            headers.append((b"content-length", b"%d" % len(body)))
        elif method == "OPTIONS":
            status = 204
            headers += [(b"access-control-allow-methods", b"GET"), (b"access-control-allow-headers", b"*")]
            headers.append((b"allow", _ALLOWED))
        else:
            status = 405
            headers += [(b"allow", _ALLOWED), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _is_bearer(value: bytes) -> bool:
    return value[:6].lower() == b"bearer" and value[6:7] in (b"", b" ")


def _bearer_token(value: bytes) -> str | None:
    """Return the token; the name of the scheme is case-insensitive (RFC 9110 §11.1)."""
    if not _is_bearer(value) or len(value) > _LONGEST:
        return None
    token = value[6:].strip(b" ").decode("latin-1")
    return token if _TOKEN.fullmatch(token) else None


def _well_known(resource: str) -> tuple[str, str]:
    """Return the path and the URL of a resource's metadata: the well-known part stands before the resource's path."""
    parts = urlsplit(resource)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment or not resource.isascii():
        raise ValueError(f"resource={resource!r} must be an absolute https URL without a fragment (RFC 9728 §1.2)")
    path = _WELL_KNOWN + parts.path.rstrip("/")
    return path, f"{parts.scheme}://{parts.netloc}{path}" + (f"?{parts.query}" if parts.query else "")


def _metadata(resource: str, servers: Sequence[str], scopes: list[str], more: dict[str, Any]) -> bytes:
    document: dict[str, Any] = {"resource": resource, "bearer_methods_supported": ["header"]}
    if servers:
        document["authorization_servers"] = list(servers)
    if scopes:
        document["scopes_supported"] = scopes
    return json.dumps(document | more).encode()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
