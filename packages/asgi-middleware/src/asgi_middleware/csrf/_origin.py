"""The origin of a request, judged by the headers that browsers send.

Rule: a field that occurs twice is an attack or a broken proxy. It decides nothing; the request is rejected.
"""

from __future__ import annotations

from enum import Enum

from .._authority import configured_host
from .._configuration import entries, warn_corrected, warn_ignored
from .._headers import RawHeaders
from .._host import default_port, parse_host

# "none" is a request of the user: a typed address, a bookmark. "same-site" is missing on purpose: a subdomain may be
# taken over, or belong to another customer (W3C Fetch Metadata, §2.3).
_OURS = (b"same-origin", b"none")


class Verdict(Enum):
    """The origin of a request by its headers: this site, another one, or unknown."""

    SAME = 1
    OTHER = 2
    UNKNOWN = 3


def judge(headers: RawHeaders, trusted: frozenset[str]) -> Verdict:
    """Return where a request comes from; trusted origins count as this site."""
    fetch_site = origin = host = None
    for name, value in headers:
        key = name.lower()
        if key == b"sec-fetch-site":
            if fetch_site is not None:
                return Verdict.OTHER
            fetch_site = value
        elif key == b"origin":
            if origin is not None:
                return Verdict.OTHER
            origin = value
        elif key == b"host":
            if host is not None:
                return Verdict.OTHER
            host = value
    if fetch_site in _OURS:
        return Verdict.SAME
    if origin is None:
        return Verdict.OTHER if fetch_site else Verdict.UNKNOWN
    # An origin that is trusted passes even as cross-site. Comparing with Host is only for browsers without
    # Sec-Fetch-Site (Safari before 16.4), and for http, over which browsers send it to localhost alone.
    text = origin.decode("latin-1")
    if text in trusted or (not fetch_site and _is_host(text, host)):
        return Verdict.SAME
    return Verdict.OTHER


def _is_host(origin: str, host: bytes | None) -> bool:
    """Return whether an origin names this host; a default port may be written out or not.

    The scheme is not compared: behind a proxy that ends TLS the server does not know the scheme of the page.
    """
    scheme, separator, authority = origin.partition("://")
    theirs = parse_host(authority) if separator and scheme in ("http", "https") else None
    ours = None if host is None else parse_host(host.decode("latin-1"))
    if theirs is None or ours is None or theirs.name != ours.name:
        return False
    default = default_port(scheme)
    return (theirs.port_number or default) == (ours.port_number or default)


def trusted_origins(values: object) -> frozenset[str]:
    """Return the configured origins as browsers send them; an invalid entry is ignored with a warning."""
    origins = set()
    for entry in entries("trusted_origins", values):
        scheme, separator, rest = entry.partition("://")
        host = configured_host(rest.removesuffix("/")) if separator and scheme.lower() in ("http", "https") else None
        if host is None or not host.has_valid_port or "*" in host.text:
            warn_ignored("trusted_origins", entry, "write scheme://host or scheme://host:port, one for each origin")
            continue
        scheme, port = scheme.lower(), host.port_number
        origin = f"{scheme}://{host.name}" + ("" if port in (None, default_port(scheme)) else f":{port}")
        if origin != entry:
            warn_corrected("trusted_origins", entry, origin)
        origins.add(origin)
    return frozenset(origins)
