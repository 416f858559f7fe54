"""The q-values of Accept and Accept-Encoding, and the choices made by them (RFC 9110 §12.4.2, §12.5.1, §12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ._headers import RawHeaders, all_values

_LONGEST = 4096  # bytes; browsers send a few hundred, and a longer field is ignored
_QUALITY = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def coding_chooser(codings: Sequence[bytes]) -> Callable[[RawHeaders], bytes | None]:
    """Return a function that returns the coding for a request's Accept-Encoding, or None for an unencoded body.

    `codings` are in the server's order, which decides among equal q-values. A coding is used only if its q-value is at
    least that of `identity`. A client that accepts none of them gets an unencoded body, as RFC 9110 §12.5.3 allows.
    """

    def choose(value: bytes) -> bytes | None:
        return _chosen(qualities(value), codings)

    # Each browser and library always sends the same value, so a few of them make up nearly all requests. Long ones are
    # left out, because a client chooses them.
    remembered = lru_cache(maxsize=64)(choose)

    def chooser(headers: RawHeaders) -> bytes | None:
        value = b",".join(all_values(headers, b"accept-encoding"))
        return remembered(value) if len(value) <= 64 else choose(value)

    return chooser


def _chosen(weights: dict[bytes, float], codings: Sequence[bytes]) -> bytes | None:
    if b"x-gzip" in weights:  # another name of gzip (RFC 9110 §8.4.1.3)
        weights[b"gzip"] = max(weights[b"x-gzip"], weights.get(b"gzip", 0.0))
    unnamed = weights.get(b"*", 0.0)
    best, most = None, 0.0
    for coding in codings:
        weight = weights.get(coding, unnamed)
        if weight > most:
            best, most = coding, weight
    return best if most >= weights.get(b"identity", 0.0) else None


def prefers_html(headers: RawHeaders) -> bool:
    """Return whether Accept names HTML, with a q-value at least that of plain text.

    `*/*` alone does not count, since curl and other command-line clients send it.
    """
    weights = qualities(b",".join(all_values(headers, b"accept")))
    html = max(weights.get(b"text/html", 0.0), weights.get(b"application/xhtml+xml", 0.0))
    return html > 0 and html >= weights.get(b"text/plain", 0.0)


def qualities(value: bytes) -> dict[bytes, float]:
    """Return the q-value of each element of a list in lower case; the highest if it is listed twice.

    Parameters other than q are ignored. A malformed q counts as 0, since the client meant less than 1.
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
