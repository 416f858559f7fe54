"""Weigh what a client accepts: the q-values of Accept and Accept-Encoding (RFC 9110 §12.4.2, §12.5.1, §12.5.3)."""

from __future__ import annotations

import re
from functools import lru_cache

from ._headers import RawHeaders, all_values

_LONGEST = 4096
"""Bytes of such a field that are read; browsers send some hundred, and a longer one accepts nothing in particular."""
_QUALITY = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def accepts_gzip(headers: RawHeaders) -> bool:
    """Return whether gzip is acceptable and not less welcome than no encoding at all."""
    value = b",".join(all_values(headers, b"accept-encoding"))
    # A handful of values make up nearly all requests: browsers and libraries send theirs unchanged.
    return _remembered(value) if len(value) <= 64 else _allows_gzip(value)


def _allows_gzip(value: bytes) -> bool:
    weights = qualities(value)
    gzip = max(weights.get(b"gzip", -1.0), weights.get(b"x-gzip", -1.0))
    if gzip < 0:
        gzip = weights.get(b"*", 0.0)
    return 0 < gzip >= weights.get(b"identity", 0.0)


_remembered = lru_cache(maxsize=64)(_allows_gzip)


def prefers_html(headers: RawHeaders) -> bool:
    """Return whether HTML is named in Accept and wanted at least as much as plain text.

    `*/*` alone does not count: command-line clients send it.
    """
    weights = qualities(b",".join(all_values(headers, b"accept")))
    html = max(weights.get(b"text/html", 0.0), weights.get(b"application/xhtml+xml", 0.0))
    return html > 0 and html >= weights.get(b"text/plain", 0.0)


def qualities(value: bytes) -> dict[bytes, float]:
    """Return the q-value of each lower-case element of a list; the highest where it is listed twice.

    Parameters other than q are ignored. A malformed q counts as 0: the client has asked for less than everything.
    """
    weights: dict[bytes, float] = {}
    if len(value) > _LONGEST:
        return weights
    for element in value.lower().split(b","):
        name, *parameters = (part.strip(b" \t") for part in element.split(b";"))
        weight = 1.0
        for parameter in parameters:
            key, _, quality = parameter.partition(b"=")
            if key == b"q":
                weight = float(quality) if _QUALITY.fullmatch(quality) else 0.0
        if name:
            weights[name] = max(weight, weights.get(name, 0.0))
    return weights
