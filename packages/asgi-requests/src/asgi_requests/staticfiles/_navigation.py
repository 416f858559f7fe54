"""Tell the navigation of a person to a page from requests for scripts, pictures and answers of an API."""

from __future__ import annotations

import re

from .._accept import elements
from .._fields import find_all, scope_headers
from ..types import Scope

VARY = ("Accept", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
"""The headers that decide, for caches."""

_WANTED = {b"sec-fetch-mode": (b"navigate",), b"sec-fetch-dest": (b"document", b"iframe", b"frame")}
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_LONGEST = 4096
# Not the table of media types, which differs between systems and holds "com": a path may end in an address.
_ASSETS = re.compile(
    r"css|[cm]?js|map|jsonl?|xml|txt|csv|webmanifest|wasm|pdf|zip|gz|br|zst|tar|png|jpe?g|gif|svg|webp|avif|ico|bmp|"
    r"woff2?|ttf|otf|eot|mp[34]|m4a|webm|og[gv]|wav|flac|mov",
    re.IGNORECASE,
).fullmatch


def is_navigation(scope: Scope) -> bool:
    """Return whether a GET or HEAD request is for an HTML document whose path has no suffix of an asset.

    HTML must be named in Accept: `*/*` is what scripts and command-line clients send. Browsers also name the
    kind of request in Sec-Fetch-Mode and Sec-Fetch-Dest, which distinguishes a script that asks for HTML.
    """
    if _is_asset(scope.get("path", "")):
        return False
    headers = scope_headers(scope)
    if any(value not in _WANTED.get(name, (value,)) for name, value in headers):
        return False
    accept = b",".join(find_all(headers, b"accept"))
    return len(accept) <= _LONGEST and any(
        name in _HTML and weight for name, _, weight in elements(accept.decode("latin-1"))
    )


def _is_asset(path: str) -> bool:
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(dot) and _ASSETS(suffix) is not None
