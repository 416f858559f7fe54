"""The place in an application where a rule was broken: the line that called, or where it is defined."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

OWN = __name__.partition(".")[0]
LOOPS = frozenset({"asyncio", "anyio", "concurrent", "threading", "trio", "uvloop"})
STDLIB = os.path.dirname(os.__file__)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code; `installed` if a library is behind it, which the reader cannot change."""

    text: str
    filename: str
    line: int
    installed: bool
    namespace: dict[str, Any]


def caller() -> Place | None:
    """Return the line of the application that called this package, and of the reader's own code behind it.

    None if only an event loop did: the call was made a task of its own.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package(frame) == OWN:
        frame = frame.f_back
    if frame is None or _package(frame) in LOOPS:
        return None
    code, line, installed = frame.f_code, frame.f_lineno, is_installed(frame.f_code)
    text = line_of(code, line)
    own = _own_code_behind(frame) if installed else None
    if own is not None:
        text += f", called from {line_of(own.f_code, own.f_lineno)}"
    return Place(text, code.co_filename, line, installed or _wraps_send_of_library(frame), frame.f_globals)


def definition(app: object) -> str | None:
    """Return where an application is written, or its repr; for mistakes that show when it has returned."""
    while type(app).__module__.startswith(f"{OWN}.") and hasattr(app, "app"):
        app = app.app
    function: Any = app if hasattr(app, "__code__") else vars(type(app)).get("__call__")
    code = getattr(function, "__code__", None)
    return line_of(code, code.co_firstlineno) if isinstance(code, CodeType) else repr(app)


def _wraps_send_of_library(frame: FrameType) -> bool:
    """Return whether only functions such as the `send` of a middleware lie between this call and a library."""
    behind: FrameType | None = frame
    while behind is not None and not is_installed(behind.f_code) and _is_given_message(behind):
        behind = behind.f_back
    return behind is not None and _package(behind) not in {*LOOPS, OWN} and is_installed(behind.f_code)


def _is_given_message(frame: FrameType) -> bool:
    code = frame.f_code
    given = (frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount])
    # The types of messages have a dot in them, those of scopes have none.
    return any(isinstance(one, dict) and "." in str(one.get("type")) for one in given)


def _own_code_behind(frame: FrameType) -> FrameType | None:
    behind: FrameType | None = frame
    while behind is not None and _package(behind) not in LOOPS and _package(behind) != OWN:
        if not is_installed(behind.f_code):
            return behind
        behind = behind.f_back
    return None


def _package(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__") or ""
    return name.partition(".")[0]


def is_installed(code: CodeType) -> bool:
    """Return whether code belongs to a library."""
    name = code.co_filename
    # <frozen ...> is code that the interpreter holds itself, such as importlib's.
    return "site-packages" in name or "dist-packages" in name or name.startswith((STDLIB, "<frozen"))


def line_of(code: CodeType, line: int) -> str:
    """Return the place of a line: its file, its number and its function."""
    return f"{code.co_filename}:{line} in {code.co_qualname}"
