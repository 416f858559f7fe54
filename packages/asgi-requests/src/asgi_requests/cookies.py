"""The Cookie header, read as browsers write it.

    from asgi_requests.cookies import cookie_parser

    assert cookie_parser("session=abc; theme=dark") == {"session": "abc", "theme": "dark"}

`Request.cookies` is read from every Cookie header in this way.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))", re.DOTALL)


def cookie_parser(cookie_string: str) -> dict[str, str]:
    """Return the cookies of a Cookie header by name; of several with one name the first counts.

    Browsers send the cookie of the longest path first (RFC 6265 §5.4), which is the most specific one.

    Split at `;` and trimmed of space and tab alone (RFC 6265 §5.2): a character that Unicode takes for a space
    stays part of the name. Quoted values are unquoted (RFC 2109). A part without `=` is the value of the name "".
    """
    cookies: dict[str, str] = {}
    for part in cookie_string.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            name = name.strip(" \t")
            value = value.strip(" \t")
        else:
            name, value = "", name.strip(" \t")
        if name or value:
            cookies.setdefault(name, value)
    if '"' in cookie_string:
        return {name: _unquote(value) for name, value in cookies.items()}
    return cookies


def _unquote(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPED.sub(_unescape, value[1:-1]) if "\\" in value else value[1:-1]


def _unescape(match: re.Match[str]) -> str:
    octal, character = match.groups()
    return chr(int(octal, 8)) if octal else str(character)
