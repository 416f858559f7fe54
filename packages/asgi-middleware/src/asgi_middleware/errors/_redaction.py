"""Masking of secrets on the debug page: in variables, messages, source lines, headers and query strings."""

from __future__ import annotations

import re
import reprlib
from types import FrameType
from typing import Any

MASK = "********"
_MOST_VARIABLES = 50
_WORDS = (
    "pass(?:word|wd|phrase)|secret|token|(?:api|private)[_-]?key|authori[sz]ation|credential|cookie"
    "|session_?(?:id|key)|csrf|signature"
)
_SECRET_NAME = re.compile(rf"(?i){_WORDS}|^(?:auth|pwd|key|dsn)$")
_SECRET_IN_REPR = re.compile(
    rf"""(?ix)
    ( (?:{_WORDS}) [\w-]{{0,40}} ['"]? \s{{0,4}} [=:,] \s{{0,4}} )   # a name, and what divides it from its value
    ( b? '[^']*'? | b? "[^"]*"? | [^\s,)\]}}>]+ )           # the value, quoted or not
    """
)
_SECRET_IN_SOURCE = re.compile(
    rf"""(?ix)
    ( (?:{_WORDS}) [\w-]{{0,40}} ['"]? \s{{0,4}} [=:,] \s{{0,4}} )   # a name, and what divides it from its value
    ( [bfru]{{0,2}} (?: '[^'\n]+'? | "[^"\n]+"? ) )              # a literal; a call or a name reveals nothing
    """
)
_LITERAL = re.compile(r"""'[^'\n]*'|"[^"\n]*\"""")
_SOURCE_LINE = re.compile(r" *[|]     |    (?! *[|+])")  # indented, behind the margin of an exception group or not
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{6,}")  # an Authorization header (RFC 9110 §11.6.2)
_USERINFO = re.compile(r"(://[^/@\s:'\"]*:)[^/@\s'\"]+@")  # a password inside a URL


def is_secret(name: object) -> bool:
    """Return whether a variable, a key or a header of this name is masked."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return isinstance(text, str) and _SECRET_NAME.search(text.replace("-", "_")) is not None


def shown_locals(frame: FrameType) -> list[tuple[str, str]]:
    """Return the names and values of a frame's variables as text, in the order they were bound."""
    variables = [(name, value) for name, value in list(frame.f_locals.items()) if not name.startswith("__")]
    return [(name, shown(name, value)) for name, value in variables[:_MOST_VARIABLES]]


def shown(name: object, value: object) -> str:
    """Return a value as text of a bounded length, or the mask if it is named like a secret."""
    if is_secret(name):
        return MASK
    try:
        return _repr.repr(value)
    except Exception as exc:  # half-built objects often fail in their repr, and the page must not
        return f"<repr raised {type(exc).__name__}>"


class _Redacted(reprlib.Repr):
    """A bounded repr that masks the values of keys, of pairs and of other reprs that are named like secrets."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 5
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 40
        self.maxstring = self.maxother = 400

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{...}"
        items = [
            f"{self.repr1(key, level - 1)}: {MASK if is_secret(key) else self.repr1(value, level - 1)}"
            for key, value in list(x.items())[: self.maxdict]
        ]
        return "{" + ", ".join([*items, "..."] if len(x) > self.maxdict else items) + "}"

    def repr_tuple(self, x: tuple[Any, ...], level: int) -> str:
        if len(x) == 2 and is_secret(x[0]):
            return f"({x[0]!r}, {MASK})"
        return super().repr_tuple(x, level)

    def repr_list(self, x: list[Any], level: int) -> str:
        if len(x) == 2 and is_secret(x[0]):
            return f"[{x[0]!r}, {MASK}]"
        return super().repr_list(x, level)

    def repr_str(self, x: str, level: int) -> str:
        return masked(super().repr_str(x, level))

    def repr_bytes(self, x: bytes | bytearray, level: int) -> str:
        text = repr(x[: self.maxstring])
        return masked(text if len(x) <= self.maxstring else f"{text}...")

    repr_bytearray = repr_bytes

    def repr_instance(self, x: Any, level: int) -> str:
        return masked(super().repr_instance(x, level))


def masked(text: str) -> str:
    """Return a repr, message or log line with values such as `password='...'` and `"token": "..."` masked."""
    text = _CREDENTIALS.sub(rf"\1\2{MASK}", text)
    return _USERINFO.sub(rf"\1{MASK}@", _SECRET_IN_REPR.sub(rf"\1{MASK}", text))


def masked_source(line: str) -> str:
    """Return a line of source with the secrets in its literals masked."""
    line = _SECRET_IN_SOURCE.sub(rf"\1{MASK}", line)
    return _LITERAL.sub(lambda literal: literal[0][0] + masked(literal[0][1:-1]) + literal[0][-1], line)


def masked_traceback(text: str) -> str:
    """Return a formatted traceback with the secrets in its source lines and messages masked."""
    lines = text.splitlines(keepends=True)
    return "".join(masked_source(line) if _SOURCE_LINE.match(line) else masked(line) for line in lines)


_repr = _Redacted()
