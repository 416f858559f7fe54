"""application/x-www-form-urlencoded strings (WHATWG URL §5.1), split and decoded."""

from __future__ import annotations

from urllib.parse import unquote


def parse_query(query: str, max_fields: int) -> list[tuple[str, str]]:
    """Names and values in order, `+` as space, percent-encoded UTF-8 decoded; what has no `=` has an empty value.

    Raises HTTPException (400) for more than `max_fields` parts.
    """
    if query.count("&") >= max_fields:
        from .exceptions import HTTPException

        raise HTTPException(400, f"Too many query parameters. Maximum number is {max_fields}.")
    if "+" in query:
        query = query.replace("+", " ")
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            if "%" in part:
                name, value = unquote(name), unquote(value)
            pairs.append((name, value))
    return pairs
