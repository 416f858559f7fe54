"""The origins of a configuration, and whether a page's origin is the application's own (Fetch, RFC 6454)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._authority import configured_host, requested_host
from .._configuration import entries, warn_corrected, warn_ignored
from .._host import default_port, parse_host
from ..types import Scope

_PARAMETER = "allow_origins"
# Extensions and app shells have origins too: `chrome-extension://abcdef`, `capacitor://localhost`.
_OTHER_ORIGIN = re.compile(r"[a-z][a-z0-9+.\-]*://[^\s,*/?#@]*", re.ASCII)
# The Origin of a WebSocket is that of the page that opens it, so ws belongs to http and wss to https.
_WEB_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class AllowedOrigins:
    """The origins of a configuration: `any`, the `exact` ones, and regular expressions for the rest."""

    def __init__(self, origins: object, regex: str | re.Pattern[str] | None) -> None:
        listed = [origin for entry in entries(_PARAMETER, origins) if (origin := _checked(entry)) is not None]
        self.any = "*" in listed
        self.exact = frozenset(origin for origin in listed if "*" not in origin)
        regexes = [re.compile(_pattern(origin)) for origin in listed if "*" in origin and origin != "*"]
        self.regexes: Sequence[re.Pattern[str]] = regexes if regex is None else [*regexes, _compiled(regex)]

    def match(self, origin: str) -> bool:
        """Return whether the whole origin is one of these."""
        return self.any or origin in self.exact or any(regex.fullmatch(origin) for regex in self.regexes)


def _checked(entry: str) -> str | None:
    """Return an origin as browsers serialise it (RFC 6454 §6.2), with a warning if it was written differently."""
    # "null" is the origin of sandboxed frames, data: URLs and some redirects: any site can obtain it. It is allowed
    # only if the configuration names it.
    if entry in ("*", "null"):
        return entry
    origin = _normalised(entry)
    if origin is None:
        warn_ignored(_PARAMETER, entry, _advice(entry))
    elif origin != entry:
        warn_corrected(_PARAMETER, entry, origin)
    return origin


def _normalised(entry: str) -> str | None:
    """Return an entry in lower case, without a default port or trailing slash; None if it is not an origin.

    `*.` may stand before the host and `:*` after it. An entry with a path is invalid rather than shortened: its author
    meant a part of a site, and would have allowed all of it.
    """
    scheme, separator, rest = entry.partition("://")
    scheme = scheme.lower()
    rest = rest.removesuffix("/")  # a browser's address bar has one, an origin never
    if scheme not in ("http", "https"):
        other = f"{scheme}{separator}{rest}"
        return other if scheme not in _WEB_SCHEMES and _OTHER_ORIGIN.fullmatch(other) else None
    below = "*." if rest.startswith("*.") else ""
    any_port = ":*" if rest.endswith(":*") else ""
    host = configured_host(rest.removeprefix("*.").removesuffix(":*"))
    if host is None or not host.has_valid_port or "*" in host.text or (any_port and host.port):
        return None
    # A trailing dot stays: browsers treat `shop.example.` as another origin than `shop.example`.
    name = host.name if host.text[0] == "[" else host.text.lower()
    port = host.port_number
    explicit = "" if port is None or port == default_port(scheme) else f":{port}"
    return f"{scheme}://{below}{name}{explicit}{any_port}"


def _advice(entry: str) -> str:
    """Return the advice for an entry that is not an origin: the origin that was probably meant."""
    scheme, separator, rest = entry.partition("://")
    host = rest.partition("/")[0] if separator else entry
    origin = _normalised(f"{_WEB_SCHEMES.get(scheme, scheme) if separator else 'https'}://{host}")
    if origin is None:
        return (
            "an origin is scheme://host or scheme://host:port; `*.` before the host, `:*` after it and "
            "allow_origin_regex stand for several"
        )
    return f"write {origin!r}" if separator else f"write {origin!r} or {origin.replace('https', 'http', 1)!r}"


def _pattern(origin: str) -> str:
    """Return the regular expression of an origin with `*.` or `:*` in it."""
    # The label may hold an underscore, which DNS names of services and previews do, though no host name may (RFC 1123).
    pattern = re.escape(origin)
    return pattern.replace(r"\*\.", r"(?:[a-z0-9_-]+\.)+").replace(r":\*", r"(?::[0-9]{1,5})?")


def _compiled(regex: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(regex)
    except re.error as exc:
        raise ValueError(f"allow_origin_regex {regex!r}: {exc}") from exc


def is_own_origin(origin: bytes, scope: Scope) -> bool:
    """Return whether a WebSocket goes to the origin of its page: the same scheme, host and port (RFC 6455 §10.2).

    An http page may have been written by an attacker on the network, so it may not open a wss WebSocket. An https page
    may open one that arrives as ws: browsers block mixed content, so a proxy has ended TLS before this server.
    """
    scheme, _, authority = origin.decode("latin-1").partition("://")
    page, host = parse_host(authority), requested_host(scope.get("headers", ()))
    if page is None or host is None or page.name != host.name:
        return False
    if scheme not in ("https", _WEB_SCHEMES.get(scope.get("scheme") or "ws")):
        return False
    default = default_port(scheme)
    return (page.port_number or default) == (host.port_number or default)
