"""Waiting for an application, with a limit, and leaving it as a client does: from a thread, and from a task."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager

from ._backends import Task
from ._callers import TaskCaller, ThreadCaller
from ._exchange import Exchange
from ._threads import LoopThread
from .exceptions import AppIgnoredDisconnect, AppTimeout

LAST_CHANCE = 1.0  # seconds for an application to end after it was cancelled

Text = Callable[[], str]


def nothing() -> str:
    """No advice."""
    return ""


class Departure:
    """Tells a test's own exception, raised since this object was made, from one that was handled all along."""

    __slots__ = ("_ambient",)

    def __init__(self) -> None:
        self._ambient = sys.exc_info()[1]

    def raised(self) -> BaseException | None:
        current = sys.exc_info()[1]
        # A generator that is closed early has not failed.
        return None if current is self._ambient or isinstance(current, GeneratorExit) else current


def settle(problem: BaseException | None, test: BaseException | None) -> None:
    """Raise a problem of the application, unless the test has one of its own: then it becomes a note on that."""
    if problem is None:
        return
    if test is None or test is problem:
        raise problem
    test.add_note(f"The application had a problem as well: {type(problem).__name__}: {problem}")


def gather(problems: list[BaseException]) -> BaseException | None:
    """The first of some problems, the others as notes on it."""
    for other in problems[1:]:
        problems[0].add_note(f"Another problem: {type(other).__name__}: {other}")
    return problems[0] if problems else None


def _late(title: str, what: str, seconds: float, where: str, exchange: Exchange, advice: str) -> str:
    text = f"{title}: {what} after {seconds:g} s. {where} {exchange.progress()}"
    return f"{text}\n{advice}" if advice else text


def _warn_ignored(title: str, grace: float, where: str) -> None:
    warnings.warn(
        f"{title}: the client left, but the application was still running {grace:g} s later, and was cancelled. {where}"
        "\nA server does not cancel it: await receive() until http.disconnect or websocket.disconnect, or give it more "
        "time with disconnect_grace=.",
        AppIgnoredDisconnect,
        stacklevel=4,
    )


def _last_chance(exchange: Exchange) -> float | None:
    """Seconds for an application to end after it was cancelled; a client without limits waits for it."""
    return LAST_CHANCE if exchange.settings.disconnect_grace or exchange.settings.timeout is not None else None


def _shield() -> AbstractContextManager[object]:
    """A scope that a cancellation of the test does not reach: the application is seen to its end first."""
    from anyio import CancelScope

    return CancelScope(shield=True)


def _is_broken_request(exc: BaseException) -> bool:
    """Whether the test's own body failed: neither a time limit nor an interruption."""
    return isinstance(exc, Exception) and not isinstance(exc, AppTimeout)


class ThreadRun:
    """An exchange on a loop thread, waited for by another thread. `title` names it in errors."""

    def __init__(self, exchange: Exchange, caller: ThreadCaller, thread: LoopThread, title: str) -> None:
        self.exchange = exchange
        self.caller = caller
        self.thread = thread
        self.title = title

    def start(self) -> None:
        self.thread.loop.post(self.exchange.start)

    def done(self) -> bool:
        return self.exchange.done

    def wait(self, ready: Callable[[], bool], seconds: float | None, what: Text, advice: Text = nothing) -> None:
        """Wait until it is ready; AppTimeout when the time is over, unless a debugger holds the application."""
        while not self.caller.until(ready, seconds):
            from ._waiting import debugged

            if not debugged(self.thread.ident):
                where = self._where()
                raise AppTimeout(_late(self.title, what(), seconds or 0, where, self.exchange, advice()))
        if self.thread.crash is not None:
            raise self.thread.crash

    def leave(self) -> None:
        """Disconnect; give the application its grace, then cancel it and warn."""
        if self.exchange.done:
            return
        grace = self.exchange.settings.disconnect_grace
        self.tell(self.exchange.disconnect)
        if not grace:
            self.rest()
            self.force()
        elif not self.caller.until(self.done, grace):
            where = self._where()
            self.force()
            _warn_ignored(self.title, grace, where)

    def rest(self) -> None:
        """Let an application that is about to end do so, without waiting for what it waits for."""
        self.tell(self.exchange.rest)
        self.caller.until(lambda: self.exchange.rested or self.exchange.done, LAST_CHANCE)

    def abort(self, exc: BaseException) -> None:
        """Disconnect, and cancel: at once where the test has given up, after the grace where its request is broken."""
        self.tell(self.exchange.disconnect)
        if not _is_broken_request(exc) or not self.caller.until(self.done, self.exchange.settings.disconnect_grace):
            self.force()

    def force(self) -> None:
        if not self.exchange.done:
            self.tell(self.exchange.cancel)
            self.caller.until(self.done, _last_chance(self.exchange))

    def tell(self, function: Callable[[], object]) -> None:
        """Have the loop do something, if it still runs."""
        try:
            self.thread.loop.post(function)
        except RuntimeError:
            return

    def _where(self) -> str:
        from ._waiting import located

        task: Task | None = self.exchange.task
        return "" if task is None else located(self.thread, task)


class TaskRun:
    """An exchange on the loop of the task that waits for it. `title` names it in errors."""

    def __init__(self, exchange: Exchange, caller: TaskCaller, title: str) -> None:
        self.exchange = exchange
        self.caller = caller
        self.title = title

    def start(self) -> None:
        self.exchange.start()

    def done(self) -> bool:
        return self.exchange.done

    async def wait(self, ready: Callable[[], bool], seconds: float | None, what: Text, advice: Text = nothing) -> None:
        """Wait until it is ready; AppTimeout when the time is over, unless a debugger holds the application."""
        while not await self.caller.until(ready, seconds):
            from ._waiting import debugged

            if not debugged(None):
                where = self._where()
                raise AppTimeout(_late(self.title, what(), seconds or 0, where, self.exchange, advice()))

    async def leave(self) -> None:
        """Disconnect; give the application its grace, then cancel it and warn."""
        if self.exchange.done:
            return None
        grace = self.exchange.settings.disconnect_grace
        self.exchange.disconnect()
        with _shield():
            if not grace:
                await self.rest()
                return await self.force()
            if await self.caller.until(self.done, grace):
                return None
            where = self._where()
            await self.force()
        _warn_ignored(self.title, grace, where)
        return None

    async def rest(self) -> None:
        """Let an application that is about to end do so, without waiting for what it waits for."""
        self.exchange.rest()
        await self.caller.until(lambda: self.exchange.rested or self.exchange.done, LAST_CHANCE)

    async def abort(self) -> None:
        """Disconnect and cancel at once: the test has given up, or was itself cancelled."""
        self.exchange.disconnect()
        with _shield():
            await self.force()

    async def force(self) -> None:
        if not self.exchange.done:
            self.exchange.cancel()
            await self.caller.until(self.done, _last_chance(self.exchange))

    def _where(self) -> str:
        from ._waiting import suspended

        task: Task | None = self.exchange.task
        return "" if task is None else suspended(self.exchange.loop, task)
