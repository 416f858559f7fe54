"""Count the bytecode instructions that a call executes: the same on every machine and under any load."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Coroutine
from types import CodeType
from typing import Any


class Counter:
    """Counts instructions, of all code but this file's, in this thread and in those that begin meanwhile.

    `only` counts those of the files alone whose name has it, `without` leaves one file out.
    """

    def __init__(self, only: str = "", without: str = "") -> None:
        self.only = only
        self.without = (__file__, without)
        self.count = 0

    def _counts(self, code: CodeType) -> bool:
        return self.only in code.co_filename and code.co_filename not in self.without

    if sys.version_info >= (3, 12):

        def _instruction(self, code: CodeType, offset: int) -> Any:
            if not self._counts(code):
                return sys.monitoring.DISABLE
            # Monitoring is of all threads: one that was there before, such as xdist's, does not belong to the call.
            self.count += threading.get_ident() not in self._others
            return None

        def __enter__(self) -> Counter:
            self._others = sys._current_frames().keys() - {threading.get_ident()}
            monitoring = sys.monitoring
            monitoring.use_tool_id(monitoring.PROFILER_ID, "steps")
            monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.INSTRUCTION, self._instruction)
            monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.INSTRUCTION)
            return self

        def __exit__(self, *exc: object) -> None:
            sys.monitoring.set_events(sys.monitoring.PROFILER_ID, 0)
            sys.monitoring.free_tool_id(sys.monitoring.PROFILER_ID)
            sys.monitoring.restart_events()

    else:

        def _trace(self, frame: Any, event: str, arg: object) -> Any:
            if not self._counts(frame.f_code):
                return None
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            return self._opcode

        def _opcode(self, frame: Any, event: str, arg: object) -> Any:
            self.count += event == "opcode"
            return self._opcode

        def __enter__(self) -> Counter:
            self._before = sys.gettrace()  # coverage's, perhaps
            self._before_in_threads = threading.gettrace()
            threading.settrace(self._trace)
            sys.settrace(self._trace)
            return self

        def __exit__(self, *exc: object) -> None:
            sys.settrace(self._before)
            # A measurement of coverage has another function for threads: one tracer for all would lose lines.
            threading.settrace(self._before_in_threads)  # type: ignore[arg-type]


def steps(call: Callable[[], object]) -> int:
    """The instructions of a call."""
    with Counter() as counter:
        call()
    return counter.count


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("it waits")
