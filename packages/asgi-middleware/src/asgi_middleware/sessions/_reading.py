"""The reading of one request's session: before the application runs, at the first access, or when awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from .._cancel import runner_for_threads
from ._contents import EMPTY, StoredSession
from ._json import encode

if TYPE_CHECKING:
    from ._records import Record

_NOT_LOADED = (
    "the session has not been read yet: write `session = await request.session.load()` (or `await "
    "scope['session'].load()`) before using it, or leave out lazy=True"
)


class Reading:
    """The reading of one session. `failure` is an outage of the store, after which nothing is saved.

    `now` reads without waiting, if the store can; `later` is awaited. With `fails` an outage is raised.
    """

    __slots__ = ("_later", "_now", "_run", "_thread", "done", "fails", "failure", "record")

    def __init__(
        self,
        now: Callable[[], Record | None] | None,
        later: Callable[[], Awaitable[Record | None]] | None,
        *,
        fails: bool,
    ) -> None:
        self._now = now
        self._later = later
        self.fails = fails
        self.record: Record | None = None
        self.failure: OSError | None = None
        self.done = False
        self._thread = get_ident()
        self._run: Callable[[Callable[[], Awaitable[None]]], Any] | None = None

    def allow_threads(self) -> None:
        """Let an access from a worker thread wait there for the store; the event loop's own thread must not."""
        self._run = runner_for_threads()

    @property
    def is_near(self) -> bool:
        """True if the session can be read without awaiting."""
        return self.done or self._now is not None or (self._run is not None and get_ident() != self._thread)

    def stored(self) -> StoredSession:
        """Return the stored contents. Raises RuntimeError if they have to be awaited, OSError for an outage."""
        if not self.done:
            if self._now is not None:
                try:
                    self._take(self._now())
                except OSError as exc:
                    self._fail(exc)
            elif self._run is not None and get_ident() != self._thread:
                self._run(self.read)
            else:
                raise RuntimeError(_NOT_LOADED)
        if self.record is None:
            return EMPTY
        return StoredSession(self.record.data, encode(self.record.data))

    async def read(self) -> None:
        """Read the store. Raises OSError for an outage if `fails`."""
        assert self._later is not None, "a session that can be read at once is not awaited"
        try:
            self._take(await self._later())
        except OSError as exc:
            self._fail(exc)

    def _take(self, record: Record | None) -> None:
        if not self.done:  # another task may have read it meanwhile, and have changed it since
            self.record = record
            self.done = True

    def _fail(self, exc: OSError) -> None:
        """Continue with an empty session, or raise the exception."""
        self.failure = exc
        if self.fails:
            raise exc
        self.done = True
