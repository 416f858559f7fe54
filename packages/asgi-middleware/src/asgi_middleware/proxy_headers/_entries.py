"""The entries that proxies add: X-Forwarded-* lists, and the elements of Forwarded (RFC 7239 §4).

Rule: what cannot be read is None, and whoever walks the entries stops there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

MOST_ENTRIES = 64  # proxies in one chain; a longer list is not read

Address = IPv4Address | IPv6Address

_PAIR = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#$%&'*+.^_`|~0-9A-Za-z-]+|\"(?:[^\"\\]|\\.)*\")[ \t]*", re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


class Node(NamedTuple):
    """The address and port of a client or proxy; port 0 where none is named."""

    address: Address
    port: int


class Element(NamedTuple):
    """What one proxy says: by whom it was asked, over which scheme, for which host."""

    node: str | None
    proto: str | None
    host: str | None


def read_node(text: str) -> Node | None:
    """Return the node that an entry names: `192.0.2.1`, `192.0.2.1:80`, `::1`, `[::1]:80`; None for anything else.

    `unknown` and obfuscated names (RFC 7239 §6.2, §6.3) are nobody that could be trusted or logged.
    """
    text = text.strip(" \t")
    if len(text) > 64:
        return None
    host, port = text, ""
    if text[:1] == "[":
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and rest[0] != ":"):
            return None
        port = rest[1:]
        if rest == ":":
            return None
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            return None
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        return None
    address = read_address(host)
    return None if address is None else Node(address, int(port or 0))


def read_address(text: str) -> Address | None:
    """Return an address, without its zone, an IPv4-mapped one as IPv4; None for anything else."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def split_list(values: Iterable[bytes]) -> list[str] | None:
    """Return the entries of X-Forwarded fields, those of several lines in one list; None for too many."""
    text = ",".join([value.decode("latin-1") for value in values])
    if text.count(",") >= MOST_ENTRIES:
        return None
    return [entry.strip(" \t") for entry in text.split(",")] if text.strip(" \t") else []


def parse_forwarded(values: Sequence[bytes]) -> list[Element | None]:
    """Return the elements of Forwarded from left to right; None stands for one, and all to its left, that is malformed.

    The right end of the list was written by the proxy next to us, so the list is read as far as it is well-formed
    from there: that is why it is split first, outside of quotes.
    """
    elements: list[Element | None] = []
    for text in reversed(_split_outside_quotes(", ".join([value.decode("latin-1") for value in values]))):
        element = _parse_element(text)
        elements.insert(0, element)
        if element is None or len(elements) > MOST_ENTRIES:
            break
    return elements


def _split_outside_quotes(text: str) -> list[str]:
    parts, begin, quoted, escaped = [], 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]


def _parse_element(text: str) -> Element | None:
    """Return one element; names are case-insensitive and stand once (§4)."""
    pairs: dict[str, str] = {}
    place = 0
    while True:
        found = _PAIR.match(text, place)
        if found is None or (found.end() < len(text) and text[found.end()] != ";"):
            return None
        name, value = found[1].lower(), found[2]
        if name in pairs:
            return None
        pairs[name] = _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value[0] == '"' else value
        place = found.end() + 1
        if place > len(text):
            return Element(pairs.get("for"), pairs.get("proto"), pairs.get("host"))
