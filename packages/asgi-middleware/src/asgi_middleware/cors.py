"""Cross-origin resource sharing: which pages of other origins may read the answers (Fetch, HTTP CORS protocol).

    app = CORSMiddleware(app, allow_origins=["https://shop.example"], allow_methods=["GET", "PUT"])

Origins are exact (`https://shop.example`), any host below (`https://*.shop.example`), any port
(`http://localhost:*`), a regular expression that matches the whole, `*`, or what `origin_check` says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from ._headers import all_values, first_value, merge_vary, without
from ._marked import marked_async
from ._origins import ALL_METHODS, SAFELISTED_HEADERS, OriginPatterns, requested_headers, tokens
from ._replies import reject, send_text
from ._scope import call_with_lasting_headers, has_lasting_headers
from ._watch import ResponseWatcher
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ALL_METHODS", "SAFELISTED_HEADERS", "CORSMiddleware"]

Grants = tuple[tuple[bytes, bytes], ...]
"""What is added to a response: Access-Control-Allow-Origin first if anything is granted, Vary last in any case."""

_PREFLIGHT_VARY = (
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
)
_ORIGIN = b"access-control-allow-origin"
_OWNED = frozenset({b"vary", _ORIGIN, b"access-control-allow-credentials", b"access-control-expose-headers"})
_OWNED_SIZES = frozenset(map(len, _OWNED))


class CORSMiddleware:
    """Answers preflight requests and lets the allowed origins read responses; refuses no request of its own accord.

    `max_age` is in seconds. `allow_credentials` with the origin `*` reflects whatever origin asks, as Starlette does;
    `reflect_any_origin=False` refuses that configuration. `expose_errors=True` answers an exception with a readable
    500 and raises it again. `check_websocket_origin=True` refuses handshakes from other origins than these and its own.
    `origin_check(origin, scope)`, plain or async, is asked about origins not listed. Raises ValueError for an origin
    no browser sends, a method or header that is no token, and a broken regular expression.
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
        max_age: int = 600,
        *,
        origin_check: Callable[[str, Scope], bool | Awaitable[bool]] | None = None,
        vary: Collection[str] = (),
        reflect_any_origin: bool = True,
        expose_errors: bool = False,
        check_websocket_origin: bool = False,
        preflight_status: int = 200,
    ) -> None:
        self.app = app
        self.allow_origins = OriginPatterns(allow_origins, allow_origin_regex)
        self.allow_all_origins = self.allow_origins.any
        methods = tokens("method", allow_methods)
        self.allow_methods = ALL_METHODS if "*" in methods else methods
        headers = tokens("header", allow_headers)
        self.allow_all_headers = "*" in headers
        self.allow_headers = frozenset(name.lower() for name in {*headers, *SAFELISTED_HEADERS})
        self.allow_credentials = allow_credentials
        self.allow_private_network = allow_private_network
        self.origin_check = origin_check
        self.expose_errors = expose_errors
        self.check_websocket_origin = check_websocket_origin
        self.preflight_status = preflight_status
        if self.allow_all_origins and allow_credentials and not reflect_any_origin:
            raise ValueError("allow_origins=['*'] with allow_credentials=True lets every site act as its visitors")
        if preflight_status not in (200, 204):
            raise ValueError(f"preflight_status is 200 or 204, not {preflight_status!r}")
        if max_age < 0:
            raise ValueError(f"max_age is a number of seconds from 0, not {max_age!r}")
        self._vary = (b"Origin", *(name.encode() for name in tokens("header", vary)))
        self._nothing: Grants = ((b"vary", b", ".join(self._vary)),)
        credentials = ((b"access-control-allow-credentials", b"true"),) if allow_credentials else ()
        exposed = ", ".join(tokens("header", expose_headers)).encode()
        exposing = ((b"access-control-expose-headers", exposed),) if exposed else ()
        self._with_origin: Grants = (*credentials, *exposing, *self._nothing)
        self._preflight = self._preflight_head(sorted({*headers, *SAFELISTED_HEADERS}), max_age, credentials)
        self._known, self._open = self._precomputed_grants()

    def _preflight_head(self, headers: Sequence[str], max_age: int, credentials: Grants) -> Grants:
        """The part of a successful preflight answer that no request changes."""
        listed = () if self.allow_all_headers else ((b"access-control-allow-headers", ", ".join(headers).encode()),)
        return (
            (b"access-control-allow-methods", ", ".join(self.allow_methods).encode()),
            (b"access-control-max-age", b"%d" % max_age),
            *listed,
            *credentials,
        )

    def _precomputed_grants(self) -> tuple[dict[bytes, Grants], Grants | None]:
        """What is granted to each listed origin, and what to all of them; neither if a subclass decides for itself."""
        if type(self).is_allowed_origin is not CORSMiddleware.is_allowed_origin:
            return {}, None
        known: dict[bytes, Grants] = {
            origin.encode(): ((_ORIGIN, origin.encode()), *self._with_origin) for origin in self.allow_origins.exact
        }
        if self.allow_all_origins and not self.allow_credentials:
            return {}, ((_ORIGIN, b"*"), *self._with_origin)
        return known, None

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether the configuration names this origin; a subclass may decide otherwise."""
        return self.allow_origins.match(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and (kind != "websocket" or not self.check_websocket_origin):
            return await self.app(scope, receive, send)
        headers = scope.get("headers", ())
        if headers.__class__ is not list and not has_lasting_headers(scope):
            return await call_with_lasting_headers(self, scope, receive, send)
        origin = None
        for name, value in headers:  # in place, for speed
            if len(name) == 6 and name.lower() == b"origin":
                origin = value
                break
        if kind == "websocket":
            return await self._websocket(origin, scope, receive, send)
        grants: Grants | None = None
        if origin is not None:
            grants = self._open or self._known.get(origin) or await self._decide(origin, scope)
            if scope["method"] == "OPTIONS":
                wanted = first_value(headers, b"access-control-request-method")
                if wanted is not None:
                    return await self._answer_preflight(wanted, grants, scope, send)
        granting = _Granting(grants or self._nothing, send)
        if self.expose_errors:
            return await self._relay_errors(granting, scope, receive)
        return await self.app(scope, receive, granting.send)

    async def _decide(self, origin: bytes, scope: Scope) -> Grants | None:
        """What is granted to an origin that is not simply listed; None is nothing."""
        text = origin.decode("latin-1")
        if not text.isascii() or not text.isprintable() or " " in text or "," in text:
            return None
        allowed: Any = self.is_allowed_origin(text)
        if not allowed and self.origin_check is not None:
            allowed = self.origin_check(text, scope)
            if hasattr(allowed, "__await__"):
                allowed = await allowed
        return ((_ORIGIN, origin), *self._with_origin) if allowed else None

    async def _relay_errors(self, granting: _Granting, scope: Scope, receive: Receive) -> None:
        """Answer what the application raises while nothing is sent, and raise it again for whoever logs it."""
        try:
            await self.app(scope, receive, granting.send)
        except Exception:
            if not granting.started:
                await send_text(scope, granting.send, 500, "Internal Server Error")
            raise

    async def _answer_preflight(self, method: bytes, grants: Grants | None, scope: Scope, send: Send) -> None:
        headers = scope.get("headers", ())
        names, echoed = requested_headers(all_values(headers, b"access-control-request-headers"))
        private = first_value(headers, b"access-control-request-private-network") is not None
        refused = [
            what
            for what, allowed in (
                ("origin", grants is not None),
                ("method", method.decode("latin-1") in self.allow_methods),
                ("headers", names is not None and (self.allow_all_headers or self.allow_headers.issuperset(names))),
                ("private-network", self.allow_private_network or not private),
            )
            if not allowed
        ]
        head: list[tuple[bytes, bytes]] = [(b"vary", b", ".join((_PREFLIGHT_VARY, *self._vary[1:])))]
        if refused or grants is None:
            return await send_text(scope, send, 400, f"Disallowed CORS {', '.join(refused)}", head)
        head += self._preflight
        head.append(grants[0])
        if self.allow_all_headers and echoed:
            head.append((b"access-control-allow-headers", echoed))
        if private:
            head.append((b"access-control-allow-private-network", b"true"))
        if self.preflight_status == 204:
            await send({"type": "http.response.start", "status": 204, "headers": head})
            return await send({"type": "http.response.body", "body": b""})
        return await send_text(scope, send, 200, "OK", head)

    async def _websocket(self, origin: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in those without an Origin, which are no browsers, the page's own origin, and the allowed ones."""
        if origin is not None and self._open is None and origin not in self._known:
            authority = origin.rpartition(b"://")[2].lower()
            own = (first_value(scope.get("headers", ()), b"host") or b"").lower()
            same = authority == own or authority == own.removesuffix(b":80").removesuffix(b":443")
            if not (same and authority) and await self._decide(origin, scope) is None:
                return await reject(scope, receive, send, 403, "Disallowed WebSocket origin")
        return await self.app(scope, receive, send)


class _Granting(ResponseWatcher):
    """Watches one exchange, and adds the grants and Vary to the head of its response."""

    __slots__ = ("_grants",)

    def __init__(self, grants: Grants, send: Send) -> None:
        self._send = send
        self.started = False
        self._grants = grants

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        send = self._send
        if message["type"] != "http.response.start":
            return send(message)
        self.started = True
        headers = message.get("headers", ())
        if headers.__class__ is not list:
            headers = list(headers)
        for name, _ in headers:
            if len(name) in _OWNED_SIZES and name.lower() in _OWNED:
                headers = _merged(headers, self._grants)
                break
        else:
            headers = [*headers, *self._grants]
        changed = {**message}
        changed["headers"] = headers  # quicker than in one display
        return send(changed)


def _merged(headers: Sequence[Sequence[bytes]], grants: Grants) -> list[Sequence[bytes]]:
    """The response's headers with ours in place of its own, and one Vary."""
    *granted, (_, vary) = grants
    return merge_vary([*without(headers, *(name for name, _ in granted)), *granted], *vary.split(b", "))
