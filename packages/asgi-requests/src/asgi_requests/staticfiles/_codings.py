"""Choose among a file and its compressed siblings by Accept-Encoding (RFC 9110 §12.5.3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from .._accept import elements
from .._fields import find_all, scope_headers
from ..types import Scope

SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""The suffix of a sibling by its coding, in the order of preference at equal q-values."""
IDENTITY = "identity"

# Browsers send some thirty bytes; a field of kilobytes is not worth reading.
_LONGEST = 1024
_ONLY_IDENTITY = (IDENTITY,)
# Less than any q-value that can be written: an unmentioned identity is acceptable, and the last choice.
_UNMENTIONED = 0.0001


def accepted_codings(scope: Scope) -> tuple[str, ...]:
    """Return the acceptable codings, best first, `identity` among them unless it is refused.

    Without Accept-Encoding anything is acceptable, but clients that send none mean that they decode nothing.
    """
    value = b",".join(find_all(scope_headers(scope), b"accept-encoding"))
    if not value or len(value) > _LONGEST:
        return _ONLY_IDENTITY
    # Browsers send a handful of short values: a long one must not push them out.
    return _rank(value) if len(value) <= 64 else _rank.__wrapped__(value)


@lru_cache(maxsize=64)
def _rank(value: bytes) -> tuple[str, ...]:
    weights = _qualities(value)
    rest = weights.get("*")
    ranked = [(weights.get(coding, rest or 0.0), coding) for coding in SUFFIXES]
    ranked.append((weights.get(IDENTITY, _UNMENTIONED if rest is None else rest), IDENTITY))
    ranked.sort(key=lambda pair: -pair[0])  # stable: at equal weights the order above counts
    return tuple(coding for weight, coding in ranked if weight > 0)


def _qualities(value: bytes) -> dict[str, float]:
    """Return the q-value of each lower-case coding; a malformed one counts as 0, and of two the higher."""
    weights: dict[str, float] = {}
    for name, _, weight in elements(value.decode("latin-1")):
        coding = name.removeprefix("x-")  # x-gzip is gzip (§8.4.1.3)
        weights[coding] = max(weight or 0.0, weights.get(coding, 0.0))
    return weights


def check_codings(precompressed: bool | Iterable[str]) -> tuple[str, ...]:
    """Return the codings to look for, in the order of preference; raises ValueError for an unknown one."""
    if isinstance(precompressed, bool):
        return tuple(SUFFIXES) if precompressed else ()
    wanted = {precompressed} if isinstance(precompressed, str) else set(precompressed)
    if unknown := sorted(wanted - SUFFIXES.keys()):
        raise ValueError(f"Unknown coding {unknown[0]!r}: precompressed takes {', '.join(map(repr, SUFFIXES))}")
    return tuple(coding for coding in SUFFIXES if coding in wanted)
