"""Settings that must not be printed, and settings that are lists of strings.

    from asgi_requests.secrets import CommaSeparatedStrings, Secret

    key = Secret("correct horse")
    assert repr(key) == "Secret('**********')" and str(key) == "correct horse"
    assert list(CommaSeparatedStrings("127.0.0.1, localhost")) == ["127.0.0.1", "localhost"]

A program reads them with `str()` and `list()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import shlex
from typing import overload


class Secret:
    """A string that only `str()` shows: its repr, and so a traceback or a log, hides it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __str__(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}('**********')"

    def __bool__(self) -> bool:
        return bool(self._value)


class CommaSeparatedStrings(Sequence[str]):
    r"""A sequence of strings from "a, b" or from a sequence; quotes protect commas, `#` and `\` are text.

    Raises ValueError for a quotation that is not closed.
    """

    _items: list[str]

    def __init__(self, value: str | Sequence[str]) -> None:
        if isinstance(value, str):
            splitter = shlex(value, posix=True)
            splitter.whitespace = ","
            splitter.whitespace_split = True
            # shlex would drop the rest after a `#` and take `\` as an escape, and passwords have both.
            splitter.commenters = splitter.escape = ""
            self._items = [item.strip() for item in splitter]
        else:
            self._items = list(value)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._items[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._items!r})"

    def __str__(self) -> str:
        return ", ".join(repr(item) for item in self._items)
