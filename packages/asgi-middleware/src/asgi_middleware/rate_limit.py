"""Limit how many requests a client may make in a period of time.

    from asgi_middleware.rate_limit import RateLimitMiddleware
    from asgi_middleware.stores import RedisStore

    app = RateLimitMiddleware(app, ["100/minute", "1000/day"])                        # in the memory of this process
    app = RateLimitMiddleware(app, ["100/minute"], store=RedisStore("redis://localhost"))

Exactly as many requests as the quota pass, however many come at once and whichever worker they reach. The responses
carry RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers); a refused request gets 429 (RFC 6585) with
Retry-After. Clients are distinguished by their address, for IPv6 by its /64 network: behind a proxy put
ProxyHeadersMiddleware outside, as no header is read here.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Literal

from ._configuration import application, check_function, check_seconds, check_store, paths
from ._headers import first_value
from ._in_time import in_time
from ._replies import reject
from ._scope import request_headers
from ._watch import ChangedResponse
from .stores import Limit, MemoryStore, Spent, Store
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Limit", "RateLimitMiddleware", "by_client", "by_header", "by_user"]

Key = Callable[[Scope], str | None | Awaitable[str | None]]
"""`key(scope)` returns the identity to count by, or an awaitable of it; None is not limited."""

_STARTS = ("http.response.start", "websocket.accept")
_LONGEST_ADDRESS = 64

_log = logging.getLogger("asgi_middleware.rate_limit")


def by_client(scope: Scope) -> str:
    """Return the address of the client: IPv6 by its /64 network, an IPv4-mapped one as IPv4; `local` without one."""
    client = scope.get("client")
    if not client:
        return "local"
    # A server that reads X-Forwarded-For by itself may give any text of a client as its address: not one to keep.
    return (_network if len(client[0]) <= _LONGEST_ADDRESS else _network.__wrapped__)(client[0])


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:_LONGEST_ADDRESS]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        # A customer gets at least a /64 (RFC 6177), and could use another of its 2**64 addresses for each request.
        return str(ip_network((address, 64), strict=False))
    return str(address)


def by_user(scope: Scope) -> str:
    """Return the identity of an authenticated user, otherwise the address of the client."""
    user = scope.get("user")
    if user is not None and getattr(user, "is_authenticated", False):
        return f"user:{user.identity}"
    return by_client(scope)


def by_header(name: str) -> Key:
    """Return a key function that reads a request header, such as an API key; without it the client's address counts.

    The value is not verified, and a client that makes up another for each request has a quota for each: refuse unknown
    keys outside this middleware, or add one that limits addresses.
    """
    lower = name.lower().encode("latin-1")

    def key(scope: Scope) -> str:
        value = first_value(request_headers(scope), lower)
        # A digest: the store then holds no secret, and no key as long as a client likes.
        return by_client(scope) if value is None else f"header:{hashlib.sha256(value).hexdigest()[:32]}"

    return key


class RateLimitMiddleware:
    """Middleware that answers 429 beyond one or several limits, of which the strictest is reported.

    `limits` are texts such as `100/minute`, or `Limit`s. `key(scope)` returns the identity to count by: `by_client`,
    `by_user`, `by_header(name)` or your own, async or not; None is not limited. `cost` is the number of units that a
    request uses, 1 by default, or a function of the scope. WebSockets are limited at their handshake. `exempt_paths`
    are exact. `name` separates the counts of several limiters that share a store. If the store fails, or takes more
    than `store_timeout` seconds, requests pass (`on_store_error="open"`) or get 503 (`"closed"`); the failure is logged
    once until the store works again. While it fails open, one request at a time asks the store, so that a store that
    hangs does not delay all of them.
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
        given = limits if isinstance(limits, Iterable) and not isinstance(limits, str) else [limits]
        self.limits = [limit if isinstance(limit, Limit) else Limit.parse(limit) for limit in given]
        if not self.limits:
            raise ValueError("limits is empty: write at least one, such as 100/minute")
        if on_store_error not in ("open", "closed"):
            raise ValueError(f"on_store_error={on_store_error!r} must be 'open' or 'closed'")
        check_seconds("store_timeout", store_timeout)
        check_function("key", key)
        if not isinstance(cost, int) and not callable(cost):
            raise TypeError(f"cost={cost!r} must be a number of units, or a function of the scope")
        if isinstance(cost, int) and cost < 0:
            raise ValueError(f"cost={cost!r} must be 0 or more")
        self.app = application(app, self)
        self.store: Store = MemoryStore() if store is None else store
        check_store(self.store, "spend")
        self.key = key
        self.cost = cost
        self.name = name
        self.exempt_paths = frozenset(paths("exempt_paths", exempt_paths))
        self.on_store_error = on_store_error
        self.store_timeout = store_timeout
        names = _distinct(self.limits)
        self._forms = [b'"%s";r=%%d;t=%%d' % name.encode("ascii") for name in names]
        policy = ", ".join(
            f'"{name}";q={limit.quota};w={math.ceil(limit.window)}'
            for name, limit in zip(names, self.limits, strict=True)
        )
        self._policy = (b"ratelimit-policy", policy.encode("ascii"))
        # A store in memory never waits, so it needs no timeout. A subclass may wait.
        self._memory = self.store if type(self.store) is MemoryStore else None
        self._failing = False
        self._asking = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self.exempt_paths:
            return await self.app(scope, receive, send)
        key: Any = self.key(scope)
        if not isinstance(key, str):
            key = await key if hasattr(key, "__await__") else key
            if key is None:
                return await self.app(scope, receive, send)
        cost = self.cost
        if not isinstance(cost, int):
            cost = cost(scope)
            if cost < 0:  # a negative cost would refill the quota
                raise ValueError(f"cost(scope) returned {cost!r}; it must be 0 or more")
        name = f"{self.name}:{key}"
        # Stores encode keys as UTF-8, which fails for the lone surrogates that an identity from JSON may have.
        if not name.isascii():
            name = name.encode(errors="backslashreplace").decode()
        memory = self._memory
        spent = await self._spend(name, cost) if memory is None else memory.spend_now(name, self.limits, cost)
        if spent is None:
            if self.on_store_error == "open":
                return await self.app(scope, receive, send)
            return await reject(scope, receive, send, 503, "Service Unavailable", [(b"retry-after", b"1")])
        fields = [self._policy, self._state(spent)]
        if not spent.allowed:
            wait = _whole_seconds(max(state.retry_after for state in spent.states))
            fields.append((b"retry-after", b"%d" % max(1, wait)))
            # 1013 "try again later" is the registered close code for this (RFC 6455 §11.7), if the server cannot send
            # a response to a handshake.
            return await reject(scope, receive, send, 429, "Too Many Requests", fields, close_code=1013)

        return await self.app(scope, receive, ChangedResponse(send, partial(_with_fields, fields), _STARTS).send)

    async def _spend(self, key: str, cost: int) -> Spent | None:
        """Return the answer of the store, or None if it fails or is too slow."""
        if self._failing and self._asking and self.on_store_error == "open":
            return None  # another request is already finding out whether the store works again
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
            _log.warning("the store of the rate limit works again")
        return spent

    def _fail(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            effect = "requests are not limited" if self.on_store_error == "open" else "requests are refused"
            _log.error("the store of the rate limit fails, %s: %s", effect, reason)

    def _state(self, spent: Spent) -> tuple[bytes, bytes]:
        """Return the field RateLimit for the limit with the smallest share of its quota left."""
        form, state = self._forms[0], spent.states[0]
        if len(self.limits) > 1:
            states = zip(self._forms, self.limits, spent.states, strict=True)
            form, _, state = min(states, key=lambda found: found[2].remaining / found[1].quota)
        return b"ratelimit", form % (state.remaining, _whole_seconds(state.reset))


def _with_fields(fields: list[tuple[bytes, bytes]], start: Message) -> Message:
    """Return the start of a response with the fields of this limiter, unless an inner one has set its own.

    The inner limiter is more specific, such as one for this route: the client needs its limit.
    """
    headers = list(start.get("headers") or ())
    if first_value(headers, b"ratelimit") is None:
        headers += fields
    return {**start, "headers": headers}


def _whole_seconds(seconds: float) -> int:
    """Return seconds rounded up, except for a rounding error of floating-point sums (a millionth)."""
    return math.ceil(seconds - 1e-6) if seconds > 0 else 0


def _distinct(limits: Sequence[Limit]) -> list[str]:
    """Return the names of the limits; equal names get their window as a suffix."""
    names = [limit.name for limit in limits]
    return [
        name if names.count(name) == 1 else f"{name}-{math.ceil(limit.window)}s"
        for name, limit in zip(names, limits, strict=True)
    ]
