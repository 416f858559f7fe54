"""Parsers of the entries that proxies add: X-Forwarded-* lists, and the elements of Forwarded (RFC 7239 §4).

Rule: a malformed entry is None, and the walk along the entries stops there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

MOST_ENTRIES = 64  # proxies in one chain, counted from the right; the client may have written any number to the left
LONGEST_NODE = 64  # characters of one entry
_MOST_CHARACTERS = 8192  # of Forwarded, from the right

Address = IPv4Address | IPv6Address

_PAIR = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#$%&'*+.^_`|~0-9A-Za-z-]+|\"(?:[^\"\\]|\\.)*\")[ \t]*", re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_MARK = re.compile(r"\\+|[\",]")  # commas divide the list, quotes protect commas, backslashes escape quotes


class Node(NamedTuple):
    """The address and port of a client or proxy; the port is 0 if none is given."""

    address: Address
    port: int


class Element(NamedTuple):
    """The entry of one proxy: the client that it served, and the scheme and host of the request."""

    node: str | None
    proto: str | None
    host: str | None


def read_node(text: str) -> Node | None:
    """Return the node that an entry names: `192.0.2.1`, `192.0.2.1:80`, `::1`, `[::1]:80`; None for anything else.

    `unknown` and obfuscated names (RFC 7239 §6.2, §6.3) have no address that could be trusted or logged.
    """
    text = text.strip(" \t")
    host, port = text, ""
    # Forwarded requires brackets around IPv6 (RFC 7239 §6); X-Forwarded-For has no standard, and most proxies write
    # the bare address. IIS and Azure's gateway add a port to IPv4.
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
    """Return an address without its zone, an IPv4-mapped one as IPv4; None for anything else.

    A dual-stack socket reports IPv4 peers as `::ffff:192.0.2.1`, which must match `192.0.2.0/24` (RFC 4291 §2.5.5.2).
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def split_list(field: bytes) -> list[str]:
    """Return the entries of an X-Forwarded field; only the last ones if there are many."""
    text = field.decode("latin-1")
    if "," not in text:
        return [only] if (only := text.strip(" \t")) else []
    return [entry.strip(" \t") for entry in text.rsplit(",", MOST_ENTRIES)[-MOST_ENTRIES:]]


def parse_forwarded(values: Iterable[bytes]) -> list[Element | None]:
    """Return the elements of Forwarded from left to right; None stands for a malformed one and all to its left.

    The nearest proxy wrote the right end of the list, so it is read from there as far as it is well-formed: a quote
    that a client leaves open on the left cannot hide the elements that the proxies have added.
    """
    text = b", ".join(values).decode("latin-1")
    if len(text) > _MOST_CHARACTERS:
        text = "\0" + text[-_MOST_CHARACTERS:]  # NUL makes the element at the cut malformed
    elements: list[Element | None] = []
    for part in _split_from_the_right(text):
        elements.append(_parse_element(part))
        if elements[-1] is None or len(elements) == MOST_ENTRIES:
            break
    return elements[::-1]


def _split_from_the_right(text: str) -> Iterator[str]:
    """Yield the parts between commas that are not inside quotes, the last one first.

    A quote is escaped if an odd number of backslashes stands before it (RFC 9110 §5.6.4).
    """
    end, quoted = len(text), False
    for mark in reversed(list(_mark_places(text))):
        character = text[mark]
        if character == '"':
            quoted = not quoted
        elif not quoted:
            yield text[mark + 1 : end]
            end = mark
    yield text[:end]


def _mark_places(text: str) -> Iterator[int]:
    """Yield the positions of commas, and of quotes that are not escaped."""
    escape_end = -1
    for found in _MARK.finditer(text):
        if found[0][0] == "\\":
            escape_end = found.end() if len(found[0]) % 2 else -1
        elif found[0] == "," or found.start() != escape_end:
            yield found.start()


def _parse_element(text: str) -> Element | None:
    """Return one element, or None; names are case-insensitive and occur once (RFC 7239 §4)."""
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
