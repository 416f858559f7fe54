"""application/x-www-form-urlencoded strings (WHATWG URL §5.1), split and decoded."""

from __future__ import annotations

from urllib.parse import unquote, unquote_to_bytes

from .exceptions import HTTPException

# What stands for `&` and `=` while the escapes are decoded: no byte decodes to these.
_AND, _IS = "\u0100", "\u0101"


Pairs = list[tuple[str, str]]


def refuse_too_many(query: str, max_fields: int) -> None:
    """Raise HTTPException (400) for a query string of more than `max_fields` parts."""
    if query.count("&") >= max_fields:
        raise HTTPException(400, f"Too many query parameters. Maximum number of parameters is {max_fields}.")


def split_pairs(text: str, pairs: Pairs, last: dict[str, str]) -> None:
    """Add names and values to `pairs`, in order, and to `last`, where the last value of a name stays.

    `+` is a space, percent-encoded UTF-8 is decoded, and what has no `=` has an empty value.
    """
    if "+" in text:
        text = text.replace("+", " ")
    if "%" in text:
        decoded = _split_encoded(text)
        pairs += decoded
        last.update(decoded)
        return
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((name, value))
            last[name] = value


def _split_encoded(text: str) -> Pairs:
    r"""The pairs, all escapes decoded at once by a codec of Python's own: `%41` as `\x41`, `&` as `\u0100`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\x").replace("&", "\\u0100").replace("=", "\\u0101")
    try:
        decoded = escaped.encode("ascii").decode("unicode_escape")
    except UnicodeError:
        # Not ASCII, or a `%` that begins no escape and stays.
        parts = [part.partition("=") for part in text.split("&") if part]
        return [(_decode(name), _decode(value)) for name, _, value in parts]
    pairs = []
    for part in decoded.split(_AND):
        if part:
            name, _, value = part.partition(_IS)
            if not name.isascii():
                name = _utf8(name)
            if not value.isascii():
                value = _utf8(value)
            pairs.append((name, value))
    return pairs


def _utf8(raw: str) -> str:
    return raw.replace(_IS, "=").encode("latin-1").decode("utf-8", "replace")


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    # Half the time of unquote(), which looks for what is not ASCII first.
    return unquote_to_bytes(text).decode("utf-8", "replace") if text.isascii() else unquote(text)
