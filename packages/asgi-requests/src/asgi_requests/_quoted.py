"""Quoted strings in header fields: split around them, read them, write them (RFC 9110 §5.6.4)."""

from __future__ import annotations

import re

from ._fields import TOKEN, refuse_control_characters

_MARKS = re.compile(r'\\.|[",;]', re.DOTALL).finditer
# Without control characters, as all of a field's value; a tab may be there.
_QUOTED_STRING = re.compile(r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*)"').fullmatch
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'["\\]')


def split_outside_quotes(value: str, separator: str) -> list[str]:
    """Return the parts of a field between the commas, or semicolons, that are not within a quoted string."""
    if '"' not in value:
        return value.split(separator)
    parts: list[str] = []
    start, quoted = 0, False
    for match in _MARKS(value):
        mark = match[0]
        if mark == '"':
            quoted = not quoted
        elif mark == separator and not quoted:
            parts.append(value[start : match.start()])
            start = match.end()
    parts.append(value[start:])
    return parts


def unquote(value: str) -> str | None:
    """Return the text of a token or quoted string, None for what is neither."""
    if value[:1] != '"':
        return value if TOKEN(value) else None
    quoted = _QUOTED_STRING(value)
    return None if quoted is None else _ESCAPED.sub(r"\1", quoted[1])


def quote(text: str) -> str:
    """Return text as a token, or as a quoted string where it needs to be one; raises ValueError for CR, LF, NUL."""
    if TOKEN(text):
        return text
    refuse_control_characters(text)
    return f'"{_TO_ESCAPE.sub(lambda match: chr(92) + match[0], text)}"'
