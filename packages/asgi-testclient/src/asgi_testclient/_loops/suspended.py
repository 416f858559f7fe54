"""The line an application is suspended at, or that blocks its loop, and the calls that led there."""

from __future__ import annotations

import asyncio
import gc
import linecache
import os
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from .backends import AsyncioLoop, Loop, TrioLoop, TrioTask

HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
STDLIB = sysconfig.get_path("stdlib") + os.sep
DEBUGGERS = frozenset({"bdb", "pdb", "pudb", "ipdb", "pydevd", "debugpy", "_pydevd_bundle"})
OTHERS = 3
SHOWN = 4

Line = tuple[str, int, str]


def suspended(loop: Loop, task: Any) -> str:
    """Return where a task is suspended, and other tasks of the application; to be called on their loop."""
    if isinstance(loop, TrioLoop):
        return _sentence(_trio_chains(task.native if isinstance(task, TrioTask) else None))
    assert isinstance(loop, AsyncioLoop)
    return _sentence(_asyncio_chains(loop, task))


def located(loop: Loop, thread_id: int | None, task: Any) -> str:
    """Return where a task is suspended, or what blocks the thread of its loop; to be called from another thread."""
    answers: list[str] = []
    ready = threading.Event()

    def look() -> None:
        answers.append(suspended(loop, task))
        ready.set()

    loop.post(look)
    # A loop that does not answer within half a second is blocked: the frame of its thread says where.
    return answers[0] if ready.wait(0.5) else _blocked(thread_id)


def debugged(thread_id: int | None) -> bool:
    """Return whether a debugger holds that thread, or this one."""
    for ident in (thread_id, threading.get_ident()):
        frame = sys._current_frames().get(ident or 0)
        while frame is not None:
            if str(frame.f_globals.get("__name__", "")).partition(".")[0] in DEBUGGERS:
                return True
            frame = frame.f_back
    return False


def _blocked(thread_id: int | None) -> str:
    frame = sys._current_frames().get(thread_id or 0)
    lines: list[Line] = []
    while frame is not None:
        lines.append(_line(frame, frame.f_lineno))
        frame = frame.f_back
    lines.reverse()
    return f"The application blocks the event loop at {_path(lines)}."


def _sentence(chains: Iterable[list[Line]]) -> str:
    paths = [path for chain in chains if (path := _path(chain))]
    if not paths:
        return "The application waits in no line of its own."
    text = f"The application is suspended at {paths[0]}."
    if others := paths[1 : OTHERS + 1]:
        text += "".join(f"\n  also waiting: {path}" for path in others)
    return text


def _path(chain: list[Line]) -> str:
    """Return the last few lines of the reader's own code; without any, those of libraries, or of anything else."""
    ours = [line for line in chain if not line[0].startswith(HERE)]
    libraries = [line for line in ours if not line[0].startswith((STDLIB, "<frozen"))]
    own = [line for line in libraries if not _installed(line[0])] or libraries or ours
    if not own:
        return ""
    steps = " -> ".join(f"{os.path.basename(name)}:{number} in {function}" for name, number, function in own[-SHOWN:])
    source = linecache.getline(own[-1][0], own[-1][1]).strip()
    return f"{steps}: `{source}`" if source else steps


def _installed(filename: str) -> bool:
    return filename.startswith((STDLIB, "<frozen")) or "site-packages" in filename


def _asyncio_chains(loop: AsyncioLoop, task: Any) -> Iterator[list[Line]]:
    yield _chain(task.get_coro())
    for other in asyncio.all_tasks(loop.native):
        if other is not task and _is_of_the_application(chain := _chain(other.get_coro())):
            yield chain


def _is_of_the_application(chain: list[Line]) -> bool:
    """Return whether a task runs the reader's own code and does not wait in this package, as a test does."""
    return not any(line[0].startswith(HERE) for line in chain) and not all(_installed(line[0]) for line in chain)


def _chain(awaitable: Any) -> list[Line]:
    lines: list[Line] = []
    # Bounded: a recursion may be thousands of levels deep.
    while awaitable is not None and len(lines) < 100:
        frame, inner = _frame_of(awaitable)
        if frame is not None:
            lines.append(_line(frame, frame.f_lineno))
        awaitable = inner
    return lines


def _frame_of(awaitable: Any) -> tuple[FrameType | None, Any]:
    for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
        if hasattr(awaitable, inner):
            return getattr(awaitable, f"{prefix}_frame", None), getattr(awaitable, inner)
    kind = type(awaitable).__name__
    if kind in ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper"):
        # These have no attribute for what they wrap, but the garbage collector knows it.
        wrapped = (
            inside
            for inside in gc.get_referents(awaitable)
            if hasattr(inside, "ag_await" if "gen" in kind else "cr_await")
        )
        return None, next(wrapped, None)
    return None, None


def _trio_chains(task: Any) -> Iterator[list[Line]]:
    waiting = [task] if task is not None else []
    while waiting:
        current = waiting.pop(0)
        # A parent comes before the tasks of its nurseries: it is the one that the caller asked about.
        yield _chain(current.coro)
        for nursery in current.child_nurseries:
            waiting.extend(nursery.child_tasks)


def _line(frame: FrameType, number: int | None) -> Line:
    return frame.f_code.co_filename, number or frame.f_code.co_firstlineno, frame.f_code.co_name
