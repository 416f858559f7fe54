"""application/x-www-form-urlencoded strings (WHATWG URL §5.1), split and decoded."""

from __future__ import annotations

from urllib.parse import unquote, unquote_to_bytes

from .exceptions import HTTPException


def parse_query(query: str, max_fields: int) -> list[tuple[str, str]]:
    """Names and values in order, `+` as space, percent-encoded UTF-8 decoded; what has no `=` has an empty value.

    Raises HTTPException (400) for more than `max_fields` parts.
    """
    if len(query) >= max_fields and query.count("&") >= max_fields:
        raise HTTPException(400, f"Too many query parameters. Maximum number of parameters is {max_fields}.")
    if "+" in query:
        query = query.replace("+", " ")
    encoded = "%" in query
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            if encoded:
                if "%" in name:
                    name = _decode(name)
                if "%" in value:
                    value = _decode(value)
            pairs.append((name, value))
    return pairs


def _decode(text: str) -> str:
    # Half the time of unquote(), which looks for what is not ASCII first.
    return unquote_to_bytes(text).decode("utf-8", "replace") if text.isascii() else unquote(text)
