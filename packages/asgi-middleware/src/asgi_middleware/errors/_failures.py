"""An exception, its causes and its frames as plain values with secrets masked, for the debug page."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from traceback import TracebackException
from types import FrameType, TracebackType

from ._redaction import masked, masked_source, shown_locals

_CONTEXT = 5  # lines around the one that failed
_MOST_FRAMES = 60
_MOST_CHILDREN = 15
_DEEPEST = 12
_LONGEST_LINE = 400
_LIBRARIES = (
    str(Path(linecache.__file__).parent),  # the standard library
    str(Path(__file__).parents[1]),  # this package, wherever it is installed
    "<frozen",
)


@dataclass(slots=True)
class Frame:
    """One call of a traceback. `marked` are the columns of the failing expression in the line `lineno`."""

    filename: str
    module: str
    function: str
    lineno: int
    lines: list[tuple[int, str]]
    marked: tuple[int, int] | None
    is_library: bool
    variables: list[tuple[str, str]]


@dataclass(slots=True)
class Failure:
    """One exception of a chain; `frames` begin with the most recent call, `omitted` is the number of skipped ones."""

    name: str
    message: str
    notes: list[str]
    frames: list[Frame]
    omitted: int
    children: list[Failure] = field(default_factory=list)
    origin: Failure | None = None
    is_cause: bool = False


def describe(exc: BaseException, *, show_locals: bool) -> Failure:
    """Describe an exception with its cause or context and the members of a group, each once, to a bounded depth."""
    return _describe(exc, show_locals, {id(exc)}, 0)


def _describe(exc: BaseException, show_locals: bool, seen: set[int], depth: int) -> Failure:
    frames = [_frame(tb, show_locals=show_locals) for tb in _tracebacks(exc.__traceback__)]
    frames.reverse()
    omitted = max(0, len(frames) - _MOST_FRAMES)
    if omitted:
        del frames[_MOST_FRAMES // 2 : len(frames) - _MOST_FRAMES // 2]
    failure = Failure(_name(exc), masked(_message(exc)), [masked(note) for note in _notes(exc)], frames, omitted)
    origin = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    members = exc.exceptions[:_MOST_CHILDREN] if isinstance(exc, BaseExceptionGroup) else ()
    for other in (origin, *members):
        # A chain may be a cycle: `raise a from b` while b is raised from a.
        if other is None or id(other) in seen or depth == _DEEPEST:
            continue
        seen.add(id(other))
        described = _describe(other, show_locals, seen, depth + 1)
        if other is origin:
            failure.origin, failure.is_cause = described, origin is exc.__cause__
        else:
            failure.children.append(described)
    return failure


def _name(exc: BaseException) -> str:
    cls = type(exc)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def _message(exc: BaseException) -> str:
    """Return the last lines of a traceback, with Python's suggestions and the line of a SyntaxError."""
    summary = TracebackException(type(exc), exc, exc.__traceback__, compact=True, lookup_lines=False)
    summary.__notes__ = None
    text = "".join(summary.format_exception_only()).rstrip("\n")
    head, separator, rest = text.partition(": ")
    return rest if separator and head == _name(exc) else text if isinstance(exc, SyntaxError) else ""


def _notes(exc: BaseException) -> list[str]:
    notes = getattr(exc, "__notes__", None)
    return [str(note) for note in notes] if isinstance(notes, list) else []


def _tracebacks(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


def _frame(tb: TracebackType, *, show_locals: bool) -> Frame:
    frame = tb.tb_frame
    code = frame.f_code
    lines = _source(frame)
    lineno = tb.tb_lineno or 0
    first = max(1, lineno - _CONTEXT)
    around = [line.rstrip("\n")[:_LONGEST_LINE] for line in lines[first - 1 : lineno + _CONTEXT]]
    shown = [masked_source(line) for line in around]
    # The columns refer to the original line, so they are wrong for one in which a secret was masked.
    is_shown = 0 < lineno <= len(lines) and shown[lineno - first] == around[lineno - first]
    return Frame(
        filename=code.co_filename,
        module=str(frame.f_globals.get("__name__")),
        function=code.co_qualname,
        lineno=lineno,
        lines=list(enumerate(shown, first)),
        marked=_marked(tb, lines[lineno - 1]) if is_shown else None,
        is_library=_is_library(code.co_filename),
        variables=shown_locals(frame) if show_locals else [],
    )


def _source(frame: FrameType) -> list[str]:
    # As in the traceback module: modules from a zip file have their source in __loader__, and a file may have been
    # edited since it was cached.
    linecache.lazycache(frame.f_code.co_filename, frame.f_globals)
    linecache.checkcache(frame.f_code.co_filename)
    return linecache.getlines(frame.f_code.co_filename, frame.f_globals)


def _marked(tb: TracebackType, line: str) -> tuple[int, int] | None:
    """Return the columns of the failing expression, or None if it is the whole line or they are unknown (python -X).

    Code objects count bytes of UTF-8, the page characters.
    """
    first, last, start, end = next(islice(tb.tb_frame.f_code.co_positions(), tb.tb_lasti // 2, None))
    encoded = line.rstrip("\n").encode()
    begin = len(encoded[: start or 0].decode(errors="replace"))
    stop = len(encoded[:end].decode(errors="replace")) if first == last else len(line.rstrip("\n"))
    whole = line.strip()
    return None if line[begin:stop].strip() == whole else (begin, stop)


def _is_library(filename: str) -> bool:
    return "site-packages" in filename or "dist-packages" in filename or filename.startswith(_LIBRARIES)
