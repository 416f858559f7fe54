"""Glob patterns of paths below a directory.

`*`, `?` and `[a-z]` stand for characters of one segment, `**` for any number of segments. A pattern without a slash is
compared with the name of a file in any folder.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from re import Match

_TOKEN = re.compile(r"(?P<folders>(?:(?<=/)|^)\*\*/)|(?P<all>\*\*)|(?P<some>\*)|(?P<one>\?)|\[(?P<set>!?[^\]/]+)\]")
CATCH_ALL = frozenset({"*", "**", "**/*"})


def compile_glob(pattern: str) -> Callable[[str], Match[str] | None]:
    """Return a function that matches a relative path, with `/` between its segments, as a whole."""
    if "/" not in pattern:
        pattern = "**/" + pattern
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(pattern):
        parts += [re.escape(pattern[end : token.start()]), _translate(token)]
        end = token.end()
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL).fullmatch


def _translate(token: Match[str]) -> str:
    if token["set"]:
        negated = token["set"].startswith("!")
        characters = re.escape(token["set"].removeprefix("!")).replace(r"\-", "-")
        # A negated set matches any other character, and so the slash.
        return f"(?!/)[{'^' if negated else ''}{characters}]"
    return {"folders": "(?:[^/]+/)*", "all": ".*", "some": "[^/]*", "one": "[^/]"}[token.lastgroup or ""]


def usable_glob(pattern: str, option: str) -> str | None:
    """Return a pattern as it can match, or None for one that never can; warns of both."""
    wanted = pattern.lstrip("/")
    segments = wanted.split("/")
    if not wanted or wanted.endswith("/") or "\\" in wanted or ".." in segments or "." in segments:
        advice = f"write {wanted + '**'!r}" if wanted.endswith("/") else "write a path below the directory, with '/'"
        warn(f"{option}: {pattern!r} matches no file: {advice}")
        return None
    if wanted != pattern:
        warn(f"{option}: {pattern!r} is taken as {wanted!r}: paths below the directory begin with no slash")
    return wanted


def warn(message: str) -> None:
    """Warn of an option that has no effect, at the line that builds the application: the first outside of here."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and (frame.f_globals.get("__package__") or "").startswith(__package__):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
