"""The Host of a request, read by one grammar (RFC 9110 §7.2, RFC 3986 §3.2).

Rule: asgi_requests, asgi_routing and asgi_middleware hold this file byte for byte, and read a Host with nothing else.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

_CHARACTER = r"[A-Za-z0-9!$%&'()*+,;=._~-]"
_HOST = re.compile(
    rf"({_CHARACTER}+|\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.(?:{_CHARACTER}|:)+)\])(?::([0-9]*))?", re.ASCII
)
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class ParsedHost(NamedTuple):
    """A host as it was sent, an IP literal in its brackets, and the digits of its port: "" where there are none."""

    text: str
    port: str

    @property
    def name(self) -> str:
        """The host to compare with: in lower case, without a final dot, an IPv6 address in its shortest form."""
        if self.text[0] != "[":
            return self.text.lower().removesuffix(".")
        if self.text[1] in "vV":
            return self.text.lower()
        return f"[{_shortest(IPv6Address(self.text[1:-1]))}]"

    @property
    def port_number(self) -> int | None:
        """The port as a number; None where there is none, or none that can exist."""
        digits = self.port.lstrip("0") or self.port[:1]
        # Five digits at most are converted: int() raises for thousands of them (CVE-2020-10735).
        return int(digits) if digits and len(digits) <= 5 and int(digits) <= 65535 else None

    @property
    def has_valid_port(self) -> bool:
        """True if the port is missing, empty, or a number up to 65535."""
        return not self.port or self.port_number is not None


def parse_host(value: str) -> ParsedHost | None:
    """Return the parts of a Host header, or None where it is malformed; `has_valid_port` is the caller's to ask."""
    found = _HOST.fullmatch(value)
    if found is None:
        return None
    host, port = found[1], found[2] or ""
    if host[0] == "[":
        if host[1] not in "vV" and not _is_ipv6(host[1:-1]):
            return None
    elif host == ".":
        return None
    return ParsedHost(host, port)


def default_port(scheme: str) -> int | None:
    """Return the port that a URL of this scheme leaves out; None for a scheme that ASGI servers do not have."""
    return _DEFAULT_PORTS.get(scheme)


def _shortest(address: IPv6Address) -> str:
    """Return an address as URLs have it (URL Standard §3.5): Python 3.13 writes the end of some in IPv4's form."""
    mapped = address.ipv4_mapped
    if mapped is None:
        return address.compressed
    high, low = divmod(int(mapped), 65536)
    return f"::ffff:{high:x}:{low:x}"


def _is_ipv6(address: str) -> bool:
    try:
        IPv6Address(address)
    except AddressValueError:
        return False
    return True
