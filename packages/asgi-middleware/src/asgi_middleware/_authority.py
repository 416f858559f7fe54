"""Requested hosts, configured hosts, and absolute URLs (RFC 9110 §7.2, RFC 3986 §3.2)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from ._headers import RawHeaders, all_values
from ._host import ParsedHost, parse_host
from .types import Scope

_DOTS = re.compile("[.\u3002]")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xff]")


def requested_host(headers: RawHeaders) -> ParsedHost | None:
    """Return the host of a request's only Host header; None if it is missing, repeated or malformed."""
    values = all_values(headers, b"host")
    return parse_host(values[0].decode("latin-1")) if len(values) == 1 else None


def configured_host(text: str) -> ParsedHost | None:
    """Return a configured host as clients send it, or None if it is malformed.

    An IPv6 address may lack its brackets; a name in any script is encoded (RFC 5891 §4.4).
    """
    if text.count(":") > 1 and text[:1] != "[":
        return parse_host(f"[{text}]")
    if not text.isascii():
        name, colon, port = text.partition(":")
        text = f"{_to_ascii(name)}{colon}{port}"
    return parse_host(text)


def _to_ascii(name: str) -> str:
    """Return an internationalised name in ASCII, as browsers do.

    Python's codec `idna` implements the standard of 2003, which turns `straße` into `strasse`: another domain today.
    """
    from unicodedata import normalize  # a megabyte of tables, which few configurations need

    labels = _DOTS.split(normalize("NFKC", name.lower()))
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def is_address(host: str) -> bool:
    """Return whether a host is an IP literal or an IPv4 address; no name ends in a number (URL Standard §3.5)."""
    return host[:1] == "[" or host.rpartition(".")[2].isdigit()


def absolute_url(scheme: str, authority: str, scope: Scope) -> bytes:
    """Return the URL of a request with another scheme or authority; path and query stay byte for byte."""
    # The raw path is used because decoding and encoding again would turn `%2F` into `/`.
    path = scope["path"]
    raw = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")
    if unquote(raw) != path:  # an outer middleware has rewritten the path
        raw = quote(path, safe="/!$&'()*+,;=:@~")
    if not raw.startswith("/"):
        raw = f"/{raw}"  # else `@evil.example` would become the authority
    query = scope.get("query_string", b"").decode("latin-1")
    url = f"{scheme}://{authority}{raw}{'?' if query else ''}{query}"
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", url).encode("ascii")
