"""Middleware for cross-origin requests: WebSockets, preflight requests, and the requests themselves."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from .._configuration import application, check_function
from .._headers import first_value
from .._replies import reject, send_text
from .._scope import request_headers
from .._watch import ERRORS_KEY, ResponseWatcher
from ..types import ASGIApp, Receive, Scope, Send
from ._headers import ALLOW_CREDENTIALS, ALLOW_ORIGIN, CORSHeaders, CORSResponse
from ._origins import AllowedOrigins, is_own_origin
from ._preflight import SAFELISTED_HEADERS, Preflight, max_age_seconds, methods, tokens


class CORSMiddleware:
    """Middleware that answers preflight requests and lets the pages of allowed origins read responses.

    It never rejects a request: enforcing the policy is the browser's part. `max_age` is in seconds; None leaves it to
    the browser. `allow_credentials` with the origin `*` reflects any origin, as Starlette does;
    `reflect_any_origin=False` refuses that configuration. `expose_errors=True` lets pages read the answer to an
    unhandled exception too. `check_websocket_origin=True` rejects handshakes from pages of other origins than these and
    its own. `origin_check(origin, scope)`, plain or async, decides about origins that are not listed. An entry that
    could never match is corrected or ignored with a ConfigurationWarning; ValueError is raised for a broken regular
    expression and for a name with a line break.
    """

    def __init__(
        self,
        app: ASGIApp,
        allow_origins: Collection[str] = (),
        allow_methods: Collection[str] = ("GET",),
        allow_headers: Collection[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        allow_private_network: bool = False,
        expose_headers: Collection[str] = (),
        max_age: int | None = 600,
        *,
        origin_check: Callable[[str, Scope], bool | Awaitable[bool]] | None = None,
        vary: Collection[str] = (),
        reflect_any_origin: bool = True,
        expose_errors: bool = False,
        check_websocket_origin: bool = False,
        preflight_status: int = 200,
    ) -> None:
        self.app = application(app, self)
        self.allow_origins = allow_origins
        self.allow_credentials = allow_credentials
        self.allow_private_network = allow_private_network
        if origin_check is not None:
            check_function("origin_check", origin_check, "an origin and the scope")
        self.origin_check = origin_check
        self.expose_errors = expose_errors
        self.check_websocket_origin = check_websocket_origin
        self._origins = AllowedOrigins(allow_origins, allow_origin_regex)
        self.allow_all_origins = self._origins.any
        self.allow_origin_regex = None if allow_origin_regex is None else re.compile(allow_origin_regex)
        if self.allow_all_origins and allow_credentials and not reflect_any_origin:
            raise ValueError("allow_origins=['*'] with allow_credentials=True lets every site act as its visitors")
        varying = tuple(name.encode() for name in tokens("vary", vary))
        self._preflight = self._make_preflight(allow_methods, allow_headers, max_age, varying, preflight_status)
        self.allow_methods, self.allow_headers = self._preflight.allow_methods, self._preflight.allow_headers
        self.allow_all_headers = self._preflight.allow_all_headers
        self._set_headers(varying, tokens("expose_headers", expose_headers))

    def _make_preflight(
        self, allow_methods: object, allow_headers: object, max_age: object, varying: tuple[bytes, ...], status: int
    ) -> Preflight:
        return Preflight(
            methods("allow_methods", allow_methods),
            (*tokens("allow_headers", allow_headers), *SAFELISTED_HEADERS),
            max_age_seconds(max_age),
            credentials=self.allow_credentials,
            private_network=self.allow_private_network,
            vary=varying,
            status=status,
        )

    def _set_headers(self, varying: tuple[bytes, ...], exposed: tuple[str, ...]) -> None:
        """Build the headers of responses, with and without an allowed origin."""
        # The answer depends on Origin even if the request has none: without Vary a cache could serve that answer, which
        # lacks Access-Control-Allow-Origin, to a page that may read it (Fetch, CORS protocol and HTTP caches).
        self._without_origin: CORSHeaders = ((b"vary", b", ".join((b"Origin", *varying))),)
        self._with_origin: CORSHeaders = (
            *((ALLOW_CREDENTIALS,) if self.allow_credentials else ()),
            *(((b"access-control-expose-headers", ", ".join(exposed).encode()),) if exposed else ()),
            *self._without_origin,
        )
        self._known, self._open = self._precomputed()

    def _precomputed(self) -> tuple[dict[bytes, CORSHeaders], CORSHeaders | None]:
        """Return the headers of each listed origin, and those of every origin; neither if a subclass decides."""
        if type(self).is_allowed_origin is not _IS_ALLOWED_ORIGIN:
            return {}, None
        # Browsers refuse `*` for requests with credentials (Fetch, CORS check), so the origin has to be named then.
        if self.allow_all_origins and not self.allow_credentials:
            return {}, ((ALLOW_ORIGIN, b"*"), *self._with_origin)
        return {origin.encode(): self._headers_of(origin.encode()) for origin in self._origins.exact}, None

    def _headers_of(self, origin: bytes) -> CORSHeaders:
        return ((ALLOW_ORIGIN, origin), *self._with_origin)

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether the configuration names this origin; a subclass may decide otherwise."""
        return self._origins.match(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            is_checked = scope["type"] == "websocket" and self.check_websocket_origin
            call = self._call_websocket if is_checked else self.app
            return await call(scope, receive, send)
        headers = scope.get("headers", ())
        if headers.__class__ is not list:
            headers = request_headers(scope)
        allowed = None
        for name, origin in headers:
            if name == b"origin":  # ASGI has the names of request headers in lower case
                allowed = self._open or self._known.get(origin) or await self._ask(origin, scope)
                # Without this field it is an OPTIONS request of the page itself, which the application answers.
                if (
                    scope["method"] == "OPTIONS"
                    and (method := first_value(headers, b"access-control-request-method")) is not None
                ):
                    return await self._preflight.answer(method, allowed, scope, send)
                break
        response = CORSResponse(allowed or self._without_origin, send)
        if self.expose_errors:
            return await self._call_exposing_errors(response, scope, receive)
        return await self.app(scope, receive, response.send)

    async def _ask(self, origin: bytes, scope: Scope) -> CORSHeaders | None:
        """Return the headers for an origin that is not listed literally, or None if it is not allowed."""
        text = origin.decode("latin-1")
        # The origin is reflected into a header, so only serialised origins (RFC 6454 §6.2) get that far: a comma or a
        # space would make a list of it, a control character could split the header.
        if not text.isascii() or not text.isprintable() or " " in text or "," in text:
            return None
        allowed: Any = self.is_allowed_origin(text)
        if not allowed and self.origin_check is not None:
            allowed = self.origin_check(text, scope)
            if hasattr(allowed, "__await__"):
                allowed = await allowed
        return self._headers_of(origin) if allowed else None

    async def _call_exposing_errors(self, response: CORSResponse, scope: Scope, receive: Receive) -> None:
        """Add the headers to the answer to an unhandled exception, and raise the exception again.

        An outer ServerErrorMiddleware sends that answer, perhaps with a custom page. Without one the server would send
        a 500 that lacks the headers, so it is sent from here.
        """
        errors: ResponseWatcher | None = scope.get(ERRORS_KEY)
        try:
            await self.app(scope, receive, response.send)
        except Exception:
            if not response.started:
                if errors is None:
                    await send_text(scope, response.send, 500, "Internal Server Error")
                else:
                    errors.decorate(response.with_headers)
            raise

    async def _call_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass handshakes of the application's own pages, of allowed origins, and of clients that are not browsers.

        Browsers let any page open a WebSocket, with cookies and without a preflight (RFC 6455 §10.2): the server has
        to check Origin. Every browser sends it, so a handshake without one comes from another client.
        """
        origin = first_value(request_headers(scope), b"origin")
        if (
            origin is None
            or self._open is not None
            or origin in self._known
            or is_own_origin(origin, scope)
            or await self._ask(origin, scope) is not None
        ):
            return await self.app(scope, receive, send)
        return await reject(scope, receive, send, 403, "Disallowed WebSocket origin")


# Captured at import: a method that instrumentation replaces later must not pass for the original.
_IS_ALLOWED_ORIGIN = CORSMiddleware.is_allowed_origin
