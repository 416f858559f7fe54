"""Set the security headers of browsers: content security policy, HSTS and others.

    from asgi_middleware.security_headers import NONCE, SELF, SecurityHeadersMiddleware, csp_nonce

    async def page(scope, receive, send):
        html = f'<script nonce="{csp_nonce(scope)}">start()</script>'
        ...

    app = SecurityHeadersMiddleware(
        page, content_security_policy={"default-src": SELF, "script-src": [SELF, NONCE]}
    )

The defaults are those of helmet 8. A header that the application sets itself is kept, so that one response may have
another policy. A nonce is created when the application first asks for it, which must be before the response begins;
otherwise the policy has none.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import partial

from ._configuration import application, names
from ._headers import reader_of
from ._watch import ChangedResponse
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DEFAULT_POLICY", "NONCE", "NONE", "SELF", "SecurityHeadersMiddleware", "csp_nonce"]

SCOPE_KEY = "asgi_middleware.csp_nonce"
NONCE = "'nonce'"
"""A placeholder in a policy for the nonce of the page; it is removed for a page without one."""
SELF = "'self'"
NONE = "'none'"

Policy = Mapping[str, str | Sequence[str]]

DEFAULT_POLICY: Policy = {
    "default-src": SELF,
    "base-uri": SELF,
    "font-src": [SELF, "https:", "data:"],
    "form-action": SELF,
    "frame-ancestors": SELF,
    "img-src": [SELF, "data:"],
    "object-src": NONE,
    "script-src": [SELF, NONCE],
    "script-src-attr": NONE,
    "style-src": [SELF, "https:", "'unsafe-inline'"],
    "upgrade-insecure-requests": "",
}
_DEFAULTS: dict[str, str] = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-download-options": "noopen",  # Internet Explorer opened downloads in the context of the site
    "x-frame-options": "SAMEORIGIN",
    "x-permitted-cross-domain-policies": "none",
    "x-xss-protection": "0",  # the filters of old browsers opened holes of their own
}
_DIRECTIVE = re.compile(r"[a-z][a-z0-9-]*")
_SOURCE = re.compile(r"[\x21-\x2b\x2d-\x3a\x3c-\x7e]+")  # no blank, comma or semicolon (CSP 3 §2.2.1)
_KEYWORDS = frozenset(["self", "none", "unsafe-inline", "unsafe-eval", "strict-dynamic", "unsafe-hashes"])
_PRIVATE = re.compile(rb"(?i)(?:^|[\s,])(?:no-store|no-cache|private)(?:$|[\s,=;])")

_log = logging.getLogger("asgi_middleware.security_headers")


class _Nonce:
    """The nonce of one page: created at the first call, the same at later ones."""

    __slots__ = ("is_late", "value")

    def __init__(self) -> None:
        self.value = ""
        self.is_late = False

    def __call__(self) -> str:
        if not self.value:
            if self.is_late:
                _log.warning("a CSP nonce was requested after the response had begun, so its policy does not have it")
            self.value = secrets.token_urlsafe(16)  # 128 bits (CSP 3 §7.1)
        return self.value


def csp_nonce(scope: Scope) -> str:
    """Return the nonce of the page that answers this request; raises RuntimeError without the middleware."""
    nonce = scope.get(SCOPE_KEY)
    if nonce is None:
        raise RuntimeError("csp_nonce() needs SecurityHeadersMiddleware around the application")
    value: str = nonce()
    return value


class SecurityHeadersMiddleware:
    """Middleware that adds security headers where the application has not set them.

    `content_security_policy` maps directives to sources, None for no policy; with `report_only` violations are only
    reported. `strict_transport_security` is sent only over https (RFC 6797 §7.2). `headers` replaces other defaults by
    name; None omits one. `hide` are headers to remove. A page with a nonce must not be stored by a cache (RFC 9111
    §5.2.2.5), and a 304 has no policy with a nonce, since it would replace that of the stored page. WebSockets are not
    changed. Raises ValueError for a directive or source that would change the structure of the policy.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        content_security_policy: Policy | None = DEFAULT_POLICY,
        report_only: bool = False,
        strict_transport_security: str | None = "max-age=31536000; includeSubDomains",
        headers: Mapping[str, str | None] | None = None,
        hide: Sequence[str] = ("x-powered-by",),
    ) -> None:
        self.app = application(app, self)
        chosen = _DEFAULTS | {name.lower(): value for name, value in (headers or {}).items()}
        fixed = [_field(name, value) for name, value in chosen.items() if value is not None]
        self._name = b"content-security-policy" + (b"-report-only" if report_only else b"")
        if isinstance(content_security_policy, str):
            raise TypeError(
                f"content_security_policy={content_security_policy!r} must be a dict from directives to sources; "
                "write headers={'content-security-policy': ...} for a policy that is text"
            )
        self._policy = None if content_security_policy is None else _serialise(content_security_policy)
        if self._policy is not None:
            fixed.insert(0, (self._name, self._policy.replace(f" {NONCE}", "").encode("ascii")))
        self._has_nonce = self._policy is not None and NONCE in self._policy
        self._http = dict(fixed)
        self._https = dict(fixed)
        if strict_transport_security is not None:
            self._https |= [_field("strict-transport-security", strict_transport_security)]
        self._hidden = frozenset(name.lower().encode("latin-1") for name in names(hide))
        self._read = reader_of(self._name, *self._https, *self._hidden)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        added = self._https if scope.get("scheme") == "https" else self._http
        nonce = None
        if self._has_nonce:
            nonce = scope[SCOPE_KEY] = _Nonce()
        return await self.app(scope, receive, ChangedResponse(send, partial(self._add, added, nonce)).send)

    def _add(self, added: dict[bytes, bytes], nonce: _Nonce | None, message: Message) -> Message:
        """Return the start of a response, with the missing headers added."""
        headers: list[Sequence[bytes]] = list(message.get("headers") or ())
        present = self._read(headers)
        if not self._hidden.isdisjoint(present):
            headers = [pair for pair in headers if pair[0].lower() not in self._hidden]
        if nonce is not None:
            nonce.is_late = True
            if nonce.value:
                headers = _uncached(headers)
            if message["status"] == 304:
                present[self._name] = []  # so that it is not added
            elif nonce.value:
                added = added | {self._name: self._policy_with(nonce.value)}
        if added.keys().isdisjoint(present):
            headers += added.items()
        else:
            headers += [pair for pair in added.items() if pair[0] not in present]
        return {**message, "headers": headers}

    def _policy_with(self, nonce: str) -> bytes:
        assert self._policy is not None
        return self._policy.replace(NONCE, f"'nonce-{nonce}'").encode("ascii")


