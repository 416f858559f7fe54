"""Exceptions that were raised elsewhere, in the application or while something was closed, as a test hears of them."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType

__tracebackhide__ = True  # pytest shows the code of its reader instead

PACKAGE = __name__.partition(".")[0]
HTTPX = ("httpx", "httpx2")
NURSERIES = ("unhandled errors in a TaskGroup", "Exceptions from Trio nursery")


class TestError:
    """The exception of a test that was raised since this object was made, as opposed to one it is handling anyway."""

    __test__ = False
    __slots__ = ("_handled",)

    def __init__(self) -> None:
        self._handled = sys.exc_info()[1]

    def current(self) -> BaseException | None:
        """Return the exception, or None. Closing a generator early is not a failure."""
        current = sys.exc_info()[1]
        return None if current is self._handled or isinstance(current, GeneratorExit) else current


def raise_or_note(problem: BaseException | None, test: BaseException | None) -> None:
    """Raise a problem of the application, or add it as a note to the exception that the test has raised before."""
    if problem is None:
        return
    if test is None or test is problem:
        try:
            raise problem
        finally:
            problem = test = None  # no reference cycle through the traceback
    test.add_note(f"The application had a problem as well: {type(problem).__name__}: {problem}")


def combine(problems: list[BaseException]) -> BaseException | None:
    """Return the first of some problems, with the others as its notes, and empty the list."""
    first = problems[0] if problems else None
    for other in problems[1:]:
        problems[0].add_note(f"Another problem: {type(other).__name__}: {other}")
    problems.clear()  # the frames in which they were collected know the list: no reference cycle through the traceback
    return first


class Collecting:
    """One step of several that all have to be taken: what it raises is appended to a list."""

    # Not a generator: on Python 3.13 its frame keeps that of `contextlib`, which has the exception: a reference cycle.
    __slots__ = ("_problems",)

    def __init__(self, problems: list[BaseException]) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, traceback: object) -> bool:
        if problem is not None:
            self._problems.append(problem)
        return True


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the line of the test that called this package, or an httpx on top of it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (PACKAGE, *HTTPX):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def add_note_once(exc: BaseException, note: str | None) -> None:
    """Add a note that an exception does not have yet."""
    if note is not None and note not in getattr(exc, "__notes__", ()):
        exc.add_note(note)


def chain(exc: BaseException | None) -> list[BaseException]:
    """Return an exception, those it was raised from or while handling, and the members of groups."""
    links: list[BaseException] = []
    waiting = [exc]
    while waiting:
        link = waiting.pop()
        if link is None or link in links:
            continue
        links.append(link)
        waiting += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
    return links


def unwrapped(exc: BaseException | None) -> BaseException | None:
    """Return the one exception inside the groups that task groups and nurseries make; any other group as it is."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1 and exc.message.startswith(NURSERIES):
        exc = exc.exceptions[0]
    return exc


def trimmed(exc: BaseException) -> BaseException:
    """Return the exception, its traceback begun where the application begins."""
    traceback: TracebackType | None = exc.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__", "").startswith(PACKAGE):
        traceback = traceback.tb_next
    return exc if traceback is None else exc.with_traceback(traceback)


def is_cancellation(exc: BaseException) -> bool:
    """Return whether an exception is the cancellation of asyncio or trio."""
    return type(exc).__name__ in ("CancelledError", "Cancelled") and type(exc).__module__.startswith(
        ("asyncio", "trio", "concurrent")
    )
