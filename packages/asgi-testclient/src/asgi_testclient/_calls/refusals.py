"""Tell an application that refuses the lifespan from one that is broken.

ASGI lets an application raise on the lifespan scope, and servers then go on without it. So does the client where the
exception says that the application knows no lifespan. A middleware that cannot be built, or that fails on a scope
without a path, looks the same to a server, but is a mistake that a test should hear of.
"""

from __future__ import annotations

from collections.abc import Iterator
from opcode import opmap
from traceback import extract_tb
from types import FrameType, TracebackType

RAISE = opmap["RAISE_VARARGS"]  # `raise` and `assert`
BUILDERS = frozenset({"__init__", "__new__", "__post_init__", "build_middleware_stack"})


def refuses_lifespan(exc: BaseException) -> bool:
    """Return whether an exception says that the application knows no lifespan.

    It names the lifespan, or is raised on purpose by the code that has the scope: `assert scope["type"] == "http"`.
    """
    # The text of an assertion is no message: pytest writes the values into it.
    if isinstance(exc, NotImplementedError) or ("lifespan" in str(exc).lower() and not isinstance(exc, AssertionError)):
        return True
    last = [*_steps(exc)][-1:]
    return any(
        step.tb_frame.f_code.co_code[step.tb_lasti] == RAISE
        and _has_scope(step.tb_frame)
        and step.tb_frame.f_code.co_name not in BUILDERS
        for step in last
    )


def fails_to_build(exc: BaseException) -> bool:
    """Return whether an exception comes from the construction of something that knows no scope, as a middleware."""
    return any(step.tb_frame.f_code.co_name in BUILDERS and not _has_scope(step.tb_frame) for step in _steps(exc))


def raised_at(exc: BaseException) -> str:
    """Return an exception and the line that raised it."""
    lines = extract_tb(exc.__traceback__)[-1:]
    return f"{exc!r}" + "".join(f" at {line.filename}:{line.lineno} in {line.name}" for line in lines)


def _steps(exc: BaseException) -> Iterator[TracebackType]:
    step = exc.__traceback__
    while step is not None:
        yield step
        step = step.tb_next


def _has_scope(frame: FrameType) -> bool:
    return any(isinstance(value, dict) and value.get("type") == "lifespan" for value in frame.f_locals.values())