def _uncached(headers: list[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Return headers that keep a page with a nonce out of caches: a nonce that is reused is no longer secret."""
    for name, value in headers:
        if name.lower() == b"cache-control":
            if _PRIVATE.search(value):
                return headers
            _log.warning("a page with a CSP nonce is cacheable (%s): it is sent with no-store instead", value)
    kept = [pair for pair in headers if pair[0].lower() != b"cache-control"]
    return [*kept, (b"cache-control", b"no-store")]


def _field(name: str, value: str) -> tuple[bytes, bytes]:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isprintable():
        raise ValueError(f"invalid header {name!r}: {value!r} (RFC 9110 §5.5)")
    return name.encode("ascii"), value.encode("latin-1")


def _serialise(policy: Policy) -> str:
    directives = []
    for name, value in policy.items():
        sources = value.split() if isinstance(value, str) else list(value)
        if not _DIRECTIVE.fullmatch(name):
            raise ValueError(f"invalid directive of a content security policy: {name!r}")
        for source in sources:
            if not _SOURCE.fullmatch(source):
                raise ValueError(f"{name}: invalid source {source!r}: no space, comma or semicolon is allowed")
            if source in _KEYWORDS:
                raise ValueError(f"{name}: {source!r} means a host of that name: write the keyword as \"'{source}'\"")
        directives.append(" ".join([name, *sources]))
    return "; ".join(directives)
