"""Limit how often a client may ask.

    from asgi_middleware.rate_limit import RateLimitMiddleware
    from asgi_middleware.stores import RedisStore

    app = RateLimitMiddleware(app, ["100/minute", "1000/day"])                        # in the memory of this process
    app = RateLimitMiddleware(app, ["100/minute"], store=RedisStore("redis://localhost"))

Exactly as many requests as the quota are let through, however many come at once and whichever worker they reach. The
answers carry RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers); a refused one is a 429 (RFC 6585)
with Retry-After. A client is its address, an IPv6 one its /64 network: put ProxyHeadersMiddleware outside, as no header
is read here.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Literal

from ._configuration import paths
from ._headers import first_value
from ._in_time import in_time
from ._replies import reject
from ._scope import request_headers
from .stores import Limit, MemoryStore, Spent, Store
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Limit", "RateLimitMiddleware", "by_client", "by_header", "by_user"]

Key = Callable[[Scope], str | None | Awaitable[str | None]]
"""`key(scope)`: who is asking, or an awaitable of it; None is not limited."""

_log = logging.getLogger("asgi_middleware.rate_limit")


def by_client(scope: Scope) -> str:
    """Return the address of the client: IPv6 by its /64 network, an IPv4-mapped one as IPv4; one name for sockets."""
    client = scope.get("client")
    return _network(client[0]) if client else "local"


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)


def by_user(scope: Scope) -> str:
    """Return the identity of an authenticated user, the address of anybody else."""
    user = scope.get("user")
    if user is not None and getattr(user, "is_authenticated", False):
        return f"user:{user.identity}"
    return by_client(scope)


def by_header(name: str) -> Key:
    """Return a key that is the value of a request header, such as an API key; without it the client's address."""
    lower = name.lower().encode("latin-1")

    def key(scope: Scope) -> str:
        value = first_value(request_headers(scope), lower)
        return by_client(scope) if value is None else f"header:{hashlib.sha256(value).hexdigest()[:32]}"

    return key


class RateLimitMiddleware:
    """Middleware that answers 429 beyond one or several limits, of which the strictest is reported.

    `limits` are texts such as `100/minute`, or `Limit`s. `key(scope)` says who is asking: `by_client`, `by_user`,
    `by_header(name)` or your own, async or not; None is not limited. `cost(scope)` is what a request takes, 1 unless
    given. WebSockets are limited at their handshake. `exempt_paths` are exact. `name` separates the counts of several
    limiters that share a store. A store that fails, or takes more than `store_timeout` seconds, lets requests through
    (`on_store_error="open"`) or refuses them with 503 (`"closed"`), and is logged once until it works again. While it
    fails open, one request at a time asks it, so that a store that hangs does not slow down all the others.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: str | Limit | Sequence[str | Limit],
        *,
        store: Store | None = None,
        key: Key = by_client,
        cost: int | Callable[[Scope], int] = 1,
        name: str = "rate",
        exempt_paths: Sequence[str] = (),
        on_store_error: Literal["open", "closed"] = "open",
        store_timeout: float = 0.5,
    ) -> None:
        given = [limits] if isinstance(limits, str | Limit) else list(limits)
        self.limits = [Limit.parse(limit) if isinstance(limit, str) else limit for limit in given]
        if not self.limits:
            raise ValueError("limits: at least one, such as 100/minute")
        if on_store_error not in ("open", "closed"):
            raise ValueError(f"on_store_error={on_store_error!r}: 'open' or 'closed'")
        if not store_timeout > 0:
            raise ValueError(f"store_timeout={store_timeout!r}: a number of seconds above 0")
        if isinstance(cost, int) and cost < 0:
            raise ValueError(f"cost={cost!r}: what a request takes, 0 or more")
        self.app = app
        self.store: Store = MemoryStore() if store is None else store
        self.key = key
        self.cost = cost
        self.name = name
        self.exempt_paths = frozenset(paths("exempt_paths", exempt_paths))
        self.on_store_error = on_store_error
        self.store_timeout = store_timeout
        self._names = _distinct(self.limits)
        policy = ", ".join(
            f'"{name}";q={limit.quota};w={math.ceil(limit.window)}'
            for name, limit in zip(self._names, self.limits, strict=True)
        )
        self._policy = (b"ratelimit-policy", policy.encode("ascii"))
        self._is_local = type(self.store) is MemoryStore  # which never waits
        self._failing = False
        self._asking = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        key: Any = self.key(scope)
        if hasattr(key, "__await__"):
            key = await key
        if key is None:
            return await self.app(scope, receive, send)
        cost = self.cost if isinstance(self.cost, int) else self.cost(scope)
        if cost < 0:  # it would give the client more than its quota
            raise ValueError(f"cost(scope) is {cost!r}: what a request takes, 0 or more")
        name = f"{self.name}:{key}"
        if not name.isascii():  # stores have keys in UTF-8, and identities from JSON may have lone surrogates
            name = name.encode(errors="backslashreplace").decode()
        spent = await self._spend(name, cost)
        if spent is None:
            if self.on_store_error == "open":
                return await self.app(scope, receive, send)
            return await reject(scope, receive, send, 503, "Service Unavailable", [(b"retry-after", b"1")])
        fields = [self._policy, self._state(spent)]
        if not spent.allowed:
            wait = _whole_seconds(max(state.retry_after for state in spent.states))
            fields.append((b"retry-after", b"%d" % max(1, wait)))
            return await reject(scope, receive, send, 429, "Too Many Requests", fields, close_code=1013)

        async def send_with_limits(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                headers = list(message.get("headers") or ())
                # A limiter inside is the one for this route: its limit is what the client has to know.
                if first_value(headers, b"ratelimit") is None:
                    headers += fields
                message = {**message, "headers": headers}
            await send(message)

        return await self.app(scope, receive, send_with_limits)

    async def _spend(self, key: str, cost: int) -> Spent | None:
        """Ask the store; None where it fails or is too slow."""
        if self._is_local:
            return await self.store.spend(key, self.limits, cost)
        if self._failing and self._asking and self.on_store_error == "open":
            return None  # one request at a time finds out whether it works again, and no other waits for it
        self._asking += 1
        try:
            spent = await in_time(self.store_timeout, lambda: self.store.spend(key, self.limits, cost))
        except OSError as exc:
            self._fail(str(exc))
            return None
        finally:
            self._asking -= 1
        if self._failing:
            self._failing = False
            _log.warning("the store of the rate limit answers again")
        return spent

    def _fail(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            effect = "requests are not limited" if self.on_store_error == "open" else "requests are refused"
            _log.error("the store of the rate limit fails, %s: %s", effect, reason)

    def _state(self, spent: Spent) -> tuple[bytes, bytes]:
        """Return RateLimit for the limit that has the smallest part of its quota left."""
        states = zip(self._names, self.limits, spent.states, strict=True)
        name, _, state = min(states, key=lambda found: found[2].remaining / found[1].quota)
        return b"ratelimit", f'"{name}";r={state.remaining};t={_whole_seconds(state.reset)}'.encode("ascii")


def _whole_seconds(seconds: float) -> int:
    """Return seconds rounded up; a millionth, which a sum of floating-point numbers may be off by, is none."""
    return max(0, math.ceil(seconds - 1e-6))


def _distinct(limits: Sequence[Limit]) -> list[str]:
    """Return the names of the limits; those that are named alike get their window behind it."""
    names = [limit.name for limit in limits]
    return [
        name if names.count(name) == 1 else f"{name}-{math.ceil(limit.window)}s"
        for name, limit in zip(names, limits, strict=True)
    ]
