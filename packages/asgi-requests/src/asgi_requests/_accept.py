"""Lists of weighted elements: Accept, Accept-Encoding, Accept-Language (RFC 9110 §12.4.2, §12.5).

Rule: all three are parsed here, in one pass, so that the cost of a list grows with its length alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._quoted import split_outside_quotes

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch

Parameters = list[tuple[str, str]]


def elements(value: str) -> Iterator[tuple[str, Parameters, float | None]]:
    """Iterate over the elements of a list: a lower-case name, its parameters but q, and its weight.

    The weight is None where q is malformed. A parameter without `=` has an empty value, one in quotes keeps them. A
    parameter named q is the weight wherever it stands (§12.5.1).
    """
    for element in split_outside_quotes(value, ","):
        name, *rest = (part.strip(" \t") for part in split_outside_quotes(element, ";"))
        weight: float | None = 1.0
        parameters: Parameters = []
        for part in rest:
            key, _, given = part.partition("=")
            if key in ("q", "Q"):
                weight = float(given) if _QUALITY(given) else None
            elif part:  # `text/html;` is allowed (§5.6.6)
                parameters.append((key.lower(), given))
        if name:
            yield name.lower(), parameters, weight
