"""Whether a client takes gzip, by the weights of its Accept-Encoding (RFC 9110 §12.4.2, §12.5.3)."""

from __future__ import annotations

import re
from functools import lru_cache

from ._headers import RawHeaders, all_values

_LONGEST = 4096
"""Bytes of Accept-Encoding that are read; a longer one is taken for an attack and gets the plain body."""
_ELEMENT = re.compile(
    rb"[ \t]*(?P<coding>[^ \t;,]+)[ \t]*(?:;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)


def accepts_gzip(headers: RawHeaders) -> bool:
    """Whether gzip is acceptable, and not liked less than no encoding at all."""
    value = b",".join(all_values(headers, b"accept-encoding"))
    if len(value) <= 64:
        return _remembered(value)
    return len(value) <= _LONGEST and _allows_gzip(value)


def _allows_gzip(value: bytes) -> bool:
    weights: dict[bytes, float] = {}
    for element in value.split(b","):
        if found := _ELEMENT.fullmatch(element):
            weights[found["coding"].lower()] = float(found["weight"] or 1)
    gzip = max(weights.get(b"gzip", -1), weights.get(b"x-gzip", -1))
    if gzip < 0:
        gzip = weights.get(b"*", 0)
    return 0 < gzip >= weights.get(b"identity", 0)


_remembered = lru_cache(maxsize=64)(_allows_gzip)
