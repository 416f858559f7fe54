"""The Host header in its two parts (RFC 9110 §7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9._])?)(?::([0-9]*))?", re.IGNORECASE)


@dataclass
class ParsedHost:
    """A host in lower case and a port, as text, where there is one."""

    host: str
    port: str | None

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_valid_port(self) -> bool:
        """Whether the port is absent, empty or up to 65535."""
        return not self.port or int(self.port[:6]) <= 65535


def parse_host_header(host_header: str | None) -> ParsedHost | None:
    """The parts of a Host header, None where it is missing or malformed."""
    found = HOST.fullmatch(host_header or "")
    if found is None:
        return None
    host, port = found[1].lower(), found[2]
    if host.startswith("["):
        try:
            IPv6Address(host[1:-1])
        except AddressValueError:
            return None
    return ParsedHost(host, port)
