"""The Host header in its two parts (RFC 9110 §7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

_NAME = r"[A-Za-z0-9!$%&'()*+,;=._~-]"  # RFC 3986 §3.2.2: a registered name or an IPv4 address
_HOST = re.compile(rf"({_NAME}+|\[(?:[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\.(?:{_NAME}|:)+)\])(?::([0-9]+))?")


@dataclass
class ParsedHost:
    """A host and a port, both as text; the port is None if it is not given."""

    host: str
    port: str | None

    @property
    def authority(self) -> str:
        """The host and the port in the form of a URL."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_valid_port(self) -> bool:
        """True if the port is missing or at most 65535."""
        # int() raises for thousands of digits, which a client may send.
        return self.port is None or int(self.port.lstrip("0")[:6] or "0") <= 65535


def parse_host_header(host_header: str | None) -> ParsedHost | None:
    """Return the parts of a Host header, or None if it is missing or malformed."""
    found = _HOST.fullmatch(host_header or "")
    if found is None:
        return None
    host, port = found.groups()
    if host.startswith("[") and not host.startswith("[v"):
        try:
            IPv6Address(host[1:-1])
        except AddressValueError:
            return None
    return ParsedHost(host, port)
