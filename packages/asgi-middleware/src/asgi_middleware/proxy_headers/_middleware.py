"""The middleware: it walks along the chain of trusted proxies and writes the client into a copy of the scope."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from .._configuration import application, check_numbers
from .._headers import all_values, reader_of, without
from .._host import default_port, parse_host
from .._scope import request_headers
from ..types import ASGIApp, Receive, Scope, Send
from ._entries import LONGEST_NODE, Element, Node, parse_forwarded, read_address, read_node, split_list

SCOPE_KEY = "asgi_middleware.proxy_headers"
_X_FORWARDED = frozenset(b"x-forwarded-%s" % name for name in (b"for", b"proto", b"host", b"port", b"prefix"))
_FORWARDED = frozenset([b"forwarded"])
_ALL = _X_FORWARDED | _FORWARDED
_read = reader_of(*_ALL)
_SCHEMES = {
    "http": {"http": "http", "https": "https"},
    "websocket": {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"},
}
_LONGEST_CHAIN = 96  # bytes of X-Forwarded-For and X-Forwarded-Proto: two IPv6 addresses and `https`
# The prefix becomes part of links and redirects, and browsers would read `//` as the beginning of a host.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")


class _Peer(NamedTuple):
    client: tuple[str, int]
    trusted: bool


class _Chain:
    """The chain of proxies by X-Forwarded-For: its `length`, the `place` of the client in it, and the client."""

    __slots__ = ("client", "length", "place", "proto")

    def __init__(self, length: int, place: int, client: tuple[str, int] | None, protos: bytes) -> None:
        self.length = length
        self.place = place
        self.client = client
        self.proto = self.aligned([protos])

    def aligned(self, values: list[bytes] | None) -> str | None:
        """Return the entry of another X-Forwarded list at the place of the client.

        Proxies append to X-Forwarded-For, but most of them set the other fields, which leaves one entry. If the lengths
        differ the first entry counts, which the outermost proxy wrote.
        """
        entries = split_list(b",".join(values or ()))
        if not entries:
            return None
        return entries[self.place] if len(entries) == self.length else entries[0]


class ProxyHeadersMiddleware:
    """Middleware that puts the client, scheme and host that trusted proxies report into the scope.

    `trusted` are addresses, networks (`10.0.0.0/8`) and `unix` for a socket without an address; `*` trusts every peer
    and needs `hops`, the number of proxies in front, since the client can write the leftmost entries. With both, the
    walk ends at whichever comes first; a chain shorter than `hops` has bypassed a proxy, and is ignored. `family` is
    `x-forwarded` or `forwarded`. `host`, `port` and `prefix` are off by default: a proxy that passes the client's own
    X-Forwarded-Host through would let it choose the host of links. `prefix` is prepended to `root_path` and `path`. The
    original scope is kept under `asgi_middleware.proxy_headers`. Raises ValueError for invalid entries, and for `*`
    without `hops`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted: Sequence[str] = ("127.0.0.1", "::1"),
        hops: int | None = None,
        family: Literal["x-forwarded", "forwarded"] = "x-forwarded",
        host: bool = False,
        port: bool = False,
        prefix: bool = False,
    ) -> None:
        entries = [trusted] if isinstance(trusted, str) else [entry.strip() for entry in trusted]
        if "*" in entries and hops is None:
            raise ValueError("trusted=['*'] needs hops=, the number of proxies: else any client chooses its address")
        check_numbers(hops=1 if hops is None else hops)
        if hops is not None and hops < 1:
            raise ValueError(f"hops={hops!r} must be the number of proxies in front, at least 1")
        if family not in ("x-forwarded", "forwarded"):
            raise ValueError(f"family={family!r} must be 'x-forwarded' or 'forwarded'")
        if family == "forwarded" and (port or prefix):
            raise ValueError("port= and prefix= need family='x-forwarded': Forwarded has neither (RFC 7239 §5)")
        self.app = application(app, self)
        self.hops = hops
        self.family = family
        self.host, self.port, self.prefix = host, port, prefix
        self._anyone = "*" in entries
        self._unix = "unix" in entries
        self._networks = tuple(_network(entry) for entry in entries if entry not in ("*", "unix"))
        # Addresses recur, those of proxies with every request; the caches are bounded because clients choose entries,
        # and none longer than an address, and no long chain, is kept.
        self._peer = lru_cache(maxsize=1024)(self._read_peer)
        self._chain = lru_cache(maxsize=4096)(self._read_chain)
        self._node = lru_cache(maxsize=4096)(self._read_node)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = _read(request_headers(scope))
        return await self.app(self._forwarded(scope, headers) if headers else scope, receive, send)

    def _forwarded(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> Scope:
        """Return a copy of the scope with the values of the proxies, and without the headers that are not trusted."""
        client = scope.get("client")
        trusted = self._trusts_peer(client[0]) if client else self._unix or self._anyone
        inner: dict[str, Any] = {**scope, SCOPE_KEY: scope}
        unread = _ALL if not trusted else _X_FORWARDED if self.family == "forwarded" else _FORWARDED
        if not unread.isdisjoint(headers):
            inner["headers"] = without(scope["headers"], *unread)
        if trusted and self.family == "forwarded":
            self._apply_forwarded(inner, parse_forwarded(headers.get(b"forwarded", ())))
        elif trusted:
            self._apply_x_forwarded(inner, headers)
        return inner

    def _apply_forwarded(self, scope: dict[str, Any], elements: list[Element | None]) -> None:
        steps = self._walk([None if element is None else element.node for element in elements])
        if not steps:
            return
        scope["client"] = steps[-1]
        element = elements[-len(steps)]
        assert element is not None, "the walk ends before a malformed element"
        _set_scheme(scope, element.proto)
        if self.host:
            _set_host(scope, element.host, None)

    def _apply_x_forwarded(self, scope: dict[str, Any], headers: dict[bytes, list[bytes]]) -> None:
        # Several lines are one list (RFC 9110 §5.3).
        clients = b",".join(headers.get(b"x-forwarded-for", ()))
        protos = b",".join(headers.get(b"x-forwarded-proto", ()))
        is_kept = len(clients) + len(protos) <= _LONGEST_CHAIN
        chain = (self._chain if is_kept else self._read_chain)(clients, protos)
        if chain is None:
            return
        if chain.client is not None:
            scope["client"] = chain.client
        _set_scheme(scope, chain.proto)
        host = chain.aligned(headers.get(b"x-forwarded-host")) if self.host else None
        port = chain.aligned(headers.get(b"x-forwarded-port")) if self.port else None
        if host is not None or port is not None:
            _set_host(scope, host, port)
        if self.prefix:
            _set_prefix(scope, chain.aligned(headers.get(b"x-forwarded-prefix")))

    def _read_chain(self, clients: bytes, protos: bytes) -> _Chain | None:
        """Return what X-Forwarded-For and X-Forwarded-Proto say; None for a chain that has bypassed a proxy."""
        entries = split_list(clients)
        steps = self._walk(entries)
        if steps:
            return _Chain(len(entries), -len(steps), steps[-1], protos)
        return None if self.hops is not None else _Chain(len(entries), 0, None, protos)

    def _walk(self, entries: Sequence[str | None]) -> list[tuple[str, int]]:
        """Return the clients from the right, as far as the proxies that report them are trusted."""
        if self.hops is not None and len(entries) < self.hops:
            return []
        steps: list[tuple[str, int]] = []
        for entry in reversed(entries):
            peer = None if entry is None or len(entry) > LONGEST_NODE else self._node(entry)
            if peer is None:
                break
            steps.append(peer.client)
            if not peer.trusted or len(steps) == self.hops:
                break
        return steps

    def _trusts_peer(self, host: str) -> bool:
        # A server that reads X-Forwarded-For by itself may give any text of a client as its address.
        return self._peer(host) if len(host) <= LONGEST_NODE else self._read_peer(host)

    def _read_peer(self, host: str) -> bool:
        address = read_address(host)
        return self._unix or self._anyone if address is None else self._trusts(Node(address, 0))

    def _read_node(self, entry: str) -> _Peer | None:
        node = read_node(entry)
        return None if node is None else _Peer((str(node.address), node.port), self._trusts(node))

    def _trusts(self, node: Node) -> bool:
        return self._anyone or any(node.address in network for network in self._networks)


def _network(entry: str) -> IPv4Network | IPv6Network:
    """Return a network, an IPv4-mapped one as IPv4, as `read_address` returns the addresses that it is tested with."""
    try:
        network = ip_network(entry)
    except ValueError as exc:
        raise ValueError(
            f"invalid trusted proxy {entry!r}: write an address, a network like 10.0.0.0/8, unix or * ({exc})"
        ) from exc
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None or network.prefixlen < 96 else IPv4Network((mapped, network.prefixlen - 96))


def _set_scheme(scope: dict[str, Any], proto: str | None) -> None:
    scheme = _SCHEMES[scope["type"]].get(proto.lower()) if proto else None
    if scheme is not None:
        scope["scheme"] = scheme


def _set_host(scope: dict[str, Any], host: str | None, port: str | None) -> None:
    """Replace the Host, or its port; an invalid host or port is ignored."""
    old = next(iter(all_values(scope["headers"], b"host")), b"").decode("latin-1")
    parsed = parse_host(host if host is not None else old)
    if parsed is None or not parsed.has_valid_port:
        return
    number = parsed.port_number
    if port is not None:
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
            return
        number = int(port)
    # A default port is left out, as browsers do: `https://shop.example:443` in a link would be another cache key.
    default = default_port(scope.get("scheme", "http"))
    authority = parsed.text if number in (None, default) else f"{parsed.text}:{number}"
    scope["headers"] = [(b"host", authority.encode("ascii")), *without(scope["headers"], b"host")]
    scope["server"] = (parsed.name.strip("[]"), default if number is None else number)


def _set_prefix(scope: dict[str, Any], prefix: str | None) -> None:
    prefix = (prefix or "").rstrip("/")
    if not _PREFIX.fullmatch(prefix) or "/../" in f"{prefix}/" or "/./" in f"{prefix}/" or "%" in prefix:
        return
    scope["root_path"] = prefix + scope.get("root_path", "")
    scope["path"] = prefix + scope["path"]
    if scope.get("raw_path") is not None:
        scope["raw_path"] = quote(prefix, safe="/!$&'()*+,;=:@~").encode() + scope["raw_path"]
