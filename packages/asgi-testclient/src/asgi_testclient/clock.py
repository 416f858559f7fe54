"""A clock for the event loop of a test client: hours of sleeps, timeouts and heartbeats pass in milliseconds.

    import anyio

    from asgi_testclient import Clock, TestClient

    async def events(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await anyio.sleep(30)
        await send({"type": "http.response.body", "body": b": heartbeat"})

    def test_the_stream_sends_a_heartbeat_every_half_a_minute():
        clock = Clock()
        with TestClient(events, clock=clock).stream("GET", "/events") as response:
            assert next(response.iter_lines()) == ": heartbeat"
        assert clock.time() == 30

While the test waits for the application, and the application for nothing but time, the clock jumps to the next timer of
the loop. While the test does not wait it stands still, and `advance` moves it.

It is the clock of the loop: `anyio.sleep`, `asyncio.timeout`, `loop.call_later`, `trio.move_on_after`. `time.time()`
and `time.monotonic()` are others. A worker thread holds it: `anyio.to_thread`, `trio.to_thread`, `asyncio.to_thread`,
`loop.run_in_executor` and asgiref's `sync_to_async` (with the default limiters of anyio and trio). Real input and
output do not: a timeout around a socket's read is over at once, unless `hold` is entered.

Limits of the client, such as `timeout`, are real seconds; `disconnect_grace` and `receive_nothing` are the clock's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from ._loops.timeline import Timeline

__all__ = ["Clock"]


class Clock:
    """A clock that jumps over the times in which nothing happens. It is one event loop's at a time.

    With `auto=False` it moves by `advance` alone.
    """

    def __init__(self, *, auto: bool = True) -> None:
        self.timeline = Timeline(auto)

    def time(self) -> float:
        """Return the seconds since the clock was made."""
        return self.timeline.now

    def advance(self, seconds: float, *, timeout: float | None = 10) -> None:
        """Let so many seconds pass, timer by timer; return once the loop has nothing left to do at that time.

        Raises AppTimeout after `timeout` real seconds, and RuntimeError on the loop itself, where
        `await anyio.sleep(seconds)` does the same.
        """
        # Not `seconds < 0`, which lets NaN pass.
        if not seconds >= 0:
            raise ValueError(f"a clock is advanced by seconds from 0, not {seconds!r}")
        self.timeline.advance(seconds, timeout)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Stop the clock for a block, in the application or in the test, that waits for what is real."""
        self.timeline.hold()
        try:
            yield
        finally:
            self.timeline.release()

    def backend(self, name: Literal["asyncio", "trio"]) -> tuple[str, dict[str, Any]]:
        """Return what anyio's fixture `anyio_backend` gives for a test that itself runs on this clock.

        That is how AsyncTestClient, which uses the loop of the test, has a clock. Such a loop needs no waiting thread.
        """
        if name == "trio":
            from ._loops.backends import required

            required("trio", "the backend 'trio'")
            from ._loops.trio_clock import TrioClock

            return name, {"clock": TrioClock(self.timeline, lone=True)}
        from ._loops.timeline import ClockLoop

        return name, {"loop_factory": lambda: ClockLoop(self.timeline, lone=True)}


Clock.__module__ = __name__.partition(".")[0]
