"""Weigh what a client accepts: the q-values of Accept and Accept-Encoding (RFC 9110 §12.4.2, §12.5.1, §12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ._headers import RawHeaders, all_values

_LONGEST = 4096
"""Bytes of such a field that are read; browsers send some hundred, and a longer one accepts nothing in particular."""
_QUALITY = re.compile(rb"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def coding_chooser(codings: Sequence[bytes]) -> Callable[[RawHeaders], bytes | None]:
    """Return a function that reads Accept-Encoding: it returns the coding to use, or None to send a body as it is.

    `codings` are in the server's order, which decides between those that a client weighs the same. None of them may be
    less welcome than no coding at all. A client that accepts nothing there is gets the body as it is, too.
    """

    def choose(value: bytes) -> bytes | None:
        return _chosen(qualities(value), codings)

    # A handful of values make up nearly all requests: browsers and libraries send theirs unchanged.
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
