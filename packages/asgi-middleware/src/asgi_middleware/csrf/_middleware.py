"""The middleware: it judges each request by its origin or token, and answers those it rejects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._configuration import application, check_function, check_numbers, paths
from .._headers import first_value, merge_vary
from .._replies import reject
from .._scope import request_headers, unread
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._form import FormReader
from ._origin import Verdict, judge, trusted_origins
from ._token import SCOPE_KEY, TokenExchange, TokenKey

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CSRFMiddleware:
    """Middleware that rejects unsafe requests and WebSocket handshakes that come from another site.

    `trusted_origins` are other origins of yours, exactly as browsers send them. `exempt_paths` are exact paths, for
    webhooks. `reject` is the ASGI application that answers rejected requests, instead of a 403 in plain text. Safe are
    GET, HEAD and OPTIONS (RFC 9110 §9.2.1), which must change nothing.

    With `secret_key` (a string, bytes, or several, the newest first) a request that does not state its origin but
    sends a cookie needs a token, in the header `header_name` or the form field `field_name` within the first
    `max_form_bytes` bytes: make one with `csrf_token(scope)`. `bind(scope)` returns what the token is bound to besides
    the cookie, such as the id of a session; a token from before the login is then invalid. The cookie is `__Host-csrf`
    over https, and with `https_only=False` also `csrf` over http. Raises ValueError for an empty key.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_origins: Sequence[str] = (),
        exempt_paths: Sequence[str] = (),
        reject: ASGIApp | None = None,
        secret_key: str | bytes | Sequence[str | bytes] | None = None,
        bind: Callable[[Scope], str] = lambda scope: "",
        https_only: bool = True,
        field_name: str = "csrf_token",
        header_name: str = "x-csrf-token",
        max_form_bytes: int = 65536,
    ) -> None:
        check_function("bind", bind)
        check_numbers(max_form_bytes=max_form_bytes)
        self.app = application(app, self)
        self.trusted_origins = _trusted(trusted_origins)
        self.exempt_paths = frozenset(paths("exempt_paths", exempt_paths))
        self.reject: ASGIApp = _forbid if reject is None else reject
        keys = [secret_key] if isinstance(secret_key, (str, bytes)) else secret_key
        self._key = None if keys is None else TokenKey(keys)
        self.bind = bind
        self.https_only = https_only
        self.field_name = field_name
        self.max_form_bytes = max_form_bytes
        self._header_name = header_name.lower().encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if self._key is not None and kind == "http":
            request_headers(scope)
            # The prefix __Host- keeps a subdomain, or a page over http, from planting its own cookie. It requires
            # Secure and Path=/, and forbids Domain (RFC 6265bis §4.1.3.2).
            name = b"__Host-csrf" if self.https_only or scope.get("scheme") == "https" else b"csrf"
            exchange = scope[SCOPE_KEY] = TokenExchange(self._key, name, scope, self.bind)
            try:
                return await self._call_with_tokens(exchange, scope, receive, send)
            finally:
                exchange.release()
        if (kind == "http" and scope["method"] in _SAFE) or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        if judge(request_headers(scope), self.trusted_origins) is Verdict.OTHER:
            return await self.reject(scope, receive, send)
        return await self.app(scope, receive, send)

    async def _call_with_tokens(self, exchange: TokenExchange, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _SAFE and scope["path"] not in self.exempt_paths:
            headers = scope.get("headers", ())
            verdict = judge(headers, self.trusted_origins)
            if verdict is Verdict.UNKNOWN and first_value(headers, b"cookie") is not None:
                form = FormReader(unread(scope, receive), self.max_form_bytes)
                receive = form.receive
                verdict = await self._verify(scope, form, exchange)
            if verdict is Verdict.OTHER:
                return await self.reject(scope, receive, send)

        async def send_with_cookie(message: Message) -> None:
            is_start = message["type"] == "http.response.start"
            exchange.is_late = exchange.is_late or is_start
            if exchange.is_shown and is_start:
                # A page that contains a token must not be served to another visitor by a shared cache (RFC 9111
                # §5.2.2.7), even if this response sets no cookie.
                headers = [*merge_vary(message.get("headers") or (), b"cookie"), (b"cache-control", b"private")]
                if exchange.is_new:
                    headers.append((b"set-cookie", exchange.cookie()))
                message = {**message, "headers": headers}
            await send(message)

        return await self.app(scope, receive, send_with_cookie)

    async def _verify(self, scope: Scope, form: FormReader, exchange: TokenExchange) -> Verdict:
        given = first_value(scope.get("headers", ()), self._header_name)
        token = await form.find(scope, self.field_name) if given is None else given.decode("latin-1")
        return Verdict.SAME if token is not None and exchange.matches(token) else Verdict.OTHER


_trusted = trusted_origins


async def _forbid(scope: Scope, receive: Receive, send: Send) -> None:
    await reject(scope, receive, send, 403, "Forbidden: this request comes from another site")
